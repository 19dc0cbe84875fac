// Turns a `GatewayError` into what a client of the API understands. Nothing else does.
//
//   {"type":"error","error":{"type":"rate_limit_error","message":"…"},"request_id":"…"}
//
// Kind: pure functions; the bytes live in the exchange's arena.

enum ErrorResponse {
    /// Sets the response headers of the exchange and returns the body.
    static func stage(_ error: GatewayError, requestID: Bytes, in exchange: Exchange) -> Bytes {
        add("content-type", Bytes("application/json"), exchange)
        if let seconds = error.retryAfterSeconds {
            add("retry-after", exchange.arena.copy("\(seconds)"), exchange)
        }
        if error.discouragesRetry { add("x-should-retry", Bytes("false"), exchange) }
        return body(error, requestID, exchange)
    }

    /// The same as an event of a stream that has begun.
    /// - Parameter startsLine: the stream was cut inside an event, which must be ended first.
    static func event(_ error: GatewayError, requestID: Bytes, startsLine: Bool, in exchange: Exchange) -> Bytes {
        let message = exchange.arena.copy(error.message)
        let type = type(of: error)
        let event = AnthropicError.event(type: type, message: message, requestID: requestID)
        return copy((startsLine ? [0x0a, 0x0a] : []) + event, exchange)
    }

    private static func body(_ error: GatewayError, _ requestID: Bytes, _ exchange: Exchange) -> Bytes {
        let message = exchange.arena.copy(error.message)
        return copy(AnthropicError.body(type: type(of: error), message: message, requestID: requestID), exchange)
    }

    /// By the API's table; 501 and 505 are no fault of the server's when the request caused them.
    private static func type(of error: GatewayError) -> Bytes {
        if error.source == .client, error.status >= 500 { return Bytes("invalid_request_error") }
        return Bytes(AnthropicError.type(forStatus: UInt16(error.status)))
    }

    private static func copy(_ bytes: [UInt8], _ exchange: Exchange) -> Bytes {
        bytes.withUnsafeBytes { exchange.arena.copy(Bytes($0)) }
    }

    private static func add(_ name: StaticString, _ value: Bytes, _ exchange: Exchange) {
        let name = Bytes(name)
        exchange.responseHeaders.append(HeaderField(name: name, value: value, known: HeaderName(name), origin: .plugin))
    }
}
