// A TLS set-up or handshake that failed, in words that say with whom, why, and how to mend it.
//
// OpenSSL keeps errors in a queue per thread, which libcurl shares. The rule of this folder: a call
// that failed empties the queue before anything else happens, and a call that will consult it starts
// with it empty (`TLSQueue.clear`).
//
// Kind: values.

import CLinux
import COpenSSL

struct TLSError: Error, Equatable, Sendable, CustomStringConvertible {
    enum Kind: Sendable {
        /// The other side's certificate was refused. Trying again does not help.
        case certificate
        /// The connection ended or failed during the handshake.
        case disconnected
        /// The other side refused us, or does not speak our TLS, or none at all.
        case handshake
        /// Our own files or options.
        case configuration
    }

    let kind: Kind
    /// "TLS with api.example.com: certificate has expired (valid until ...)".
    let description: String

    /// The reason text of an OpenSSL error code.
    static func reason(_ code: UInt) -> String {
        let system = gwtls_system_error(code)
        if system != 0 { return SystemError.text(of: system) }
        if let text = ERR_reason_error_string(code) { return String(cString: text) }
        return "OpenSSL error \(String(code, radix: 16))"
    }

    /// Our own set-up failed; the queue says why.
    static func configuration(_ what: String) -> TLSError {
        let code = TLSQueue.takeFirst()
        return TLSError(kind: .configuration, description: code == 0 ? what : "\(what): \(reason(code))")
    }

    /// A handshake failed in the protocol. `certificate` is what the verification had noted.
    static func handshake(with peer: String, code: UInt, certificate: String?) -> TLSError {
        if gwtls_is_verify_failure(code) != 0 {
            return TLSError(kind: .certificate, description: "TLS with \(peer): \(certificate ?? reason(code))")
        }
        if gwtls_is_unexpected_end(code) != 0 { return disconnected(peer, nil) }
        let hint = gwtls_is_not_tls(code) != 0 ? " (the other side does not speak TLS on this port)" : ""
        return TLSError(kind: .handshake, description: "TLS with \(peer): \(reason(code))\(hint)")
    }

    static func disconnected(_ peer: String, _ errno: Int32?) -> TLSError {
        let reason = errno.map { SystemError.text(of: $0) } ?? "the connection was closed during the handshake"
        return TLSError(kind: .disconnected, description: "TLS with \(peer): \(reason)")
    }
}

/// OpenSSL's error queue of the calling thread.
enum TLSQueue {
    /// Empties the queue; costs next to nothing when it is empty.
    @inline(__always)
    static func clear() {
        if ERR_peek_error() != 0 { ERR_clear_error() }
    }

    /// The oldest error, which is the cause of the others; the queue is then empty. 0 for none.
    static func takeFirst() -> UInt {
        let code = ERR_get_error()
        ERR_clear_error()
        return code
    }
}
