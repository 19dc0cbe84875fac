// Rows added up by hour and day, key, group, account and model.
//
// A row costs a hash and a comparison of bytes, no text is made: this runs over every row of the ledger once, and
// over millions of them in `gateway ledger verify`.
//
// Kind: value. Pure. Invariant: an hour lies in one day, so groups with the same hour have the same day.

struct RollupBatch {
    struct Group: Hashable, Sendable {
        /// Seconds since 1970 at which the hour began (`CalendarZone.hour`).
        var hour: Int64
        var day: CivilDay
        var key: String
        var group: String
        var account: String
        var model: String
    }

    private struct Entry {
        /// Hour and texts, the texts each behind its length.
        var identity: [UInt8]
        var group: Group
        var sums: RollupSums
    }

    private let zone: CalendarZone
    private var entries: [Entry] = []
    private var places: [UInt64: Int] = [:]
    private var scratch: [UInt8] = []
    /// The hour of the last row, and how long it lasts: neighbours in a journal share it.
    private var hour: (range: Range<Int64>, day: CivilDay) = (0..<0, CivilDay(number: 0))
    private(set) var rowCount = 0

    init(_ zone: CalendarZone) { self.zone = zone }

    var groupCount: Int { entries.count }

    mutating func add(_ row: SealedRow) {
        let seconds = row.started / 1_000_000_000
        if !hour.range.contains(seconds) { findHour(seconds) }
        rowCount += 1
        identify(hour.range.lowerBound, row)
        var hash = scratch.withUnsafeBytes { Bytes($0).hash }
        while let place = places[hash] {
            if entries[place].identity == scratch {
                entries[place].sums.add(RollupSums(row))
                return
            }
            hash &+= 1
        }
        places[hash] = entries.count
        let group = Group(
            hour: hour.range.lowerBound, day: hour.day, key: row.key.string, group: row.group.string, account: row.account.string,
            model: row.model.string)
        entries.append(Entry(identity: scratch, group: group, sums: RollupSums(row)))
    }

    func forEach<Failure: Error>(_ body: (Group, RollupSums) throws(Failure) -> Void) throws(Failure) {
        for entry in entries { try body(entry.group, entry.sums) }
    }

    private mutating func findHour(_ seconds: Int64) {
        let start = zone.hour(of: seconds)
        // Where clocks change within the hour it is shorter; then it is looked for again.
        let end = zone.hour(of: start + 3599) == start ? start + 3600 : seconds + 1
        hour = (start..<end, zone.day(of: seconds))
    }

    private mutating func identify(_ hour: Int64, _ row: SealedRow) {
        scratch.removeAll(keepingCapacity: true)
        withUnsafeBytes(of: hour) { scratch.append(contentsOf: $0) }
        for text in [row.key, row.group, row.account, row.model] {
            scratch.append(UInt8(truncatingIfNeeded: text.count))
            scratch.append(contentsOf: text.buffer)
        }
    }
}
