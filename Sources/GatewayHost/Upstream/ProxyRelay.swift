// Carries bytes between a TLS connection to an https proxy, which stays libcurl's, and a socket pair
// whose other end looks like any connected descriptor to the rest of the house.
//
// An https proxy means TLS inside TLS. The outer one is kept out of the upstream client altogether,
// at the price of two copies; everything else about such a connection is as usual.
//
// Kind: loop-confined; it lives as long as one of its two watches. Invariant: at most one block is
// held in each direction, so a slow reader stops the other side's reading.

import CCurl
import Glibc

final class ProxyRelay {
    private let job: CurlJob
    private unowned let curl: CurlMulti
    private let outer: Int32
    private let inner: Descriptor
    private var outerWatch = Registration.none
    private var innerWatch = Registration.none
    /// From the proxy, and to it.
    private var inward: [UInt8] = []
    private var outward: [UInt8] = []
    private var outerHasEnded = false
    private var outerIsGone = false
    private var isClosed = false
    private var scratch = [UInt8](repeating: 0, count: ProxyRelay.blockBytes)
    private static let blockBytes = 16 * 1024

    /// Begins to relay for a finished connect-only job; returns the end that the client gets.
    static func begin(_ job: CurlJob, curl: CurlMulti) throws(SystemError) -> Descriptor {
        let pair = try Descriptor.socketPair()
        let clientEnd = Descriptor(pair.0)
        let relay = ProxyRelay(job, curl, inner: Descriptor(pair.1))
        try relay.watch()
        return clientEnd
    }

    private init(_ job: CurlJob, _ curl: CurlMulti, inner: consuming Descriptor) {
        self.job = job
        self.curl = curl
        outer = gwc_get_active_socket(job.easy.handle)
        self.inner = inner
    }

    private func watch() throws(SystemError) {
        innerWatch = try curl.loop.add(inner.number, .read, ProxyRelaySide(self, isInner: true))
        do throws(SystemError) {
            outerWatch = try curl.loop.add(outer, .read, ProxyRelaySide(self, isInner: false))
        } catch {
            curl.loop.remove(innerWatch)
            throw error
        }
        curl.whenRemoved(job) { self.close() }
    }

    /// Moves what can be moved, then says what to wait for.
    fileprivate func run(isInner: Bool, _ readiness: Readiness) {
        guard !isClosed else { return }
        if readiness.contains(.hangup) {
            // epoll repeats it whatever the interest, so it must be dealt with at once: a client that
            // is gone wants nothing more; of a proxy that is gone, all that came is taken in now,
            // which is no more than the kernel's buffer holds.
            if isInner { return close() }
            outerIsGone = true
        }
        guard moveInward(), moveOutward() else {
            close()
            return
        }
        if outerHasEnded, inward.isEmpty {
            close()
            return
        }
        curl.loop.modify(
            innerWatch,
            [outward.isEmpty ? .read : [], inward.isEmpty ? [] : .write])
        curl.loop.modify(
            outerWatch,
            [inward.isEmpty && !outerHasEnded ? .read : [], outward.isEmpty ? [] : .write])
    }

    /// False when the inner side is gone or the outer one failed.
    private func moveInward() -> Bool {
        while true {
            if !inward.isEmpty {
                let sent = inward.withUnsafeBytes { send(inner.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                if sent < 0 {
                    guard errno == EAGAIN || errno == EINTR else { return false }
                    return outerIsGone ? takeInRest() : true
                }
                inward.removeFirst(sent)
            }
            if outerHasEnded { return true }
            var count = 0
            let code = scratch.withUnsafeMutableBytes {
                curl_easy_recv(job.easy.handle, $0.baseAddress, $0.count, &count)
            }
            if code == CURLE_AGAIN { return true }
            guard code == CURLE_OK else { return false }
            if count == 0 { outerHasEnded = true }
            inward.append(contentsOf: scratch[..<count])
        }
    }

    private func takeInRest() -> Bool {
        while !outerHasEnded {
            var count = 0
            let code = scratch.withUnsafeMutableBytes {
                curl_easy_recv(job.easy.handle, $0.baseAddress, $0.count, &count)
            }
            if code != CURLE_OK || count == 0 { outerHasEnded = true }
            inward.append(contentsOf: scratch[..<count])
        }
        curl.loop.remove(outerWatch)
        outerWatch = .none
        return true
    }

    private func moveOutward() -> Bool {
        while true {
            if !outward.isEmpty {
                var count = 0
                let code = outward.withUnsafeBytes {
                    curl_easy_send(job.easy.handle, $0.baseAddress, $0.count, &count)
                }
                if code == CURLE_AGAIN { return true }
                guard code == CURLE_OK else { return false }
                outward.removeFirst(count)
                if !outward.isEmpty { return true }
            }
            let count = scratch.withUnsafeMutableBytes { recv(inner.number, $0.baseAddress, $0.count, 0) }
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            // The client closes both directions at once, never one.
            if count == 0 { return false }
            outward.append(contentsOf: scratch[..<count])
        }
    }

    private func close() {
        guard !isClosed else { return }
        isClosed = true
        curl.loop.remove(innerWatch)
        curl.loop.remove(outerWatch)
        // The client must see the end now, not when the last reference goes.
        shutdown(inner.number, Int32(SHUT_RDWR))
        curl.whenRemoved(job, nil)
        curl.remove(job)
    }
}

/// One of the relay's two watches; it keeps the relay alive.
private final class ProxyRelaySide: LoopHandler {
    private let relay: ProxyRelay
    private let isInner: Bool

    init(_ relay: ProxyRelay, isInner: Bool) {
        self.relay = relay
        self.isInner = isInner
    }

    func ready(_ readiness: Readiness) { relay.run(isInner: isInner, readiness) }
}
