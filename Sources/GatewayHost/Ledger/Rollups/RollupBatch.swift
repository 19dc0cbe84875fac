// Rows added up by hour and day, key, group, account and model.
//
// A row costs one hash of its names, where they lie, and one comparison with those that were seen before; no text is
// made. This runs over every row of the ledger once, and over millions of them in `gateway ledger verify`.
//
//   names of a row ─► slots ─► names seen before ─► sums
//
// Kind: value. Pure. Invariants: 1. an hour lies in one day, so groups with the same hour have the same day; 2. at
// most half of the slots are taken, so that every search ends.

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

    /// Names that rows of an hour had; their sums are at the same place.
    private struct Seen {
        var hash: UInt64
        var hour: Int64
        /// In `names`: those of the row, and behind them its model.
        var names: Range<Int>
    }

    private let zone: CalendarZone
    private var sums: [(group: Group, sums: RollupSums)] = []
    private var seen: [Seen] = []
    private var names: [UInt8] = []
    /// Places in `seen`, each at the first free slot from where its hash says; -1: free.
    private var slots: [Int32] = []
    /// The hour of the last row, and how long it lasts: neighbours in a journal share it.
    private var hour: (range: Range<Int64>, day: CivilDay) = (0..<0, CivilDay(number: 0))
    private(set) var rowCount = 0

    init(_ zone: CalendarZone) { self.zone = zone }

    var groupCount: Int { sums.count }

    mutating func add(_ row: CountedRow) {
        let seconds = row.started / 1_000_000_000
        if !hour.range.contains(seconds) { findHour(seconds) }
        rowCount += 1
        let hash = Self.hash(row, hour.range.lowerBound)
        let place = find(row, hash) ?? meet(row, hash)
        sums[place].sums.add(row)
    }

    func forEach<Failure: Error>(_ body: (Group, RollupSums) throws(Failure) -> Void) throws(Failure) {
        for entry in sums { try body(entry.group, entry.sums) }
    }

    // MARK: Hours

    private mutating func findHour(_ seconds: Int64) {
        let start = zone.hour(of: seconds)
        // Where clocks change within the hour it is shorter; then it is looked for again.
        let end = zone.hour(of: start + 3599) == start ? start + 3600 : seconds + 1
        hour = (start..<end, zone.day(of: seconds))
    }

    // MARK: Names

    /// The place of their sums; nil: no row had these names in this hour.
    @inline(__always)
    private func find(_ row: CountedRow, _ hash: UInt64) -> Int? {
        guard !slots.isEmpty else { return nil }
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] >= 0 {
            let place = Int(slots[slot])
            let known = seen[place]
            if known.hash == hash, known.hour == hour.range.lowerBound, isEqual(known.names, row) { return place }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// Names say their own lengths, so that where they end in equal bytes is the same place.
    private func isEqual(_ known: Range<Int>, _ row: CountedRow) -> Bool {
        guard known.count == row.names.count + row.model.count else { return false }
        return names.withUnsafeBytes { raw in
            let both = Bytes(UnsafeRawBufferPointer(rebasing: raw[known]))
            return both.slice(0, row.names.count).equals(row.names) && both.slice(row.names.count, both.count).equals(row.model)
        }
    }

    /// Takes up names that no row had.
    private mutating func meet(_ row: CountedRow, _ hash: UInt64) -> Int {
        let group = row.group(hour: hour.range.lowerBound, day: hour.day)
        let start = names.count
        names.append(contentsOf: row.names.buffer)
        names.append(contentsOf: row.model.buffer)
        seen.append(Seen(hash: hash, hour: group.hour, names: start..<names.count))
        sums.append((group, RollupSums()))
        if seen.count > slots.count / 2 {
            slots = [Int32](repeating: -1, count: max(slots.count * 2, 64))
            for place in seen.indices { take(place) }
        } else {
            take(seen.count - 1)
        }
        return seen.count - 1
    }

    private mutating func take(_ place: Int) {
        var slot = Int(truncatingIfNeeded: seen[place].hash) & (slots.count - 1)
        while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = Int32(truncatingIfNeeded: place)
    }

    @inline(__always)
    private static func hash(_ row: CountedRow, _ hour: Int64) -> UInt64 {
        var hash = UInt64(bitPattern: hour)
        mix(row.names, &hash)
        mix(row.model, &hash)
        return hash
    }

    /// Eight bytes a step; the last step overlaps the one before.
    @inline(__always)
    private static func mix(_ text: Bytes, _ hash: inout UInt64) {
        guard text.count >= 8 else {
            for byte in text.buffer { mix(UInt64(byte), &hash) }
            return
        }
        let raw = text.raw
        var at = 0
        while at + 8 <= raw.count {
            mix(raw.loadUnaligned(fromByteOffset: at, as: UInt64.self), &hash)
            at += 8
        }
        mix(raw.loadUnaligned(fromByteOffset: raw.count - 8, as: UInt64.self), &hash)
    }

    @inline(__always)
    private static func mix(_ word: UInt64, _ hash: inout UInt64) {
        hash = (hash ^ word) &* 0x9e37_79b9_7f4a_7c15
        hash ^= hash >> 32
    }
}
