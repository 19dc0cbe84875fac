// What TLS connections have in common: one server context per certificate, one client context per
// set of trusted authorities.
//
// Both are made once and not changed, and shared by all loops. Reloading a certificate means making
// a new context beside the old one; connections keep the one they started with.
//
// Kind: shared. OpenSSL lets any number of threads make connections from a context that no thread
// changes any more (openssl-threads(7)), which is what makes @unchecked Sendable sound.

import CLinux
import COpenSSL

/// The process's socket BIO method; made once, never freed.
nonisolated(unsafe) let socketBIOMethod: OpaquePointer = {
    guard let method = gwtls_bio_method_new() else { preconditionFailure("OpenSSL has no memory for a BIO method") }
    return method
}()

final class TLSServerContext: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Reads a certificate chain (own certificate first) and its key, both PEM.
    /// - Parameter previous: the context this one replaces; its session tickets stay good.
    /// - Throws: `TLSError` naming the file.
    init(certificateFile: String, keyFile: String, replacing previous: TLSServerContext? = nil) throws(TLSError) {
        TLSQueue.clear()
        guard let context = SSL_CTX_new(TLS_server_method()) else { throw .configuration("TLS context") }
        pointer = context
        guard gwtls_configure(context) == 1,
            SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1
        else { throw .configuration("TLS options") }
        SSL_CTX_set_default_passwd_cb(context, refusePassphrase)
        guard SSL_CTX_use_certificate_chain_file(context, certificateFile) == 1 else {
            throw .configuration("TLS certificate file \(certificateFile)")
        }
        guard SSL_CTX_use_PrivateKey_file(context, keyFile, SSL_FILETYPE_PEM) == 1 else {
            throw .configuration(
                "TLS key file \(keyFile) (it must be PEM, without a passphrase, and fit the certificate)")
        }
        guard SSL_CTX_check_private_key(context) == 1 else {
            throw .configuration("TLS key file \(keyFile) does not fit certificate file \(certificateFile)")
        }
        // Tickets hold the session at the client; a cache of our own would be a lock between loops.
        gwtls_session_cache(context, Int(SSL_SESS_CACHE_OFF))
        if let previous, gwtls_copy_ticket_keys(previous.pointer, context) != 1 {
            throw .configuration("TLS session ticket keys")
        }
        SSL_CTX_set_alpn_select_cb(context, selectHTTP11, nil)
    }

    deinit { SSL_CTX_free(pointer) }
}

final class TLSClientContext: @unchecked Sendable {
    let pointer: OpaquePointer

    /// - Parameter caFile: PEM file of the authorities to trust; nil for the system's.
    /// - Parameter verifies: false accepts any certificate; for experiments only.
    /// - Throws: `TLSError` naming the file.
    init(caFile: String? = nil, verifies: Bool = true) throws(TLSError) {
        TLSQueue.clear()
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw .configuration("TLS context") }
        pointer = context
        guard gwtls_configure(context) == 1 else { throw .configuration("TLS options") }
        if let caFile {
            guard SSL_CTX_load_verify_file(context, caFile) == 1 else {
                throw .configuration("TLS authorities file \(caFile)")
            }
        } else {
            guard SSL_CTX_set_default_verify_paths(context) == 1 else {
                throw .configuration("the system's TLS authorities (package ca-certificates)")
            }
        }
        SSL_CTX_set_verify(context, verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, verifies ? noteCertificate : nil)
        // Sessions are kept by us, per target (TLSSessionSlot), not in a cache of the context.
        gwtls_session_cache(
            context, Int(SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL))
        SSL_CTX_sess_set_new_cb(context, keepSession)
        let http11: [UInt8] = [8] + Array("http/1.1".utf8)
        guard SSL_CTX_set_alpn_protos(context, http11, UInt32(http11.count)) == 0 else {
            throw .configuration("TLS ALPN")
        }
    }

    deinit { SSL_CTX_free(pointer) }
}

/// The last session of one target, so that the next connection to it can skip most of a handshake.
///
/// One slot per host, client context and route; a session carries the verification it was made with.
/// It is used again until a newer one arrives: RFC 8446 appendix C.4 advises single use against
/// observers who link connections, which does not matter between a gateway and its provider.
///
/// Kind: loop-confined.
final class TLSSessionSlot {
    private(set) var session: OpaquePointer?

    init() {}

    deinit { clear() }

    /// Takes over the caller's reference.
    func store(_ session: OpaquePointer) {
        clear()
        self.session = session
    }

    func clear() {
        if let session { SSL_SESSION_free(session) }
        session = nil
    }
}

@available(*, unavailable)
extension TLSSessionSlot: Sendable {}

// MARK: OpenSSL's callbacks. Free functions, so that they carry no isolation.

/// Without this OpenSSL asks the terminal.
private func refusePassphrase(
    _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int32, _ writing: Int32, _ context: UnsafeMutableRawPointer?
) -> Int32 { -1 }

/// Chooses http/1.1 when the client offers it; a client that offers only others goes on without ALPN.
private func selectHTTP11(
    _ ssl: OpaquePointer?, _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ chosenCount: UnsafeMutablePointer<UInt8>?, _ offered: UnsafePointer<UInt8>?, _ offeredCount: UInt32,
    _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let offered, let chosen, let chosenCount else { return SSL_TLSEXT_ERR_NOACK }
    let http11: StaticString = "http/1.1"
    var position = 0
    while position < Int(offeredCount) {
        let count = Int(offered[position])
        guard position + 1 + count <= Int(offeredCount) else { break }
        if count == http11.utf8CodeUnitCount, memcmp(offered + position + 1, http11.utf8Start, count) == 0 {
            // Points into the client's own list, which OpenSSL keeps for as long as it needs it.
            chosen.pointee = offered + position + 1
            chosenCount.pointee = UInt8(count)
            return SSL_TLSEXT_ERR_OK
        }
        position += 1 + count
    }
    return SSL_TLSEXT_ERR_NOACK
}

/// A new session: TLS 1.3 sends tickets after the handshake, so this happens inside a read.
private func keepSession(_ ssl: OpaquePointer?, _ session: OpaquePointer?) -> Int32 {
    guard let ssl, let session, let slot = ByteStream.from(ssl)?.sessions else { return 0 }
    slot.store(session)
    return 1
}

/// A certificate was judged; a refusal is noted in words while OpenSSL still has the certificate.
private func noteCertificate(_ accepted: Int32, _ store: OpaquePointer?) -> Int32 {
    guard accepted == 0, let store,
        let ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx())
    else { return accepted }
    ByteStream.from(OpaquePointer(ssl))?.certificateRefused(CertificateRefusal.text(store))
    return accepted
}
