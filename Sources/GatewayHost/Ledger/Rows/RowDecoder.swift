// Rows from bytes whose checksum was right. What does not decode all the same was written by a later version, or
// is damage that the checksum did not see; either is a value that the reader counts and passes over.
//
// Kind: value; rows are views of the bytes given.

struct RowDecoder {
    private let bytes: Bytes
    private var at = 0
    private var isShort = false

    /// Kind, version, id and time of a row.
    struct Head {
        var kind: RowEncoder.Kind
        var id: RowID
        var started: Int64
    }

    private static let headBytes = 22

    init(_ bytes: Bytes) { self.bytes = bytes }

    /// What every row begins with; nil for a kind or version that this gateway does not know.
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
        row.usage.inputTokens = decoder.count()
        row.usage.outputTokens = decoder.count()
        row.usage.cacheReadTokens = decoder.count()
        row.usage.cacheWrite5mTokens = decoder.count()
        row.usage.cacheWrite1hTokens = decoder.count()
        row.usage.thinkingTokens = decoder.count()
        row.usage.webSearchRequests = decoder.count()
        row.usage.webFetchRequests = decoder.count()
        row.usage.serviceTier = Usage.ServiceTier(rawValue: decoder.take()) ?? .unknown
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

    private mutating func head() -> Head? {
        guard bytes.count >= Self.headBytes, let kind = RowEncoder.Kind(rawValue: take()), take() as UInt8 == RowEncoder.version
        else { return nil }
        return Head(kind: kind, id: RowID(tag: take(), number: take()), started: take())
    }

    private mutating func take<Number: FixedWidthInteger & BitwiseCopyable>() -> Number {
        let size = MemoryLayout<Number>.size
        guard bytes.count - at >= size, let base = bytes.base else {
            isShort = true
            return 0
        }
        defer { at += size }
        return Number(littleEndian: UnsafeRawPointer(base + at).loadUnaligned(as: Number.self))
    }

    private mutating func number() -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while at < bytes.count, shift < 64 {
            let byte = bytes[at]
            at += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        isShort = true
        return 0
    }

    private mutating func count() -> Int64 { Int64(clamping: number()) }

    private mutating func text() -> Bytes {
        let count = Int(take() as UInt8)
        guard bytes.count - at >= count else {
            isShort = true
            return Bytes("")
        }
        defer { at += count }
        return count == 0 ? Bytes("") : bytes.slice(at, at + count)
    }
}
