import CLinux
import Testing

@testable import GatewayHost

/// With a real Redis: what a node told is what its ledger adds up to, whatever became of the messages.
@Suite struct SharedLedgerTests {
    private final class Lab {
        let ledger = LedgerFolder()
        let redis: StoreRedis
        let store: RollupStore
        var node = NodeIdentity(id: "node_a", name: "a", holder: "here")
        private var seed: UInt64
        private var rows = 0

        init(seed: UInt64) throws {
            self.seed = seed
            redis = try StoreRedis()
            store = try RollupStore(ledger.path)
            try store.setZone("UTC")
            try store.prepareChanges()
        }

        var shared: SharedLedger { SharedLedger(redis.target) }
        func telling(_ groups: Int) -> LedgerTelling {
            LedgerTelling(LedgerFolders(data: "/nowhere"), node, redis.target, groupLimit: groups)
        }

        func random(_ bound: Int) -> Int {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(seed >> 33) % bound
        }

        /// Some new rows of the last two days, folded.
        func work() throws {
            var batch = RollupBatch(.utc)
            let now = Int64(gwl_wall_ns())
            for _ in 0...random(40) {
                rows += 1
                var row = SealedRow(id: RowID(tag: 1, number: UInt64(rows)), started: now - Int64(random(172_800)) * 1_000_000_000)
                row.key = random(2) == 0 ? Bytes("key-1") : Bytes("key-2")
                row.modelAsked = random(2) == 0 ? Bytes("claude-a") : Bytes("claude-b")
                row.usage.inputTokens = Int64(random(1_000_000))
                row.cost = RollupSums.requestLimit - Int64(random(1000))
                let frame = JournalFrames.frame { $0.write(row) }
                frame.withUnsafeBytes { JournalFrames.forEach($0) { batch.add(RowDecoder.counted($0)!) } }
            }
            try store.fold(batch, to: JournalPosition(segment: 1, offset: rows))
        }

        func expectAgreement(_ place: String) throws {
            let report = try SharedVerify.run(store, shared, node.id)
            #expect(report.disagreements == [] && report.notTold == 0 && report.compared > 0, "\(place)")
            let told = try #require(try shared.node(node.id))
            var sums = RollupSums()
            try shared.read(told, days: shared.days(of: told), hours: false) { sums.add($1) }
            #expect(told.isWhole && sums[.requests] == Int64(rows) && told.rows == Int64(rows), "\(place)")
        }
    }

    @Test(arguments: [UInt64(1), 2, UInt64.random(in: 3...UInt64.max)])
    func messagesMayBeLostLateOrTwice(_ seed: UInt64) throws {
        let lab = try Lab(seed: seed)
        var telling = lab.telling(7)
        var sent: [(RollupStore.Changes, String)] = []
        for step in 0..<150 {
            try lab.work()
            switch lab.random(8) {
            case 0, 1: _ = try telling.tell(lab.store)
            case 2: _ = try telling.tell(lab.store, messages: 1)
            case 3:
                // The process dies; what it knew of the mark is gone.
                telling = lab.telling(1 + lab.random(20))
            case 4:
                // A message that may never arrive, or later, or more than once.
                let told = try lab.shared.node(lab.node.id)
                let mark = told?.marks[try lab.store.epoch()] ?? -1
                let changes = try lab.store.changes(after: mark, groups: 1 + lab.random(9), firstDay: 0)
                sent.append((changes, ShipCursor.text(mark)))
            case 5, 6:
                if let (changes, from) = sent.randomElement() { _ = try lab.shared.tell(changes, from: from, as: lab.node) }
            default:
                if lab.random(4) == 0 { _ = try lab.redis.ask("FLUSHALL") }
                if lab.random(6) == 0 { try lab.store.beginEpoch() }
            }
            if step % 30 == 29 {
                #expect(try telling.tell(lab.store) == .whole)
                try lab.expectAgreement("seed \(seed), step \(step)")
            }
        }
    }

    @Test func aRepeatedMessageChangesNothingAndAGapIsRefused() throws {
        let lab = try Lab(seed: 4)
        try lab.work()
        try lab.work()
        let first = try lab.store.changes(after: -1, groups: 1, firstDay: 0)
        let second = try lab.store.changes(after: first.to, groups: .max, firstDay: 0)
        #expect(!first.isLast && second.isLast)
        #expect(try lab.shared.tell(first, from: "", as: lab.node) == .other, "nobody said that this epoch would be told")
        #expect(try lab.shared.tell(first, from: ShipCursor.unknownMark, as: lab.node) == .stands(nil))
        #expect(try lab.shared.tell(second, from: "\(first.to)", as: lab.node) == .stands(nil), "what is before it is missing")
        #expect(try lab.shared.tell(first, from: "", as: lab.node) == .told)
        #expect(try lab.shared.tell(first, from: "", as: lab.node) == .stands(first.to))
        #expect(try lab.shared.node(lab.node.id)?.isWhole == false)
        #expect(try lab.shared.tell(second, from: "\(first.to)", as: lab.node) == .told)
        #expect(try lab.shared.tell(second, from: "\(first.to)", as: lab.node) == .stands(second.to))
        try lab.expectAgreement("after repetitions")
    }

    @Test func anEpochTakesThePlaceOfTheOneBeforeWhenItIsWhole() throws {
        let lab = try Lab(seed: 5)
        let telling = lab.telling(3)
        for _ in 0..<10 { try lab.work() }
        #expect(try telling.tell(lab.store) == .whole)
        let before = try #require(try lab.shared.node(lab.node.id))
        try lab.store.beginEpoch()
        #expect(try telling.tell(lab.store, messages: 2) == .more)
        let between = try #require(try lab.shared.node(lab.node.id))
        #expect(between.readable == before.epoch && between.marks.count == 2, "readers still see the whole one")
        #expect(try telling.tell(lab.store) == .whole)
        try lab.expectAgreement("the new epoch")
        let after = try #require(try lab.shared.node(lab.node.id))
        #expect(after.epoch != before.epoch && after.marks.count == 1)
        #expect(try lab.redis.ask("KEYS", "*:\(before.epoch)*").array?.count == 0, "nothing is left of the one before")
    }

    @Test func twoPlacesAreNotOneNode() throws {
        let lab = try Lab(seed: 6)
        try lab.work()
        #expect(try lab.telling(100).tell(lab.store) == .whole)
        lab.node.holder = "a copy"
        try lab.work()
        #expect(try lab.telling(100).tell(lab.store) == .held("here"))
        // It is let go when nothing is heard of it: as if the time had passed.
        _ = try lab.redis.ask("HSET", "gw:{ledger}:node:node_a", "until", "1")
        #expect(try lab.telling(100).tell(lab.store) == .whole)
        try lab.expectAgreement("the other place")
    }

    @Test func whatIsWrongInRedisIsFound() throws {
        let lab = try Lab(seed: 8)
        for _ in 0..<5 { try lab.work() }
        #expect(try SharedVerify.run(lab.store, lab.shared, lab.node.id).isUntold)
        #expect(try lab.telling(100).tell(lab.store) == .whole)
        let whole = try SharedVerify.run(lab.store, lab.shared, lab.node.id)
        #expect(whole.disagreementCount == 0 && whole.compared > 0)
        for kind in ["days", "hours"] {
            for key in try lab.redis.ask("KEYS", "gw:{ledger}:\(kind):*").array?.compactMap(\.string) ?? [] {
                let who = try #require(try lab.redis.ask("HKEYS", key).array?.first?.string)
                let was = try #require(try lab.redis.ask("HGET", key, who).string)
                _ = try lab.redis.ask("HSET", key, who, was.replacing("1", with: "2", maxReplacements: 1))
                let isSame = try #require(try lab.redis.ask("HGET", key, who).string) == was
                #expect(try SharedVerify.run(lab.store, lab.shared, lab.node.id).disagreementCount == (isSame ? 0 : 1))
                _ = try lab.redis.ask("HDEL", key, who)
                #expect(try SharedVerify.run(lab.store, lab.shared, lab.node.id).disagreementCount == 1)
                _ = try lab.redis.ask("HSET", key, who, was, "0:0:0:0:", "1")
                if kind == "days" { #expect(try SharedVerify.run(lab.store, lab.shared, lab.node.id).disagreementCount == 1) }
                _ = try lab.redis.ask("HDEL", key, "0:0:0:0:")
            }
        }
        try lab.work()
        let later = try SharedVerify.run(lab.store, lab.shared, lab.node.id)
        #expect(later.disagreementCount == 0 && later.notTold > 0)
    }
}
