// The table of bindings: bounded, per tenant, and changed by one worker at a time.

import PluginKit
import Testing

@testable import AccountPickerCore

@Suite struct StickyTests {
    private let table = StickyTable(capacity: 1_024, key: (1, 2))

    private func tag(_ conversation: String, tenant: String = "t") -> SipTag {
        tenant.withBytes { tenant in conversation.withBytes { table.tag(tenant: tenant, conversation: $0) } }
    }

    @Test func aConversationIsFoundUntilItsLifetimePasses() {
        #expect(table.bind(tag("c"), to: 7, from: nil, at: 1_000) == 7)
        #expect(table.find(tag("c"), at: 300_999)?.account == 7)
        #expect(table.find(tag("c"), at: 301_000) == nil)
    }

    @Test func eachUseLetsItSlide() {
        for minute in UInt64(0)..<60 {
            #expect(table.bind(tag("c"), to: 7, from: minute == 0 ? nil : 7, at: minute * 60_000) == 7)
        }
        #expect(table.find(tag("c"), at: 59 * 60_000 + 299_999)?.account == 7)
        #expect(table.find(tag("c"), at: 59 * 60_000 + 300_000) == nil)
    }

    @Test func anHourOfCacheIsAnHourOfBinding() {
        _ = table.bind(tag("c"), to: 7, from: nil, at: 0)
        table.cached(tag("c"), on: 7, tokens: 40_000, isLong: true, at: 10_000)
        #expect(table.find(tag("c"), at: 3_609_999) == StickyBinding(account: 7, cachedTokens: 40_000))
        #expect(table.find(tag("c"), at: 3_610_000) == nil)
        // What another account says of it is out of date.
        _ = table.bind(tag("d"), to: 7, from: nil, at: 0)
        table.cached(tag("d"), on: 8, tokens: 9, isLong: true, at: 0)
        #expect(table.find(tag("d"), at: 1) == StickyBinding(account: 7, cachedTokens: 0))
    }

    @Test func movingComparesWithWhatWas() {
        _ = table.bind(tag("c"), to: 1, from: nil, at: 0)
        table.cached(tag("c"), on: 1, tokens: 500, isLong: true, at: 0)
        #expect(table.bind(tag("c"), to: 2, from: 1, at: 1) == 2)
        #expect(table.find(tag("c"), at: 2) == StickyBinding(account: 2, cachedTokens: 0))
        #expect(table.find(tag("c"), at: 300_001) == nil, "the new account has no cache of an hour yet")
        #expect(table.bind(tag("c"), to: 3, from: nil, at: 300_002) == 3)
        #expect(table.bind(tag("c"), to: 4, from: 2, at: 300_003) == 3, "two moved it at once: the first wins")
        #expect(table.bind(tag("c"), to: 5, from: nil, at: 300_004) == 3)
    }

    @Test func tenantsNeverShareABinding() {
        _ = table.bind(tag("c", tenant: "a"), to: 1, from: nil, at: 0)
        #expect(table.find(tag("c", tenant: "b"), at: 0) == nil)
        #expect(table.find(tag("c", tenant: ""), at: 0) == nil)
        // Not even if one's name runs into the other's conversation.
        #expect(tag("bc", tenant: "a") != tag("c", tenant: "ab"))
        var tags: Set<SipTag> = []
        for tenant in 0..<100 { for conversation in 0..<100 { tags.insert(tag("\(conversation)", tenant: "\(tenant)")) } }
        #expect(tags.count == 10_000)
    }

    @Test func itIsBoundedAndTheLeastRecentGoFirst() {
        var shard = StickyShard(capacity: 64)
        func tag(_ number: UInt64) -> SipTag { SipTag(low: number, high: number) }
        for number in 0..<64 { _ = shard.bind(tag(UInt64(number)), to: 1, from: nil, at: UInt64(number)) }
        #expect(shard.count(at: 64) == 64 && shard.evictedCount == 0)
        _ = shard.bind(tag(0), to: 1, from: 1, at: 64)  // used again
        _ = shard.bind(tag(64), to: 1, from: nil, at: 65)  // of the same set as 0, 8, 16 …
        #expect(shard.count(at: 66) == 64 && shard.evictedCount == 1)
        #expect(shard.find(tag(8), at: 66) == nil && shard.find(tag(0), at: 66) != nil)
        for number in UInt64(0)..<10_000 { _ = shard.bind(tag(number), to: 1, from: nil, at: 66 + number) }
        #expect(shard.count(at: 10_066) <= 64)
    }

    @Test func itGrowsWithoutForgettingAnybody() {
        var shard = StickyShard(capacity: 4_096)
        func tag(_ number: UInt64) -> SipTag { SipTag(low: number, high: number &* 0x9e37_79b9_7f4a_7c15 >> 20) }
        for number in UInt64(0)..<1_000 {
            _ = shard.bind(tag(number), to: UInt32(number), from: nil, at: 0)
            #expect(shard.count(at: 0) == Int(number) + 1)
        }
        #expect((UInt64(0)..<1_000).allSatisfy { shard.find(tag($0), at: 1)?.account == UInt32($0) })
        #expect(shard.evictedCount == 0)
    }

    @Test func lapsedOnesMakeRoomWithoutAnEviction() {
        var shard = StickyShard(capacity: 8)
        for round in UInt64(0)..<10 {
            for number in UInt64(0)..<8 {
                _ = shard.bind(SipTag(low: round * 8 + number, high: 0), to: 1, from: nil, at: round * 300_000)
            }
        }
        #expect(shard.evictedCount == 0)
    }
}
