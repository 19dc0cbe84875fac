// Rows from bytes whose checksum was right. What does not decode all the same was written by a later version, or
// is damage that the checksum did not see; either is a value that the reader counts and passes over.
//
// Kind: value; rows are views of the bytes given.

struct RowDecoder {
    private var next: UnsafePointer<UInt8>
    private let end: UnsafePointer<UInt8>
    /// A field was asked for that is not there.
    private var isShort = false

    /// Kind, version, id and time of a row.
    struct Head {
        var kind: RowEncoder.Kind
        var id: RowID
        var started: Int64
    }

    private static let headBytes = 22

    @inline(__always)
    init(_ bytes: Bytes) {
        // Absent bytes are as none.
        next = bytes.base ?? Bytes("").base.unsafelyUnwrapped
        end = next + bytes.count
    }

    /// What every row begins with; nil for a kind or version that this gateway does not know.
    @inline(__always)
    static func head(_ bytes: Bytes) -> Head? {
        var decoder = RowDecoder(bytes)
        return decoder.head()
    }

    static func sealed(_ bytes: Bytes) -> SealedRow? {
        var decoder = RowDecoder(bytes)
        guard let head = decoder.head(), head.kind == .sealed, let end = SealedRow.End(rawValue: decoder.take()) else { return nil }
        var row = SealedRow(id: head.id, started: head.started, end: end)
        row.flags = SealedRow.Flags(rawValue: decoder.take())
        row.status = decoder.take()
        row.session = decoder.take()
        row.snapshot = decoder.take()
        row.duration = decoder.number()
        row.firstByte = decoder.number()
        row.attempts = UInt32(truncatingIfNeeded: decoder.number())
        decoder.usage(&row.usage)
        row.cost = decoder.count()
        row.key = decoder.text()
        row.group = decoder.text()
        row.account = decoder.text()
        row.modelAsked = decoder.text()
        row.modelServed = decoder.text()
        row.upstreamID = decoder.text()
        row.why = decoder.text()
        return decoder.isShort ? nil : row
    }

    /// What of a sealed row is added up; nil where `sealed` is. For rows of other kinds it is one look.
    @inline(__always)
    static func counted(_ bytes: Bytes) -> CountedRow? {
        bytes.count > 0 && bytes[0] == RowEncoder.Kind.sealed.rawValue ? sums(bytes) : nil
    }

    private static func sums(_ bytes: Bytes) -> CountedRow? {
        var decoder = RowDecoder(bytes)
        guard let head = decoder.head(), head.kind == .sealed, let end = SealedRow.End(rawValue: decoder.take()) else { return nil }
        var row = CountedRow(started: head.started, end: end)
        row.flags = SealedRow.Flags(rawValue: decoder.take())
        decoder.skip(18)  // status, session, snapshot
        row.duration = decoder.number()
        _ = decoder.number()  // first byte
        row.attempts = UInt32(truncatingIfNeeded: decoder.number())
        decoder.usage(&row.usage)
        row.cost = decoder.count()
        row.names = decoder.texts(CountedRow.nameCount)
        let asked = decoder.text()
        let served = decoder.text()
        row.model = served.isEmpty ? asked : served
        _ = decoder.texts(2)  // the provider's id, why this account
        return decoder.isShort ? nil : row
    }

    static func open(_ bytes: Bytes) -> OpenRow? {
        var decoder = RowDecoder(bytes)
        guard let head = decoder.head(), head.kind == .open else { return nil }
        var row = OpenRow(id: head.id, started: head.started)
        row.flags = SealedRow.Flags(rawValue: decoder.take())
        row.session = decoder.take()
        row.key = decoder.text()
        row.group = decoder.text()
        row.account = decoder.text()
        row.modelAsked = decoder.text()
        return decoder.isShort ? nil : row
    }

    static func attempt(_ bytes: Bytes) -> AttemptRow? {
        var decoder = RowDecoder(bytes)
        guard let head = decoder.head(), head.kind == .attempt else { return nil }
        var row = AttemptRow(id: head.id, started: head.started)
        row.status = decoder.take()
        row.fault = decoder.take()
        row.number = UInt32(truncatingIfNeeded: decoder.number())
        row.connected = decoder.number()
        row.firstByte = decoder.number()
        row.duration = decoder.number()
        row.account = decoder.text()
        row.upstreamID = decoder.text()
        return decoder.isShort ? nil : row
    }

    static func checkpoint(_ bytes: Bytes) -> CheckpointRow? {
        var decoder = RowDecoder(bytes)
        guard let head = decoder.head(), head.kind == .checkpoint else { return nil }
        let row = CheckpointRow(written: head.started, oldestOpenSegment: decoder.number())
        return decoder.isShort ? nil : row
    }

    // MARK: Fields
    //
    // `next` never passes `end`: each of these looks at what is left first.

    @inline(__always)
    private mutating func head() -> Head? {
        guard end - next >= Self.headBytes, let kind = RowEncoder.Kind(rawValue: take()), take() as UInt8 == RowEncoder.version
        else { return nil }
        return Head(kind: kind, id: RowID(tag: take(), number: take()), started: take())
    }

    @inline(__always)
    private mutating func take<Number: FixedWidthInteger & BitwiseCopyable>() -> Number {
        guard end - next >= MemoryLayout<Number>.size else {
            isShort = true
            return 0
        }
        defer { next += MemoryLayout<Number>.size }
        return Number(littleEndian: UnsafeRawPointer(next).loadUnaligned(as: Number.self))
    }

    @inline(__always)
    private mutating func skip(_ count: Int) {
        if end - next >= count { next += count } else { isShort = true }
    }

    @inline(__always)
    private mutating func number() -> UInt64 {
        if next < end, next.pointee < 0x80 {
            defer { next += 1 }
            return UInt64(next.pointee)
        }
        let (value, behind) = Self.longNumber(next, end)
        guard let behind else {
            isShort = true
            return 0
        }
        next = behind
        return value
    }

    /// By value, so that the decoder can stay in registers.
    /// - Returns: the number and where it ends; nil: not before `end`.
    @inline(never)
    private static func longNumber(_ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> (UInt64, UnsafePointer<UInt8>?) {
        var next = start
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while next < end, shift < 64 {
            let byte = next.pointee
            next += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return (value, next) }
            shift += 7
        }
        return (0, nil)
    }

    @inline(__always)
    private mutating func usage(_ usage: inout Usage) {
        usage.inputTokens = count()
        usage.outputTokens = count()
        usage.cacheReadTokens = count()
        usage.cacheWrite5mTokens = count()
        usage.cacheWrite1hTokens = count()
        usage.thinkingTokens = count()
        usage.webSearchRequests = count()
        usage.webFetchRequests = count()
        usage.serviceTier = Usage.ServiceTier(rawValue: take()) ?? .unknown
    }

    @inline(__always)
    private mutating func count() -> Int64 { Int64(truncatingIfNeeded: min(number(), UInt64(Int64.max))) }

    @inline(__always)
    private mutating func text() -> Bytes {
        let count = Int(take() as UInt8)
        guard end - next >= count else {
            isShort = true
            return Bytes("")
        }
        defer { next += count }
        return Bytes(base: next, count: count)
    }

    /// Passes over texts.
    /// - Returns: all of them, each behind its length.
    @inline(__always)
    private mutating func texts(_ count: Int) -> Bytes {
        let first = next
        for _ in 0..<count { _ = text() }
        return Bytes(base: first, count: next - first)
    }
}
