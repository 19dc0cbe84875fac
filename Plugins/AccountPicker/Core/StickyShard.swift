// Which conversation belongs to which account: a bounded table of bindings, one shard of it.
//
// Eight places for each set of tags; a newcomer takes a free or lapsed place, else the table doubles up to its
// limit, else the place that would lapse first. Looking up is at most eight comparisons. A binding is changed only by who says what it was before, so that two workers that move the same
// conversation at once agree on the first one's account.
//
//     none ── bind(from: nil) ──► bound ── lifetime passes without a use ──► none
//                                  │ ▲
//                                  └─┘ bind(from: old): the same account slides, another one moves
//
// A tag is 128 bits of a keyed hash over tenant and conversation: two of them that are equal by chance, or
// by intent of someone who lacks the key, are not met (2^-128 for each guess).
//
// Kind: pure value. Milliseconds, monotonic.

import PluginKit

struct StickyBinding: Equatable {
    var account: UInt32
    /// Tokens of the conversation that the provider last said to have cached there.
    var cachedTokens: UInt32
}

struct StickyShard {
    /// The two lifetimes of the provider's prompt cache, each from the last use.
    static let shortLifetime: UInt64 = 300_000
    static let longLifetime: UInt64 = 3_600_000

    private struct Entry {
        var tag = SipTag(low: 0, high: 0)
        var end: UInt64 = 0
        var binding = StickyBinding(account: 0, cachedTokens: 0)
        var isLong = false

        var lifetime: UInt64 { isLong ? StickyShard.longLifetime : StickyShard.shortLifetime }
    }

    private static let ways = 8
    private var entries: [Entry]
    private var sets = 1
    private let setLimit: Int
    /// Live bindings that had to go for newer ones.
    private(set) var evictedCount = 0

    /// - Parameter capacity: bindings, rounded up to a power of two of at least eight.
    init(capacity: Int) {
        var limit = 1
        while limit * Self.ways < capacity { limit *= 2 }
        setLimit = limit
        entries = Array(repeating: Entry(), count: Self.ways)
    }

    func find(_ tag: SipTag, at now: UInt64) -> StickyBinding? {
        place(of: tag, at: now).map { entries[$0].binding }
    }

    /// Binds a conversation, or lets its lifetime slide if it is bound to `account` already.
    /// - Parameter old: the account that the caller found; nil for none.
    /// - Returns: the account that it is bound to now, which is another one's choice if `old` was out of date.
    mutating func bind(_ tag: SipTag, to account: UInt32, from old: UInt32?, at now: UInt64) -> UInt32 {
        if let place = place(of: tag, at: now) {
            let bound = entries[place].binding.account
            guard bound == old || bound == account else { return bound }
            if bound != account {
                entries[place].binding = StickyBinding(account: account, cachedTokens: 0)
                entries[place].isLong = false
            }
            entries[place].end = now + entries[place].lifetime
            return account
        }
        let place = placeForNew(tag, at: now)
        entries[place] = Entry(
            tag: tag, end: now + Self.shortLifetime, binding: StickyBinding(account: account, cachedTokens: 0))
        return account
    }

    /// An answer of `account` said how much of the conversation is cached there, and for how long.
    mutating func cached(_ tag: SipTag, on account: UInt32, tokens: UInt32, isLong: Bool, at now: UInt64) {
        guard let place = place(of: tag, at: now), entries[place].binding.account == account else { return }
        entries[place].binding.cachedTokens = tokens
        if isLong { entries[place].isLong = true }
        entries[place].end = max(entries[place].end, now + entries[place].lifetime)
    }

    func count(at now: UInt64) -> Int { entries.count { $0.end > now } }

    // MARK: Private

    private func first(_ tag: SipTag) -> Int { (Int(truncatingIfNeeded: tag.high) & (sets - 1)) * Self.ways }

    private func place(of tag: SipTag, at now: UInt64) -> Int? {
        let first = first(tag)
        return entries.withUnsafeBufferPointer { entries in
            (first..<(first + Self.ways)).first { entries[$0].tag == tag && entries[$0].end > now }
        }
    }

    private mutating func placeForNew(_ tag: SipTag, at now: UInt64) -> Int {
        let first = first(tag)
        var best = first
        for place in first..<(first + Self.ways) where entries[place].end < entries[best].end { best = place }
        guard entries[best].end > now else { return best }
        if sets < setLimit {
            grow(at: now)
            return placeForNew(tag, at: now)
        }
        evictedCount += 1
        return best
    }

    /// Twice as many sets; each entry stays in its old one or goes to that one's new half.
    private mutating func grow(at now: UInt64) {
        let old = entries
        sets *= 2
        entries = Array(repeating: Entry(), count: sets * Self.ways)
        for entry in old where entry.end > now {
            let first = first(entry.tag)
            for place in first..<(first + Self.ways) where entries[place].end == 0 {
                entries[place] = entry
                break
            }
        }
    }

    // MARK: Handing over

    /// Calls `body` with every live binding.
    func forEach(at now: UInt64, _ body: (SipTag, StickyBinding, _ end: UInt64, _ isLong: Bool) -> Void) {
        for entry in entries where entry.end > now { body(entry.tag, entry.binding, entry.end, entry.isLong) }
    }

    /// Of a snapshot, into a table that has nothing newer. What has lapsed is never found.
    mutating func restore(_ tag: SipTag, _ binding: StickyBinding, end: UInt64, isLong: Bool) {
        entries[placeForNew(tag, at: 0)] = Entry(tag: tag, end: end, binding: binding, isLong: isLong)
    }
}
