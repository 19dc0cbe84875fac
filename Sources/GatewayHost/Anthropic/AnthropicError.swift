// Our own errors, in the shape of the provider's, so that its clients understand them.
//
//     {"type":"error","error":{"type":"rate_limit_error","message":"…"},"request_id":"req_…"}
//
// Kind: value (pure functions).

enum AnthropicError {
    /// The provider's error type for a status.
    static func type(forStatus status: UInt16) -> StaticString {
        switch status {
        case 401: "authentication_error"
        case 402: "billing_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 408, 504: "timeout_error"
        case 409: "conflict_error"
        case 413: "request_too_large"
        case 429: "rate_limit_error"
        case 529: "overloaded_error"
        case 400...499: "invalid_request_error"
        default: "api_error"
        }
    }

    /// The body of an error answer.
    ///
    /// - Parameters:
    ///   - message: English, with the reason and, if there is one, when it ends. Any bytes; it is escaped.
    ///   - requestID: what the `request-id` header says; left out when empty.
    static func body(type: Bytes, message: Bytes, requestID: Bytes) -> [UInt8] {
        var builder = JSONBuilder()
        builder.beginObject()
        builder.key("type")
        builder.value("error")
        builder.key("error")
        builder.beginObject()
        builder.key("type")
        builder.value(type)
        builder.key("message")
        builder.value(message)
        builder.endObject()
        if !requestID.isEmpty {
            builder.key("request_id")
            builder.value(requestID)
        }
        builder.endObject()
        return builder.bytes
    }

    static func body(status: UInt16, message: Bytes, requestID: Bytes) -> [UInt8] {
        body(type: Bytes(type(forStatus: status)), message: message, requestID: requestID)
    }

    /// The same as an event, for a stream that has begun and cannot end well.
    static func event(type: Bytes, message: Bytes, requestID: Bytes) -> [UInt8] {
        Array(Bytes("event: error\ndata: ").buffer) + body(type: type, message: message, requestID: requestID)
            + [0x0a, 0x0a]
    }
}
