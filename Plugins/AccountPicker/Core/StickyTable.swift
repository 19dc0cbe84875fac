// The bindings of all conversations, as all workers see them.
//
// Sixteen shards with a lock each, held for a few comparisons. The key is secret and random, so that a
// client cannot choose a session that meets another tenant's; it goes along when a new generation of the
// chain takes the table over.
//
// Kind: shared; ConversationKey is a constant value.

import PluginKit

/// What conversations are told apart by.
struct ConversationKey: Sendable {
    /// As much of a system prompt and a first message as tells conversations apart, and costs some 8 µs.
    private static let openingLimit = 8_192

    private let key: (UInt64, UInt64)
    init(_ key: (UInt64, UInt64)) { self.key = key }

    /// Of one conversation of one tenant; neither can run into the other, whatever they are.
    func tag(tenant: Bytes, conversation: Bytes) -> SipTag {
        SipHash(key0: key.0, key1: key.1).tag(of: tenant, conversation)
    }

    /// Of a conversation that nobody named: the beginnings of what it opens with. Two that open alike are one
    /// here, which costs nothing but evenness, for they have that much of the cache in common.
    func tag(tenant: Bytes, system: Bytes, firstMessage: Bytes) -> SipTag {
        func begin(_ text: Bytes) -> Bytes { text.slice(0, min(text.count, Self.openingLimit)) }
        let owner = SipHash(key0: key.0, key1: key.1).tag(of: tenant)
        let opening = SipHash(key0: ~owner.low, key1: owner.high).tag(of: begin(system))
        return SipHash(key0: opening.low, key1: opening.high).tag(of: begin(firstMessage))
    }
}

final class StickyTable: Sendable {
    private static let shardCount = 16
    let key: ConversationKey
    private let shards: [Locked<StickyShard>]
    /// The same without references to count: each would be two atomics at every look.
    private let lent: [Unmanaged<Locked<StickyShard>>]

    init(capacity: Int, key: (UInt64, UInt64)) {
        self.key = ConversationKey(key)
        let each = max(1, capacity / Self.shardCount)
        shards = (0..<Self.shardCount).map { _ in Locked(StickyShard(capacity: each)) }
        lent = shards.map { .passUnretained($0) }
    }

    func tag(tenant: Bytes, conversation: Bytes) -> SipTag { key.tag(tenant: tenant, conversation: conversation) }

    func find(_ tag: SipTag, at now: UInt64) -> StickyBinding? {
        with(tag) { $0.find(tag, at: now) }
    }

    func bind(_ tag: SipTag, to account: UInt32, from old: UInt32?, at now: UInt64) -> UInt32 {
        with(tag) { $0.bind(tag, to: account, from: old, at: now) }
    }

    func cached(_ tag: SipTag, on account: UInt32, tokens: Int, isLong: Bool, at now: UInt64) {
        with(tag) { $0.cached(tag, on: account, tokens: UInt32(clamping: tokens), isLong: isLong, at: now) }
    }

    func count(at now: UInt64) -> Int { shards.reduce(0) { $0 + $1.withLock { $0.count(at: now) } } }

    /// Every binding, also those that have lapsed by now.
    func forEach(_ body: (SipTag, StickyBinding, _ end: UInt64, _ isLong: Bool) -> Void) {
        for shard in shards { shard.withLock { $0.forEach(at: 0, body) } }
    }

    /// Of a snapshot.
    func restore(_ tag: SipTag, _ binding: StickyBinding, end: UInt64, isLong: Bool) {
        with(tag) { $0.restore(tag, binding, end: end, isLong: isLong) }
    }

    @inline(__always)
    private func with<Result>(_ tag: SipTag, _ body: (inout StickyShard) -> Result) -> Result {
        // The table keeps its shards.
        lent[Int(tag.low & UInt64(Self.shardCount - 1))]._withUnsafeGuaranteedRef { $0.withLock(body) }
    }
}
