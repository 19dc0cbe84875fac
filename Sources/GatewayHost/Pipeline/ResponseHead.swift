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
        let bound = headers.lineBytes + Self.fixedBytes + 2 * requestID.count + account.count
        HeadWriter.write(to: &output, atMost: bound) { writer in
            writer.put(status: status)
            var hasRequestID = false
            var hasDate = false
            writer.putFields(headers) { field in
                if field.known != .other {
                    if field.known.isHopByHop || field.known == .contentLength { return false }
                    if field.known == .requestID { hasRequestID = true }
                    if field.known == .date { hasDate = true }
                }
                return true
            }
            if !hasRequestID { writer.putField("request-id: ", requestID) }
            writer.putField("x-gateway-request-id: ", requestID)
            if !hasDate { writer.putField("date: ", date) }
            if !account.isAbsent { writer.putField("x-gateway-account: ", account) }
            if attempts > 0 { writer.putField("x-gateway-attempts: ", attempts) }
            if let overheadMicroseconds { writer.putField("x-gateway-overhead-us: ", overheadMicroseconds) }
            switch framing {
            case .length(let length), .bodiless(let length?): writer.putField("content-length: ", length)
            case .chunked: writer.put("transfer-encoding: chunked\r\n")
            case .bodiless(nil), .untilClose: break
            }
            if !keepAlive {
                writer.put("connection: close\r\n")
            } else if isHTTP10 {
                writer.put("connection: keep-alive\r\n")
            }
            writer.put("\r\n")
        }
    }

    /// The status line and every line the gateway may add, without the texts counted apart.
    private static let fixedBytes = StatusLine.bytesLimit + 320
}
