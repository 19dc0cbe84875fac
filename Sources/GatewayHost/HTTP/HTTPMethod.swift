// The methods a relay must tell apart; any other token passes as `other`.
//
// Kind: value. Methods are case-sensitive (RFC 9110 section 9.1).

enum HTTPMethod: UInt8, Sendable, Equatable {
    case other, get, head, post, put, delete, options, patch, connect, trace

    @inline(__always)
    init(_ bytes: Bytes) {
        switch bytes.count {
        case 3 where bytes.equals("GET"): self = .get
        case 3 where bytes.equals("PUT"): self = .put
        case 4 where bytes.equals("POST"): self = .post
        case 4 where bytes.equals("HEAD"): self = .head
        case 5 where bytes.equals("PATCH"): self = .patch
        case 5 where bytes.equals("TRACE"): self = .trace
        case 6 where bytes.equals("DELETE"): self = .delete
        case 7 where bytes.equals("OPTIONS"): self = .options
        case 7 where bytes.equals("CONNECT"): self = .connect
        default: self = .other
        }
    }
}
