// One place that requests of this loop go to: an origin, the proxy on the way, and the account whose
// credentials are used there. Connections are never shared between two of them.
//
// It holds what is worked out once per place (host field, prefix, TLS session, parsed proxy), the
// idle connections, newest on top, and the dials under way with those that wait for their turn.
//
// Kind: loop-confined. Invariants: 1. every connection in `idle` is in no exchange.
// 2. dialCount <= settings.dials.

import Glibc

final class UpstreamTarget {
    // The key, in memory of its own, each as it was asked for.
    let url: Bytes
    let proxyText: Bytes
    let account: Bytes
    let keyHash: UInt64
    private let keyMemory: UnsafeMutablePointer<UInt8>
    private let keyCount: Int

    let origin: OriginURL
    let proxy: ProxyAddress?
    /// The value of the Host field, and what goes before the target of a request. Live as long as this.
    let hostField: Bytes
    let pathPrefix: Bytes
    private let textMemory: UnsafeMutablePointer<UInt8>
    var isTLS: Bool { origin.isTLS }
    let sessions = TLSSessionSlot()

    /// The next target in the pool's bucket.
    var nextInBucket: UpstreamTarget?
    /// In the pool's table; one that is not keeps no idle connections.
    var isListed = true
    var lastUsed: Instant

    /// Newest last: the connection used last is the least likely to have been closed.
    var idle: [UpstreamConnection] = []
    /// Connections of this target, idle and in use.
    var openCount = 0
    var dialCount = 0
    private var waiting: [UpstreamDial] = []
    private var waitingStart = 0

    init(url: Bytes, proxy: Bytes, account: Bytes, hash: UInt64, now: Instant) throws(UpstreamFault) {
        origin = try OriginURL(url)
        self.proxy = proxy.isEmpty ? nil : try ProxyAddress(proxy)
        keyHash = hash
        lastUsed = now
        keyCount = url.count + proxy.count + account.count
        keyMemory = .allocate(capacity: max(keyCount, 1))
        var at = keyMemory
        self.url = UpstreamTarget.put(url, &at)
        proxyText = UpstreamTarget.put(proxy, &at)
        self.account = UpstreamTarget.put(account, &at)
        var host = origin.hostField
        var prefix = origin.prefix
        textMemory = .allocate(capacity: host.utf8.count + prefix.utf8.count)
        at = textMemory
        hostField = host.withUTF8 { UpstreamTarget.put(Bytes(UnsafeRawBufferPointer($0)), &at) }
        pathPrefix = prefix.withUTF8 { UpstreamTarget.put(Bytes(UnsafeRawBufferPointer($0)), &at) }
    }

    deinit {
        // The proxy's text holds its password.
        explicit_bzero(keyMemory, keyCount)
        keyMemory.deallocate()
        textMemory.deallocate()
    }

    @inline(__always)
    func matches(url: Bytes, proxy: Bytes, account: Bytes) -> Bool {
        UpstreamTarget.same(self.account, account) && UpstreamTarget.same(self.url, url)
            && UpstreamTarget.same(proxyText, proxy)
    }

    /// What a dial that fails is remembered by.
    var place: DialMemory.Place {
        DialMemory.Place(host: origin.authority.host, port: origin.authority.port, proxy: Array(proxyText.buffer))
    }

    /// For people: origin, proxy without credentials, account.
    var description: String {
        var text = "\(origin.isTLS ? "https" : "http")://\(origin.authority)"
        if let proxy { text += " through \(proxy.description)" }
        return account.isEmpty ? text : text + " as \(account.string)"
    }

    // MARK: Dials that wait for their turn

    var waitingCount: Int { waiting.count - waitingStart }

    func enqueue(_ dial: UpstreamDial) { waiting.append(dial) }

    /// The next dial that is still wanted.
    func nextWaiting() -> UpstreamDial? {
        while waitingStart < waiting.count {
            let dial = waiting[waitingStart]
            waitingStart += 1
            if waitingStart == waiting.count {
                waiting.removeAll(keepingCapacity: false)
                waitingStart = 0
            }
            if dial.isWaiting { return dial }
        }
        return nil
    }

    /// Absent and empty are the same here: no proxy, no account.
    @inline(__always)
    private static func same(_ a: Bytes, _ b: Bytes) -> Bool {
        a.count == b.count && (a.count == 0 || memcmp(a.base.unsafelyUnwrapped, b.base.unsafelyUnwrapped, a.count) == 0)
    }

    private static func put(_ bytes: Bytes, _ at: inout UnsafeMutablePointer<UInt8>) -> Bytes {
        let copy = Bytes(base: UnsafePointer(at), count: bytes.count)
        if let base = bytes.base { at.update(from: base, count: bytes.count) }
        at += bytes.count
        return copy
    }
}

@available(*, unavailable)
extension UpstreamTarget: Sendable {}
