// Rows as bytes. A row is kind, version, and fields in a fixed order: what is nearly always large has a fixed
// width, little-endian; what is mostly small is a LEB128 number; texts have a length of one byte before them.
// docs/decisions/0020 draws it.
//
// It writes without asking for room: `rowLimit` bytes must be there, which every row fits into, since texts are
// cut at `textLimit`.
//
// Kind: value over memory of somebody else; runs on loops, so it allocates nothing.

struct RowEncoder {
    enum Kind: UInt8, Sendable {
        case open = 1
        case attempt = 2
        case sealed = 3
        /// The first row of a segment, see `CheckpointRow`.
        case checkpoint = 4
    }

    static let version: UInt8 = 1
    /// Ids and names are shorter; what is longer is cut, so that a row is bounded.
    static let textLimit = 200
    /// Of one row: seven texts, fixed fields, and numbers of at most ten bytes each.
    static let rowLimit = 2048

    private let base: UnsafeMutableRawPointer
    private var at: UnsafeMutableRawPointer

    init(_ memory: UnsafeMutableRawPointer) {
        base = memory
        at = memory
    }

    /// Bytes written.
    var count: Int { at - base }

    // MARK: Rows

    @inline(__always)
    mutating func write(_ row: borrowing SealedRow) {
        begin(.sealed, row.id, row.started)
        put(row.end.rawValue)
        put(row.flags.rawValue)
        put(row.status)
        put(row.session)
        put(row.snapshot)
        number(row.duration)
        number(row.firstByte)
        number(UInt64(row.attempts))
        count(row.usage.inputTokens)
        count(row.usage.outputTokens)
        count(row.usage.cacheReadTokens)
        count(row.usage.cacheWrite5mTokens)
        count(row.usage.cacheWrite1hTokens)
        count(row.usage.thinkingTokens)
        count(row.usage.webSearchRequests)
        count(row.usage.webFetchRequests)
        put(row.usage.serviceTier.rawValue)
        count(row.cost)
        text(row.key)
        text(row.group)
        text(row.account)
        text(row.modelAsked)
        text(row.modelServed)
        text(row.upstreamID)
        text(row.why)
    }

    @inline(__always)
    mutating func write(_ row: borrowing OpenRow) {
        begin(.open, row.id, row.started)
        put(row.flags.rawValue)
        put(row.session)
        text(row.key)
        text(row.group)
        text(row.account)
        text(row.modelAsked)
    }

    @inline(__always)
    mutating func write(_ row: borrowing AttemptRow) {
        begin(.attempt, row.id, row.started)
        put(row.status)
        put(row.fault)
        number(UInt64(row.number))
        number(row.connected)
        number(row.firstByte)
        number(row.duration)
        text(row.account)
        text(row.upstreamID)
    }

    mutating func write(_ row: borrowing CheckpointRow) {
        begin(.checkpoint, .zero, row.written)
        number(row.oldestOpenSegment)
    }

    // MARK: Fields

    @inline(__always)
    private mutating func begin(_ kind: Kind, _ id: RowID, _ started: Int64) {
        put(kind.rawValue)
        put(Self.version)
        put(id.tag)
        put(id.number)
        put(started)
    }

    @inline(__always)
    private mutating func put<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number) {
        at.storeBytes(of: number.littleEndian, as: Number.self)
        at += MemoryLayout<Number>.size
    }

    @inline(__always)
    private mutating func number(_ number: UInt64) {
        if number < 0x80 {
            at.storeBytes(of: UInt8(truncatingIfNeeded: number), as: UInt8.self)
            at += 1
            return
        }
        var rest = number
        while rest >= 0x80 {
            at.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, as: UInt8.self)
            at += 1
            rest >>= 7
        }
        at.storeBytes(of: UInt8(truncatingIfNeeded: rest), as: UInt8.self)
        at += 1
    }

    /// Counts are never negative (`Usage`).
    @inline(__always)
    private mutating func count(_ count: Int64) { number(UInt64(max(count, 0))) }

    @inline(__always)
    private mutating func text(_ text: Bytes) {
        let count = min(text.count, Self.textLimit)
        at.storeBytes(of: UInt8(truncatingIfNeeded: count), as: UInt8.self)
        at += 1
        guard count > 0, let base = text.base else { return }
        copy(UnsafeRawPointer(base), count)
        at += count
    }

    /// Names are short: two words, of which the second may overlap the first, copy what is no shorter than one word and no longer
    /// than both, without a call.
    @inline(__always)
    private func copy(_ text: UnsafeRawPointer, _ count: Int) {
        if count >= 16, count <= 32 {
            copy(SIMD16<UInt8>.self, text, count)
        } else if count >= 8, count < 16 {
            copy(UInt64.self, text, count)
        } else {
            at.copyMemory(from: text, byteCount: count)
        }
    }

    /// - Precondition: `count` is from one word to two.
    @inline(__always)
    private func copy<Word: BitwiseCopyable>(_ word: Word.Type, _ text: UnsafeRawPointer, _ count: Int) {
        let last = count - MemoryLayout<Word>.size
        at.storeBytes(of: text.loadUnaligned(as: word), as: word)
        at.storeBytes(of: text.loadUnaligned(fromByteOffset: last, as: word), toByteOffset: last, as: word)
    }
}

/// The first row of each segment: where rows may stand that were open when the segment began.
struct CheckpointRow {
    /// Nanoseconds since 1970.
    var written: Int64
    /// No segment before this one has an open row without a seal.
    var oldestOpenSegment: UInt64
}
