// The keys of one worker: those of the configuration, which stay, and the records, which come, change and go.
//
//     key ─► VerifiedKeys (a SipHash) ─► KeyTable (two SHA-256) ─► place ─► row ─► KeyRecord
//
// A place says which row, and whether the key is the one that rotation replaced. A row belongs to a record for as long
// as that exists; its version grows when it is given to another one.
//
// Kind: confined to its worker. Changes come between requests, so what a hook borrows is there until it returns.

import PluginKit

/// What a record says: about the key, and which tags find it.
struct KeyEntry {
    var record: KeyRecord
    var current: Digest
    /// The tag that rotation replaced, if it may still count.
    var previous: Digest?
    /// What its hash was made with elsewhere; nil: it is a key of ours.
    var pepper: [UInt8]?
}

struct KeyPlace: BitwiseCopyable {
    private let value: Int32
    var row: Int { Int(value >> 1) }
    var isPrevious: Bool { value & 1 != 0 }

    @inline(__always)
    init(_ value: Int) { self.value = Int32(truncatingIfNeeded: value) }

    static func value(row: Int, isPrevious: Bool) -> Int { row << 1 | (isPrevious ? 1 : 0) }
}

final class KeyDirectory {
    private struct Row {
        var record: Unmanaged<KeyRecord>?
        var version: UInt32 = 0
    }
    private struct Tags {
        var current: Digest?
        var previous: Digest?
    }

    private let table: KeyTable
    private var verified: VerifiedKeys
    private var rows: UnsafeMutablePointer<Row>
    private var capacity = 16
    private var used = 0
    private var free: [Int] = []
    /// By row; only changes look at it.
    private var tags: [Tags] = []
    private var rowsByID: [String: Int] = [:]

    init(pepper: Bytes, secret: (UInt64, UInt64)) {
        table = KeyTable(pepper: pepper)
        verified = VerifiedKeys(secret: secret)
        rows = .allocate(capacity: capacity)
        rows.initialize(repeating: Row(), count: capacity)
    }

    deinit {
        for row in 0..<used { rows[row].record?.release() }
        rows.deallocate()
    }

    /// Keys that are known, rotated ones twice.
    var count: Int { table.count }

    // MARK: On the way of a request

    @inline(__always)
    func find(_ key: Bytes) -> KeyPlace? { verified.find(key, in: table).map { KeyPlace($0) } }

    /// Runs `body` with the record at a place that `find` gave in this call.
    @inline(__always)
    func withRecord<Result>(_ row: Int, _ body: (KeyRecord) -> Result) -> Result {
        precondition(row >= 0 && row < used, "a row that does not exist")
        return rows[row].record!._withUnsafeGuaranteedRef(body)
    }

    @inline(__always)
    func version(_ row: Int) -> UInt32 { rows[row].version }

    // MARK: Changes

    func tag(of digest: Digest) -> Digest { table.tag(of: digest) }
    func isKnown(_ tag: Digest) -> Bool { table.value(of: tag) != nil }

    /// A key of the configuration.
    /// - Returns: false if the key is there already.
    func addFixed(_ digest: Digest, _ record: KeyRecord) -> Bool {
        let tag = table.tag(of: digest)
        guard table.value(of: tag) == nil else { return false }
        let row = takeRow(record)
        tags[row].current = tag
        return table.insert(tag, value: KeyPlace.value(row: row, isPrevious: false))
    }

    /// A record is there or has changed.
    /// - Returns: false if one of its keys is somebody else's already; that one does not count for it.
    @discardableResult
    func set(_ id: String, _ entry: KeyEntry) -> Bool {
        if let pepper = entry.pepper { table.add(pepper: pepper) }
        guard let row = rowsByID[id] else {
            let row = takeRow(entry.record)
            rowsByID[id] = row
            return give(row, entry)
        }
        rows[row].record?.release()
        rows[row].record = .passRetained(entry.record)
        if isSame(tags[row].current, entry.current), isSame(tags[row].previous, entry.previous) { return true }
        takeTags(of: row)
        return give(row, entry)
    }

    func remove(_ id: String) {
        guard let row = rowsByID.removeValue(forKey: id) else { return }
        takeTags(of: row)
        rows[row].record?.release()
        rows[row].record = nil
        rows[row].version &+= 1
        free.append(row)
    }

    private func isSame(_ one: Digest?, _ other: Digest?) -> Bool {
        switch (one, other) {
        case (nil, nil): true
        case (let one?, let other?): one.equals(other)
        default: false
        }
    }

    private func give(_ row: Int, _ entry: KeyEntry) -> Bool {
        var isWhole = table.insert(entry.current, value: KeyPlace.value(row: row, isPrevious: false))
        tags[row].current = isWhole ? entry.current : nil
        if let previous = entry.previous {
            let isNew = table.insert(previous, value: KeyPlace.value(row: row, isPrevious: true))
            tags[row].previous = isNew ? previous : nil
            isWhole = isWhole && isNew
        }
        return isWhole
    }

    private func takeTags(of row: Int) {
        if let tag = tags[row].current { table.remove(tag) }
        if let tag = tags[row].previous { table.remove(tag) }
        tags[row] = Tags()
        // What was remembered may be one of these; it is found again in the table.
        verified.forget()
    }

    private func takeRow(_ record: KeyRecord) -> Int {
        let row = free.popLast() ?? takeNewRow()
        rows[row].record = .passRetained(record)
        return row
    }

    private func takeNewRow() -> Int {
        if used == capacity {
            let larger = UnsafeMutablePointer<Row>.allocate(capacity: 2 * capacity)
            larger.moveInitialize(from: rows, count: used)
            (larger + used).initialize(repeating: Row(), count: 2 * capacity - used)
            rows.deallocate()
            rows = larger
            capacity *= 2
        }
        tags.append(Tags())
        used += 1
        return used - 1
    }
}
