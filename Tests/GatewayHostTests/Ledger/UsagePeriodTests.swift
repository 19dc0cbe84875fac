import Testing

@testable import GatewayHost

@Suite struct UsagePeriodTests {
    // 2026-11-26T12:00:00Z
    private let now: Int64 = 1_795_694_400

    @Test func daysAreReadAsPeopleWriteThem() throws {
        func days(_ since: String?, _ until: String?) throws -> [String] {
            let days = try UsagePeriod.days(since: since, until: until, .utc, now: now)
            return [CivilDay(number: days.lowerBound).description, CivilDay(number: days.upperBound).description]
        }
        #expect(try days(nil, nil) == ["2026-10-28", "2026-11-27"])
        #expect(try days("1d", nil) == ["2026-11-26", "2026-11-27"])
        #expect(try days("2026-11-01", "2026-11-30") == ["2026-11-01", "2026-12-01"])
        let wrong: [(since: String?, until: String?, name: String)] = [
            ("x", nil, "since"), ("0d", nil, "since"), (nil, "2026-13-01", "until"), ("2026-11-02", "2026-11-01", "since"),
        ]
        for (since, until, name) in wrong {
            let fault = #expect(throws: UsagePeriod.Fault.self) { try days(since, until) }
            #expect(fault?.name == name)
        }
    }

    @Test func momentsEndBeforeThemselvesAndDaysAreWhole() throws {
        func moments(_ since: String?, _ until: String?) throws -> Range<Int64> {
            try UsagePeriod.moments(since: since, until: until, .utc, now: now)
        }
        #expect(try moments(nil, nil) == Int64.min..<Int64.max)
        let day = try moments("2026-11-26", "2026-11-26")
        #expect(day.upperBound - day.lowerBound == 86_400_000_000_000 && day.contains(now * 1_000_000_000))
        let hour = try moments("2026-11-26T11:00:00Z", "2026-11-26T12:00:00Z")
        #expect(hour.upperBound == now * 1_000_000_000 && hour.count == 3_600_000_000_000)
        #expect(try moments("2026-11-26", "2026-11-25").isEmpty)
        for text in ["now", "9999-12-31", "2026-11-26T25:00:00Z"] { #expect(throws: UsagePeriod.Fault.self) { try moments(text, nil) } }
    }

    @Test func whatIsAskedByIsAList() throws {
        #expect(try UsageDimension.list("day,key,day,node").get() == [.day, .key, .node])
        #expect(try UsageDimension.list("").get() == [])
        #expect(throws: UsagePeriod.Fault.self) { try UsageDimension.list("day,kee").get() }
    }

    @Test func cursorsComeBack() {
        #expect(RowPage.Cursor("1f-20") == RowPage.Cursor(segment: 31, count: 20))
        #expect(RowPage.Cursor(segment: 31, count: 20).text == "1f-20")
        for text in ["", "-", "1", "1-", "1-x", "1--1", "1-2-3", "g-1"] { #expect(RowPage.Cursor(text) == nil, "\(text)") }
    }

    @Test(arguments: [1, 7, 100, 5000])
    func pagesHaveEveryRowOnceAlsoWhenFilesAreCompactedBetween(_ limit: Int) throws {
        let ledger = LedgerFolder()
        var frames: [[UInt8]] = []
        for number in 0..<1200 {
            frames.append(LedgerFolder.open(UInt64(number), at: Int64(number) * 1_000_000_000))
            frames.append(LedgerFolder.sealed(UInt64(number), at: Int64(number) * 1_000_000_000))
        }
        _ = try RollupTests.write(frames, to: ledger)
        let question = JournalReader.Question(times: 100_000_000_000..<1_100_000_000_000)
        var (cursor, pages, ids): (RowPage.Cursor?, Int, [String]) = (nil, 0, [])
        repeat {
            let page = try RowPage(ledger.folder, question, after: cursor, limit: limit)
            let document = try JSONParser.parse(String(decoding: page.document, as: UTF8.self))
            ids += (document["data"]?.array ?? []).compactMap { $0["id"]?.string }
            #expect(page.count <= limit && document["next_cursor"]?.string == page.next?.text)
            (cursor, pages) = (page.next, pages + 1)
            if pages == 3 {
                let care = SegmentCare(folder: ledger.folder, zone: .utc)
                for segment in try ledger.folder.segments().dropLast() { try care.compact(segment) }
            }
        } while cursor != nil
        #expect(ids == (100..<1100).map { RowID(tag: 1, number: UInt64($0)).text })
        #expect(pages == (1000 + limit - 1) / limit)
    }
}
