// The methods a relay must tell apart; any other token passes as `other`.
//
// Kind: value. Methods are case-sensitive (RFC 9110 section 9.1).

enum HTTPMethod: UInt8, Sendable, Equatable {
    case other, get, head, post, put, delete, options, patch, connect, trace

    @inline(__always)
    init(_ bytes: Bytes) {
        switch bytes.count {
        case 3 where bytes.equals(Bytes("GET")): self = .get
        case 3 where bytes.equals(Bytes("PUT")): self = .put
        case 4 where bytes.equals(Bytes("POST")): self = .post
        case 4 where bytes.equals(Bytes("HEAD")): self = .head
        case 5 where bytes.equals(Bytes("PATCH")): self = .patch
        case 5 where bytes.equals(Bytes("TRACE")): self = .trace
        case 6 where bytes.equals(Bytes("DELETE")): self = .delete
        case 7 where bytes.equals(Bytes("OPTIONS")): self = .options
        case 7 where bytes.equals(Bytes("CONNECT")): self = .connect
        default: self = .other
        }
    }
}
