// Writes the head of a request as it goes upstream.
//
// Everything the client sent travels on, in order and spelling, but for what belongs to the hop
// (RFC 9110 section 7.6.1), what the client said to authenticate itself to us, and what names the
// client to others. A header that a plugin set is sent whatever its name. `accept-encoding` is
// narrowed to codings that the host can read a copy of.
//
// Kind: pure functions over buffers.

enum RequestHead {
    static func write(
        _ exchange: Exchange, target: UpstreamTarget, path: Bytes, bodyBytes: Int, to head: inout ByteBuffer
    ) {
        head.clear()
        let bound =
            exchange.method.count + target.pathPrefix.count + path.count + target.hostField.count
            + exchange.requestHeaders.lineBytes + fixedBytes
        HeadWriter.write(to: &head, atMost: bound) { writer in
            writer.put(exchange.method)
            writer.put(" ")
            writer.put(target.pathPrefix)
            writer.put(path)
            writer.put(" HTTP/1.1\r\nHost: ")
            writer.put(target.hostField)
            writer.put("\r\n")
            writer.putFields(exchange.requestHeaders) { field in
                guard field.known != .other, field.origin == .message else { return true }
                if field.known == .acceptEncoding { field.value = acceptEncoding(field.value) }
                return !isHeldBack(field.known)
            }
            if bodyBytes > 0 || expectsBody(exchange.method) { writer.putField("Content-Length: ", bodyBytes) }
            writer.put("\r\n")
        }
    }

    /// The pieces that are always there, the length, and a narrowed accept-encoding that is longer than
    /// the offered one.
    private static let fixedBytes = 128

    /// A client's header of this name stays here.
    @inline(__always)
    static func isHeldBack(_ name: HeaderName) -> Bool {
        switch name {
        case .host, .contentLength, .expect: true
        default: name.isHopByHop || name.isClientCredential || name.isForwarding
        }
    }

    /// Methods whose requests say that their body is empty (RFC 9110 section 8.6).
    private static func expectsBody(_ method: Bytes) -> Bool {
        method.equals("POST") || method.equals("PUT") || method.equals("PATCH")
    }

    /// The offered codings that the usage reader understands, else identity. A coding with weight
    /// zero is refused by the client, so a value with weights is narrowed with care.
    static func acceptEncoding(_ offered: Bytes) -> Bytes {
        var gzip = false
        var deflate = false
        forEachElement(of: offered) { element in
            let semicolon = element.buffer.firstIndex(of: 0x3b)
            let refused = semicolon.map { isZeroWeight(element.slice($0, element.count)) } ?? false
            if refused { return }
            let coding = trimmed(semicolon.map { element.slice(0, $0) } ?? element)
            if coding.equalsIgnoringCase(Bytes("gzip")) { gzip = true }
            if coding.equalsIgnoringCase(Bytes("deflate")) { deflate = true }
        }
        switch (gzip, deflate) {
        case (true, true): return Bytes("gzip, deflate")
        case (true, false): return Bytes("gzip")
        case (false, true): return Bytes("deflate")
        case (false, false): return Bytes("identity")
        }
    }

    private static func forEachElement(of list: Bytes, _ body: (Bytes) -> Void) {
        var start = 0
        for index in 0...list.count where index == list.count || list[index] == 0x2c {
            body(trimmed(list.slice(start, index)))
            start = index + 1
        }
    }

    private static func trimmed(_ bytes: Bytes) -> Bytes {
        var start = 0
        var end = bytes.count
        while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
        while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
        return bytes.slice(start, end)
    }

    /// `;q=0`, `; q=0.000`.
    private static func isZeroWeight(_ parameters: Bytes) -> Bool {
        guard let equals = parameters.buffer.firstIndex(of: 0x3d) else { return false }
        return parameters.slice(equals + 1, parameters.count).buffer.allSatisfy { $0 == 0x30 || $0 == 0x2e || $0 == 0x20 }
    }
}
