import CLinux
import Testing

@testable import GatewayHost

@Suite struct ShipTests {
    // MARK: The mark

    @Test func whatAnAnswerMeansDependsOnWhatWasKnown() {
        typealias Cursor = ShipCursor
        let steps: [(answer: Cursor.Answer, to: Int64, last: Int64, event: Cursor.Event, mark: Int64?)] = [
            (.stands(nil), 50, 50, .nothing, -1),  // a new node: there is nothing yet
            (.told, 30, 50, .nothing, 30),
            (.told, 50, 50, .nothing, 50),
            (.stands(60), 55, 60, .nothing, 60),  // a message whose answer was lost was done after all
            (.stands(30), 70, 70, .wentBack, 30),  // a replica that lagged
            (.told, 70, 70, .nothing, 70),
            (.stands(nil), 80, 80, .emptied, -1),
            (.told, 80, 80, .nothing, 80),
            (.held("another"), 80, 80, .held("another"), nil),
            (.stands(80), 90, 90, .nothing, 80),
            (.other, 95, 95, .nothing, nil),  // emptied, as a message sees it
            (.stands(nil), 95, 95, .emptied, -1),
            (.stands(99), 95, 95, .isAhead, 99),
        ]
        var cursor = Cursor(epoch: "e")
        for (place, step) in steps.enumerated() {
            #expect(cursor.answered(step.answer, to: step.to, last: step.last) == step.event, "step \(place)")
            #expect(cursor.mark == step.mark, "step \(place)")
        }
        #expect([nil, -1, 0, 7].map { Cursor.text($0) } == ["?", "", "0", "7"])
    }

    @Test func foldingsAreNumberedUpwardsWhateverTheClockDoes() {
        #expect(ChangeNumber.next(after: 0, now: 5_000_000) == 5000)
        #expect(ChangeNumber.next(after: 5000, now: 5_000_000) == 5001)
        #expect(ChangeNumber.next(after: 9000, now: 5_000_000) == 9001)
    }

    // MARK: Texts

    @Test func sumsComeBackAsTheyWere() throws {
        var sums = RollupSums()
        #expect(SharedSums.sums(SharedSums.text(sums)) == sums)
        for (place, column) in RollupSums.Column.allCases.enumerated() { sums[column] = place % 2 == 0 ? .max - Int64(place) : .min }
        #expect(SharedSums.sums(SharedSums.text(sums)) == sums)
        var few = RollupSums()
        few[.requests] = 3
        few[.attempts] = 9_007_199_254_740_993
        #expect(SharedSums.text(few) == Array("3,0,0,0,0,0,9007199254740993".utf8))
        #expect(SharedSums.sums(SharedSums.text(few)) == few)
        // A newer gateway has more columns.
        #expect(SharedSums.sums(SharedSums.text(sums) + Array(",77".utf8)) == sums)
        for text in ["a", "1,,2", "1,9223372036854775808"] { #expect(SharedSums.sums(Array(text.utf8)) == nil, "\(text)") }
    }

    @Test(arguments: [["k", "", "a", "m"], ["1:x", ";", ":", "7:"], ["ключ", "g\n", "", ""]])
    func groupsComeBackAsTheyWere(_ names: [String]) {
        let group = RollupBatch.Group(
            hour: 1_792_000_800, day: CivilDay(number: 20_740), key: names[0], group: names[1], account: names[2], model: names[3])
        #expect(SharedSums.group(SharedSums.who(group, hour: true), day: 20_740, hour: true) == group)
        var day = group
        day.hour = 0
        #expect(SharedSums.group(SharedSums.who(group, hour: false), day: 20_740, hour: false) == day)
    }

    @Test func whatIsNoGroupIsRefused() {
        for text in ["", "1:a", "1:a0:0:9:m", "1:a0:0:1:mx", "-1:a", "x:"] {
            #expect(SharedSums.group(Array(text.utf8), day: 1, hour: false) == nil, "\(text)")
        }
        #expect(SharedSums.group(Array("0:0:0:0:".utf8), day: 1, hour: true) == nil)
    }

    // MARK: Cutting

    private func folded(_ ledger: LedgerFolder, pieces: Int) throws -> RollupStore {
        let end = try RollupTests.write(RollupTests.rows(3000, seed: 7), to: ledger)
        let store = try RollupStore(ledger.path)
        try store.setZone("UTC")
        try store.prepareChanges()
        for piece in 1...pieces {
            let segment = end.segment * UInt64(piece) / UInt64(pieces)
            let place = JournalPosition(segment: segment, offset: piece == pieces ? end.offset : 30_000)
            try LedgerFold.fold(ledger.folder, store, .utc, until: place)
        }
        return store
    }

    @Test func piecesAreWholeFoldingsAndMissNothing() throws {
        let ledger = LedgerFolder()
        let store = try folded(ledger, pieces: 9)
        let all = try store.changes(after: -1, groups: .max, firstDay: 0)
        #expect(try all.isLast && all.rows == 3000 && all.to == store.sequence())
        for size in [1, 50, 700] {
            var (mark, pieces): (Int64, Int) = (-1, 0)
            var hours: [RollupBatch.Group: RollupSums] = [:]
            var days: [RollupBatch.Group: RollupSums] = [:]
            while true {
                let piece = try store.changes(after: mark, groups: size, firstDay: 0)
                #expect(piece.after == mark && piece.to > mark)
                for line in piece.hours { hours[line.group] = line.sums }
                for line in piece.days { days[line.group] = line.sums }
                (mark, pieces) = (piece.to, pieces + 1)
                if piece.isLast { break }
            }
            #expect(pieces > 1)
            #expect(hours.count == all.hours.count && days.count == all.days.count)
            #expect(all.hours.allSatisfy { hours[$0.group] == $0.sums } && all.days.allSatisfy { days[$0.group] == $0.sums })
            let nothing = try store.changes(after: mark, groups: size, firstDay: 0)
            #expect(nothing.isLast && nothing.hours.isEmpty && nothing.to == mark)
        }
        // Hours of days that others do not keep stay here; days go.
        let late = try store.changes(after: -1, groups: .max, firstDay: .max)
        #expect(late.hours.isEmpty && late.days.count == all.days.count)
    }

    @Test func aFileOfTheVersionBeforeIsToldFromItsBeginning() throws {
        let ledger = LedgerFolder()
        let all = try { try folded(ledger, pieces: 3).changes(after: -1, groups: .max, firstDay: 0) }()
        do {
            let old = try SQLiteDatabase("\(ledger.path)/rollups.db", creates: false)
            try old.execute(
                """
                DROP INDEX hours_by_change; DROP INDEX days_by_change;
                ALTER TABLE hours DROP COLUMN changed; ALTER TABLE days DROP COLUMN changed;
                DELETE FROM state WHERE name IN ('sequence', 'rows', 'epoch', 'home'); PRAGMA user_version = 1
                """)
        }
        let store = try RollupStore(ledger.path)
        try store.prepareChanges()
        let told = try store.changes(after: -1, groups: .max, firstDay: 0)
        #expect(told.rows == 3000 && told.isLast && told.epoch != "" && told.epoch != all.epoch)
        func sorted(_ lines: [RollupStore.Changes.Line]) -> [String] { lines.map { "\($0)" }.sorted() }
        #expect(sorted(told.hours) == sorted(all.hours) && sorted(told.days) == sorted(all.days))
        let first = try store.changes(after: -1, groups: 5, firstDay: 0)
        #expect(!first.isLast && first.hours.count < 100)
        #expect(try LedgerVerify.run(ledger.folder, store, .utc).disagreementCount == 0)
    }

    @Test func aCopyThatIsPutBackBeginsAnotherEpoch() throws {
        let ledger = LedgerFolder()
        let epoch = try { try folded(ledger, pieces: 1).epoch() }()
        do {
            let store = try RollupStore(ledger.path)
            try store.prepareChanges()
            #expect(try store.epoch() == epoch)
        }
        try StorageBackup.write("\(ledger.path)/rollups.db", to: "\(ledger.path)/copy")
        for name in ["rollups.db-wal", "rollups.db-shm"] { unlink("\(ledger.path)/\(name)") }
        rename("\(ledger.path)/copy", "\(ledger.path)/rollups.db")
        let store = try RollupStore(ledger.path)
        try store.prepareChanges()
        #expect(try store.epoch() != epoch)
    }

    @Test func anotherZoneIsAnotherEpochAndEverythingIsTold() throws {
        let ledger = LedgerFolder()
        let store = try folded(ledger, pieces: 2)
        let (epoch, end) = (try store.epoch(), try store.position())
        let zone = try CalendarZone.named("Europe/Berlin")
        try store.beginAgain(zone: zone.name)
        #expect(try store.rows() == 0)
        try LedgerFold.fold(ledger.folder, store, zone, until: end)
        let told = try store.changes(after: -1, groups: .max, firstDay: 0)
        #expect(told.epoch != epoch && told.zone == "Europe/Berlin" && told.rows == 3000)
        #expect(told.days.reduce(0) { $0 + $1.sums[.requests] } == 3000 && told.hours.reduce(0) { $0 + $1.sums[.requests] } == 3000)
    }

    // MARK: Nodes

    @Test func theDoctorSeesWhoIsNotHeard() {
        func told(_ id: String, _ name: String, zone: String = "UTC", seen: Int64 = 1_000_000) -> SharedLedger.Node {
            SharedLedger.Node(id: id, name: name, zone: zone, epoch: "e", marks: ["e": 1], rows: 1, seen: seen)
        }
        let own = NodeIdentity(id: "node_a", name: "left", holder: "h")
        func verdicts(_ nodes: [SharedLedger.Node], isServing: Bool = true, now: Int64 = 1_030_000) -> [Finding.Verdict] {
            LedgerFindings.judge(own, nodes, zone: "UTC", isServing: isServing, now: now).map(\.verdict)
        }
        #expect(verdicts([told("node_a", "left"), told("node_b", "right")]) == [.ok])
        #expect(verdicts([told("node_a", "left")], now: 1_061_000) == [.warning])
        #expect(verdicts([], isServing: true) == [.warning] && verdicts([], isServing: false) == [.ok])
        #expect(verdicts([told("node_a", "left"), told("node_b", "left")]) == [.ok, .note])
        #expect(verdicts([told("node_a", "left"), told("node_b", "right", zone: "Europe/Berlin")]) == [.ok, .warning])
    }

    @Test func othersAreRememberedAlsoWhenRedisForgetsThem() throws {
        let ledger = LedgerFolder()
        let folders = LedgerFolders(data: ledger.path)
        mkdir(folders.ledger, 0o700)
        defer {
            unlink("\(folders.ledger)/peers")
            rmdir(folders.ledger)
        }
        let ids = ["a", "b", "c"].map { RecordIdentifier.make(prefix: "node") + $0 }.map { String($0.dropLast()) }
        func told(_ place: Int, _ name: String, seen: Int64) -> SharedLedger.Node {
            SharedLedger.Node(id: ids[place], name: name, zone: "UTC", epoch: "e", marks: [:], rows: 1, seen: seen * 1000)
        }
        let target = RedisTarget(RedisAddress(place: .unix(path: "/nowhere")))
        let others = OtherNodes(folders, own: ids[0], target)
        others.saw([told(0, "left", seen: 100), told(1, "right\nside", seen: 100), told(2, "", seen: 30)], now: 100)
        #expect(others.recent(now: 100) == [ids[1]])
        others.saw([], now: 500)
        #expect(others.recent(now: 150) == [ids[1]] && others.recent(now: 161) == [])
        #expect(OtherNodes.read(folders) == [ids[1]: .init(name: "right side", seen: 100), ids[2]: .init(name: "?", seen: 30)])
        let again = OtherNodes(folders, own: ids[0], target)
        #expect(again.recent(now: 100) == [ids[1]] && again.isOwn(ids[0]) && !again.isOwn(ids[1]))
    }

    @Test func aNodeKeepsItsIDAndACopyIsAnotherPlace() throws {
        let ledger = LedgerFolder()
        let folders = LedgerFolders(data: ledger.path)
        mkdir(folders.ledger, 0o700)
        defer {
            for name in ["node", "other"] { unlink("\(folders.ledger)/\(name)") }
            rmdir(folders.ledger)
        }
        #expect(NodeIdentity.find(folders, name: nil) == nil)
        let node = try NodeIdentity.findOrMake(folders, name: "left")
        #expect(NodeIdentity.isID(node.id) && node.name == "left")
        let again = try NodeIdentity.findOrMake(folders, name: nil)
        #expect(again.id == node.id && again.holder == node.holder && !again.name.isEmpty)
        rename("\(folders.ledger)/node", "\(folders.ledger)/other")
        _ = FileBytes.replace("\(folders.ledger)/node", with: Array("\(node.id)\n".utf8), mode: 0o600)
        let copy = try #require(NodeIdentity.find(folders, name: "left"))
        #expect(copy.id == node.id && copy.holder != node.holder)
    }

    @Test func whoIsMeantByAName() throws {
        func told(_ id: String, _ name: String) -> SharedLedger.Node {
            SharedLedger.Node(id: id, name: name, zone: "UTC", epoch: "e", marks: ["e": 1], rows: 1, seen: 1)
        }
        let own = NodeIdentity(id: "node_a", name: "left", holder: "h")
        let nodes = [told("node_a", "left"), told("node_b", "right"), told("node_c", "right")]
        func names(_ scope: ClusterUsage.Scope, _ own: NodeIdentity?) throws -> [String] {
            try ClusterUsage.sources(scope, own, nodes, hasLedger: own != nil).map { ($0.told == nil ? "here " : "") + $0.name }
        }
        #expect(try names(.all, own) == ["here left", "right (node_b)", "right (node_c)"])
        #expect(try names(.node("left"), own) == ["here left"])
        #expect(try names(.node("left"), nil) == ["left"])
        #expect(try names(.node("node_c"), own) == ["right (node_c)"])
        #expect(throws: LedgerFault.self) { try names(.node("right"), own) }
        #expect(throws: LedgerFault.self) { try names(.node("middle"), own) }
    }
}
