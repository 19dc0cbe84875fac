// What reading or writing a byte stream came to. Trivial values: they are made several times per
// exchange and cost nothing; the text of a failure is made when somebody asks for it.
//
// Kind: values.

import CLinux
import COpenSSL

enum IOResult: Sendable {
    /// Bytes were moved; at least one, unless none were offered.
    case bytes(Int)
    /// Nothing now; wait for the stream's `readInterest` or `writeInterest`.
    case wouldBlock
    /// The other side said properly that no more will come (FIN, or close_notify over TLS).
    case end
    case failed(IOFailure)
}

struct IOFailure: Error, Equatable, Sendable, CustomStringConvertible {
    private enum Kind: UInt8 { case system, truncated, tls }

    private let kind: Kind
    private let code: UInt

    /// An errno of recv or send.
    static func system(_ code: Int32) -> IOFailure { IOFailure(kind: .system, code: UInt(code)) }
    /// A TLS stream whose connection ended without close_notify: what came may be cut short
    /// (RFC 8446 section 6.1).
    static let truncated = IOFailure(kind: .truncated, code: 0)
    /// An OpenSSL error code.
    static func tls(_ code: UInt) -> IOFailure { IOFailure(kind: .tls, code: code) }

    /// The errno; nil when it was not the system that failed.
    var errno: Int32? { kind == .system ? Int32(code) : nil }

    /// The other side is gone: a reset, a broken pipe, or an end without close_notify.
    var isDisconnect: Bool {
        switch kind {
        case .system: [ECONNRESET, EPIPE, ENOTCONN].contains(Int32(code))
        case .truncated: true
        case .tls: false
        }
    }

    var description: String {
        switch kind {
        case .system: SystemError.text(of: Int32(code))
        case .truncated: "the TLS connection ended without close_notify"
        case .tls: TLSError.reason(code)
        }
    }
}

enum HandshakeResult {
    case done
    /// Call again when the stream's `interest` is there.
    case wouldBlock
    case failed(TLSError)
}
