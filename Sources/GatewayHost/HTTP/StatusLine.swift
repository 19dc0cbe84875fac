// The first line of our answers.
//
// Kind: value. Reasons are those of RFC 9110 section 15 and, for 529, of the provider.

enum StatusLine {
    /// Room that `write` needs at most.
    static let bytesLimit = 64

    /// The phrase for a status; empty when there is none, which the grammar allows.
    static func reason(_ status: UInt16) -> StaticString {
        switch status {
        case 100: "Continue"
        case 103: "Early Hints"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 402: "Payment Required"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 425: "Too Early"
        case 428: "Precondition Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        case 529: "Overloaded"
        default: ""
        }
    }

    /// Writes `HTTP/1.1 200 OK` and CR LF to `target`, which has room for `bytesLimit` bytes; returns
    /// how many bytes that is.
    static func write(_ status: UInt16, to target: UnsafeMutablePointer<UInt8>) -> Int {
        precondition((100...999).contains(status), "a status has three digits")
        var at = append("HTTP/1.1 ", to: target, at: 0)
        target[at] = 0x30 + UInt8(status / 100)
        target[at + 1] = 0x30 + UInt8(status / 10 % 10)
        target[at + 2] = 0x30 + UInt8(status % 10)
        target[at + 3] = 0x20
        at = append(reason(status), to: target, at: at + 4)
        return append("\r\n", to: target, at: at)
    }

    @inline(__always)
    private static func append(_ text: StaticString, to target: UnsafeMutablePointer<UInt8>, at: Int) -> Int {
        assert(at + text.utf8CodeUnitCount <= bytesLimit)
        (target + at).update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        return at + text.utf8CodeUnitCount
    }
}
