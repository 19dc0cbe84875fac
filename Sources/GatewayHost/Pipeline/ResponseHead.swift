// Writes the head of a response as it goes to the client.
//
// The upstream's headers pass in order and spelling but for those of the hop and the framing, which
// the gateway does itself. What it adds: `x-gateway-request-id` always, `request-id` only when the
// upstream sent none, `date` when there is none, and what the operator switched on.
//
// Kind: pure functions over buffers.

/// How the end of a response is told to the client.
enum ResponseFraming: Equatable {
    /// No body follows, whatever the headers say: HEAD, 204, 304. A length in the head is passed on.
    case bodiless(length: Int?)
    case length(Int)
    case chunked
    /// To the end of the connection, for HTTP/1.0 clients.
    case untilClose
}

struct ResponseHead {
    var status: Int
    var framing: ResponseFraming
    var keepAlive: Bool
    /// HTTP/1.0 clients need to be told that the connection stays.
    var isHTTP10: Bool
    var requestID: Bytes
    var date: Bytes
    /// Absent: not shown.
    var account = Bytes.absent
    var attempts = 0
    /// Microseconds the gateway itself took; nil: not shown.
    var overheadMicroseconds: Int?

    func write(_ headers: borrowing HeaderList, to output: inout ByteBuffer) {
        let room = output.room(atLeast: StatusLine.bytesLimit)
        let line = room.baseAddress!.assumingMemoryBound(to: UInt8.self)
        output.wrote(StatusLine.write(UInt16(status), to: line))
        var hasRequestID = false
        var hasDate = false
        for index in 0..<headers.count {
            let field = headers[index]
            if field.known != .other {
                if field.known.isHopByHop || field.known == .contentLength { continue }
                if field.known == .requestID { hasRequestID = true }
                if field.known == .date { hasDate = true }
            }
            output.append(field.name)
            output.append(": ")
            output.append(field.value)
            output.append("\r\n")
        }
        if !hasRequestID { append("request-id: ", requestID, &output) }
        append("x-gateway-request-id: ", requestID, &output)
        if !hasDate { append("date: ", date, &output) }
        if !account.isAbsent { append("x-gateway-account: ", account, &output) }
        if attempts > 0 { append("x-gateway-attempts: ", attempts, &output) }
        if let overheadMicroseconds { append("x-gateway-overhead-us: ", overheadMicroseconds, &output) }
        switch framing {
        case .length(let length), .bodiless(let length?): append("content-length: ", length, &output)
        case .chunked: output.append("transfer-encoding: chunked\r\n")
        case .bodiless(nil), .untilClose: break
        }
        if !keepAlive {
            output.append("connection: close\r\n")
        } else if isHTTP10 {
            output.append("connection: keep-alive\r\n")
        }
        output.append("\r\n")
    }

    private func append(_ name: StaticString, _ value: Bytes, _ output: inout ByteBuffer) {
        output.append(name)
        output.append(value)
        output.append("\r\n")
    }

    private func append(_ name: StaticString, _ value: Int, _ output: inout ByteBuffer) {
        output.append(name)
        output.append(decimal: value)
        output.append("\r\n")
    }
}
