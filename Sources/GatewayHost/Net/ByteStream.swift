// A connected, non-blocking socket, plain or under TLS, as one type.
//
// One concrete class with a branch on `ssl`, because relaying calls read and write several times per
// exchange and a plain stream must cost no more than recv and send. It knows no loop: whoever owns it
// registers `descriptor`, and removes it before `close`.
//
// TLS reads ahead: after a read there may be input that epoll knows nothing of. Who stops reading
// before `wouldBlock` must look at `hasBufferedInput` before waiting.
//
// Never raises SIGPIPE: send is called with MSG_NOSIGNAL, under TLS through a BIO of ours.
//
// Invariants
//  1. `descriptor` is open until `close`, `abort` or deinit, and -1 after.
//  2. `ssl`, when there, points back to this object (ex_data 0) and dies with the descriptor.
//
// Kind: loop-confined.

import CLinux
import COpenSSL

final class ByteStream {
    private(set) var descriptor: Int32
    private var ssl: OpaquePointer?
    private var isHandshakeDone: Bool

    /// What to wait for after a read that would block. `read`, unless TLS has to write first.
    private(set) var readInterest = Readiness.read
    /// What to wait for after a write that would block. `write`, unless TLS has to read first.
    private(set) var writeInterest = Readiness.write
    /// What to wait for after the last call that would block, the handshake above all.
    private(set) var interest = Readiness.read
    /// Input that was read from the socket but not yet by the caller; always false for a plain stream.
    private(set) var hasBufferedInput = false

    private var sealed = SealedRecord()
    /// The name in error texts.
    private let peer: String
    private(set) var sessions: TLSSessionSlot?
    private var certificateRefusal: String?

    /// A plain stream over a connected, non-blocking socket.
    init(_ descriptor: consuming Descriptor) {
        self.descriptor = descriptor.release()
        isHandshakeDone = true
        peer = ""
    }

    /// The accepting side of a TLS stream; call `handshake` first.
    init(_ descriptor: consuming Descriptor, server context: TLSServerContext) throws(TLSError) {
        self.descriptor = descriptor.release()
        isHandshakeDone = false
        peer = "the client"
        SSL_set_accept_state(try attach(context.pointer))
    }

    /// The connecting side of a TLS stream; call `handshake` first.
    /// - Parameter host: the name or IP address the certificate must be for; sent as SNI when a name.
    /// - Parameter sessions: where to find the session to resume, and to leave new ones.
    init(
        _ descriptor: consuming Descriptor, client context: TLSClientContext, host: String,
        sessions: TLSSessionSlot? = nil
    ) throws(TLSError) {
        self.descriptor = descriptor.release()
        isHandshakeDone = false
        peer = host
        self.sessions = sessions
        let ssl = try attach(context.pointer)
        SSL_set_connect_state(ssl)
        let named: Bool
        if SocketAddress.literal(host, port: 0) != nil {
            named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1
        } else {
            SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
            named = SSL_set1_host(ssl, host) == 1 && gwtls_set_server_name(ssl, host) == 1
        }
        guard named else { throw .configuration("TLS with \(host): not a host name") }
        // A session that does not fit is ignored by OpenSSL: a full handshake follows.
        if let session = sessions?.session { SSL_set_session(ssl, session) }
        TLSQueue.clear()
    }

    deinit { close() }

    private func attach(_ context: OpaquePointer) throws(TLSError) -> OpaquePointer {
        TLSQueue.clear()
        guard let ssl = SSL_new(context) else { throw .configuration("TLS with \(peer)") }
        self.ssl = ssl
        guard gwtls_set_descriptor(ssl, socketBIOMethod, descriptor) == 1,
            SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(self).toOpaque()) == 1
        else { throw .configuration("TLS with \(peer)") }
        return ssl
    }

    /// The stream that owns `ssl`.
    static func from(_ ssl: OpaquePointer) -> ByteStream? {
        SSL_get_ex_data(ssl, 0).map { Unmanaged<ByteStream>.fromOpaque($0).takeUnretainedValue() }
    }

    func certificateRefused(_ text: String) { certificateRefusal = text }

    var isTLS: Bool { ssl != nil }

    /// Whether the handshake skipped the certificates thanks to an earlier session.
    var isResumed: Bool { ssl.map { SSL_session_reused($0) == 1 } ?? false }

    // MARK: Reading and writing

    /// Reads what there is, up to the buffer's size.
    /// - Source: recv(2), SSL_read_ex(3).
    @inline(__always)
    func read(into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
        if ssl != nil { return readTLS(into: buffer) }
        while true {
            let count = gwl_recv(descriptor, buffer.baseAddress, buffer.count)
            if count > 0 { return .bytes(count) }
            if count == 0 { return buffer.isEmpty ? .bytes(0) : .end }
            let code = gwl_errno()
            if code == EAGAIN { return .wouldBlock }
            if code != EINTR { return .failed(.system(code)) }
        }
    }

    /// Writes as much as is taken now; the rest is the caller's to keep and offer again.
    /// - Source: send(2), SSL_write_ex(3).
    @inline(__always)
    func write(_ bytes: UnsafeRawBufferPointer) -> IOResult {
        if ssl != nil { return writeTLS(bytes) }
        while true {
            let count = gwl_send(descriptor, bytes.baseAddress, bytes.count)
            if count >= 0 { return .bytes(count) }
            let code = gwl_errno()
            if code == EAGAIN { return .wouldBlock }
            if code != EINTR { return .failed(.system(code)) }
        }
    }

    /// Writes two pieces as one, a head and its body: one system call, and under TLS one record
    /// when both fit into it.
    @inline(__always)
    func write(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) -> IOResult {
        if ssl != nil { return writeTLS(first, second) }
        while true {
            let count = gwl_send2(descriptor, first.baseAddress, first.count, second.baseAddress, second.count)
            if count >= 0 { return .bytes(count) }
            let code = gwl_errno()
            if code == EAGAIN { return .wouldBlock }
            if code != EINTR { return .failed(.system(code)) }
        }
    }

    /// Goes on with the TLS handshake; `done` at once for a plain stream.
    func handshake() -> HandshakeResult {
        guard let ssl, !isHandshakeDone else { return .done }
        TLSQueue.clear()
        let result = SSL_do_handshake(ssl)
        if result == 1 {
            isHandshakeDone = true
            hasBufferedInput = SSL_has_pending(ssl) == 1
            return .done
        }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ:
            interest = .read
            return .wouldBlock
        case SSL_ERROR_WANT_WRITE:
            interest = .write
            return .wouldBlock
        case SSL_ERROR_SYSCALL:
            let code = gwtls_errno(ssl)
            sessions?.clear()
            ERR_clear_error()
            return .failed(.disconnected(peer, code == 0 ? nil : code))
        default:
            sessions?.clear()
            return .failed(.handshake(with: peer, code: TLSQueue.takeFirst(), certificate: certificateRefusal))
        }
    }

    /// Asks the kernel to wait with acknowledgements of what arrives, as it does for who answers what it receives. It may
    /// stop doing so by itself. Where there is no TCP nothing happens.
    /// - Source: tcp(7), TCP_QUICKACK.
    func delayAcknowledgements() { _ = gwl_set_option(descriptor, Int32(IPPROTO_TCP), TCP_QUICKACK, 0) }

    // MARK: Ending

    /// Says that no more will be written: close_notify under TLS, then FIN. Reading goes on.
    /// Everything to be written must have been taken before.
    /// - Returns: false when the socket is full: nothing was said yet, wait for `writeInterest` and
    ///   call again. Who does not care (a framed message is complete without it) closes instead.
    @discardableResult
    func shutdownWrite() -> Bool {
        guard descriptor >= 0 else { return true }
        if let ssl, isHandshakeDone {
            TLSQueue.clear()
            let result = SSL_shutdown(ssl)
            if result < 0, SSL_get_error(ssl, result) == SSL_ERROR_WANT_WRITE {
                writeInterest = .write
                return false
            }
            ERR_clear_error()
        }
        shutdown(descriptor, Int32(SHUT_WR))
        return true
    }

    /// Closes without a word beyond what the kernel says: a FIN, or a reset when input was unread.
    /// Idempotent. Remove the registration first.
    func close() {
        guard descriptor >= 0 else { return }
        if let ssl {
            // Without this OpenSSL takes an unannounced end for an attack and spoils the session,
            // which lives on in the slot.
            SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
            SSL_free(ssl)
            self.ssl = nil
        }
        hasBufferedInput = false
        CLinux.close(descriptor)
        descriptor = -1
    }

    /// Closes with a reset, so that a client notices that its response is not complete.
    func abort() {
        guard descriptor >= 0 else { return }
        _ = gwl_set_reset_on_close(descriptor)
        close()
    }

    // MARK: TLS

    private func readTLS(into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
        guard let ssl, !buffer.isEmpty else { return .bytes(0) }
        TLSQueue.clear()
        var count = 0
        if SSL_read_ex(ssl, buffer.baseAddress, buffer.count, &count) == 1 {
            hasBufferedInput = SSL_has_pending(ssl) == 1
            return .bytes(count)
        }
        // What may still be buffered is a part of a record, and its rest must come from the socket.
        hasBufferedInput = false
        let result = failure(ssl)
        if case .wouldBlock = result { readInterest = interest }
        return result
    }

    /// Record after record (a partial write ends after each), until all is taken or the socket is full.
    private func writeTLS(_ bytes: UnsafeRawBufferPointer) -> IOResult {
        var written = 0
        while written < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
            let result = writeRecord(rest)
            guard case .bytes(let count) = result else { return written > 0 ? .bytes(written) : result }
            written += count
        }
        return .bytes(written)
    }

    private func writeTLS(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) -> IOResult {
        guard !second.isEmpty, first.count < SealedRecord.limit else { return writeTLS(first) }
        let joined = min(second.count, SealedRecord.limit - first.count)
        let scratch = UnsafeMutableRawBufferPointer(start: gwl_thread_scratch(), count: first.count + joined)
        scratch.copyMemory(from: first)
        UnsafeMutableRawBufferPointer(rebasing: scratch[first.count...])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: second[..<joined]))
        let result = writeTLS(UnsafeRawBufferPointer(scratch))
        guard joined < second.count, case .bytes(scratch.count) = result else { return result }
        guard case .bytes(let count) = writeTLS(UnsafeRawBufferPointer(rebasing: second[joined...])) else {
            return result
        }
        return .bytes(scratch.count + count)
    }

    private func writeRecord(_ bytes: UnsafeRawBufferPointer) -> IOResult {
        guard let ssl else { return .failed(.system(EBADF)) }
        let ahead = sealed.takeSent(bytes.count)
        if ahead > 0 { return .bytes(ahead) }
        // Exactly one record at a time, so that what OpenSSL holds after a block is what was offered.
        // It insists on being offered as many bytes again, but looks at none of them.
        let offered = sealed.count > 0 ? sealed.count : min(bytes.count, SealedRecord.limit)
        let base = bytes.count < offered ? UnsafeRawPointer(gwl_thread_scratch()) : bytes.baseAddress
        TLSQueue.clear()
        var count = 0
        if SSL_write_ex(ssl, base, offered, &count) == 1 {
            return .bytes(sealed.recordSent(count, offered: bytes.count))
        }
        let result = failure(ssl)
        if case .wouldBlock = result {
            writeInterest = interest
            sealed.recordWaits(offered: offered)
        }
        return result
    }

    /// Why SSL_read_ex or SSL_write_ex did not move anything; sets `interest` when it would block.
    private func failure(_ ssl: OpaquePointer) -> IOResult {
        switch SSL_get_error(ssl, 0) {
        case SSL_ERROR_WANT_READ:
            interest = .read
            return .wouldBlock
        case SSL_ERROR_WANT_WRITE:
            interest = .write
            return .wouldBlock
        case SSL_ERROR_ZERO_RETURN:
            return .end
        case SSL_ERROR_SYSCALL:
            let code = gwtls_errno(ssl)
            ERR_clear_error()
            return .failed(code == 0 ? .truncated : .system(code))
        default:
            let code = TLSQueue.takeFirst()
            return .failed(gwtls_is_unexpected_end(code) != 0 ? .truncated : .tls(code))
        }
    }
}

@available(*, unavailable)
extension ByteStream: Sendable {}
