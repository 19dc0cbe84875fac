// Cuts a server-sent event stream into its events, wherever the bytes are split.
//
// The rules are those of the HTML standard (9.2.6, interpreting an event stream): lines end in LF, CR or
// CR LF, an empty line ends an event, a byte order mark may open the stream, lines beginning with a
// colon are comments, several data lines are one text joined by LF. Two readers use it: one wants to
// know what the events say (`name`, `data`), one passes whole events on (`raw`); together the raw
// pieces are the stream, byte for byte.
//
// An event that lies whole in the bytes fed in is not copied. The beginning of one that does not is
// kept until the rest comes, up to a limit; a longer one is handed out in pieces, unread, until its
// end, after which reading goes on.
//
//   between ──bytes──► inside ──empty line──► event ──► between
//                         └──limit passed──► passing ──empty line──► between
//
// Kind: loop-confined value (it owns the kept bytes). Invariant: names and data do not depend on how the
// stream was split.

import CLinux

struct StreamEvent {
    /// Everything from the end of the event before to the empty line, that included.
    var raw = Bytes("")
    /// The last `event` field; empty when there is none, which means "message".
    var name = Bytes("")
    /// The last `id` field; absent when there is none.
    var id = Bytes.absent
    /// The data lines, joined by LF.
    var data = Bytes("")
    /// There is a data line; without one nothing was said (a comment, an empty line).
    var hasData = false
}

struct EventStreamReader: ~Copyable {
    enum Step {
        /// Views are valid until the next call, and only as long as the bytes fed in.
        case event(StreamEvent)
        /// A piece of an event above the limit, to pass on unread. `isLast`: the event ends with it.
        case oversized(Bytes, isLast: Bool)
        /// All bytes are used.
        case needMore
    }

    /// The largest event kept whole; the provider's largest, a block of a server tool's result, was
    /// seen at 1 MB.
    static let standardLimit = 4 << 20
    private static let byteOrderMark: StaticString = "\u{feff}"

    private let limit: Int
    /// The beginning of an event whose end has not come.
    private var pending: ByteBuffer
    /// What `pending` holds was handed out and goes with the next call.
    private var isPendingSpent = false
    private var joined: ByteBuffer
    private var isPassing = false
    /// No byte of the current line has come.
    private var isLineEmpty = true
    /// The line before ended in the CR that was the last byte fed in; an LF now belongs to it.
    private var expectsLineFeed = false
    /// No event has ended, so a byte order mark may open this one.
    private var isFirst = true
    /// How many bytes of the mark have come; nil once the stream's first bytes are known.
    private var markBytes: Int? = 0

    /// How many events were above the limit.
    private(set) var oversizedCount = 0

    /// - Parameters:
    ///   - pool: of the loop; memory is taken only while an event is incomplete.
    ///   - limit: of one event, in bytes.
    init(pool: BlockPool, limit: Int = EventStreamReader.standardLimit) {
        self.limit = limit
        pending = ByteBuffer(pool: pool)
        joined = ByteBuffer(pool: pool)
    }

    /// Forgets the stream; another begins.
    mutating func reset() {
        pending.release()
        joined.release()
        isPendingSpent = false
        isPassing = false
        isLineEmpty = true
        expectsLineFeed = false
        isFirst = true
        markBytes = 0
        oversizedCount = 0
    }

    /// What came after the last whole event. At the end of the stream this is not an event, says the
    /// standard; a relay passes it on all the same. Valid until the next call.
    var remainder: Bytes { isPendingSpent ? .absent : pending.readable }

    /// The next event in `input` from `offset` on; moves `offset` behind it.
    mutating func next(_ input: Bytes, from offset: inout Int) -> Step {
        if isPendingSpent {
            pending.release()
            isPendingSpent = false
        }
        guard offset < input.count, let base = input.base else { return .needMore }
        if pending.isEmpty, !isPassing, !expectsLineFeed, !isFirst, let event = readWhole(input, &offset) {
            return .event(event)
        }
        let start = offset
        let isComplete = scan(base, input.count, &offset)
        let piece = input.slice(start, offset)
        if isPassing {
            isPassing = !isComplete
            return .oversized(piece, isLast: isComplete)
        }
        let isWithinLimit = pending.count + piece.count <= limit
        if pending.isEmpty, isComplete, isWithinLimit { return .event(read(piece)) }
        pending.append(piece)
        guard isWithinLimit else {
            oversizedCount += 1
            isPassing = !isComplete
            isFirst = false
            isPendingSpent = true
            return .oversized(pending.readable, isLast: isComplete)
        }
        guard isComplete else { return .needMore }
        isPendingSpent = true
        return .event(read(pending.readable))
    }

    /// Reads the event that begins at `offset`, if it lies whole in the input, finding the ends of its lines
    /// only once; moves `offset` behind it. Nil, and nothing changed, when it does not or is above the limit.
    private mutating func readWhole(_ input: Bytes, _ offset: inout Int) -> StreamEvent? {
        let base = input.base.unsafelyUnwrapped
        var event = StreamEvent()
        var isJoined = false
        var ends = MarkedBytes(from: offset)
        var lineStart = offset
        while true {
            let lineEnd = Self.next(&ends, base, input.count)
            guard lineEnd < input.count else { return nil }
            var next = lineEnd &+ 1
            if base[lineEnd] == 0x0d {
                // Whether an LF belongs to it may not be known yet.
                guard next < input.count else { return nil }
                if base[next] == 0x0a { next &+= 1 }
            }
            ends.pass(next &- 1)
            if lineStart == lineEnd {
                guard next &- offset <= limit else { return nil }
                event.raw = input.slice(offset, next)
                if isJoined { event.data = joined.readable }
                offset = next
                return event
            }
            take(input.slice(lineStart, lineEnd), in: &event, &isJoined)
            lineStart = next
        }
    }

    /// Moves `offset` behind the empty line that ends the event and returns true, or to the end of the
    /// input.
    private mutating func scan(_ base: UnsafePointer<UInt8>, _ end: Int, _ offset: inout Int) -> Bool {
        if expectsLineFeed {
            expectsLineFeed = false
            if base[offset] == 0x0a { offset &+= 1 }
        }
        if markBytes != nil { scanMark(base, end, &offset) }
        var ends = MarkedBytes(from: offset)
        while offset < end {
            let lineEnd = Self.next(&ends, base, end)
            if lineEnd > offset { isLineEmpty = false }
            offset = lineEnd
            guard lineEnd < end else { return false }
            offset &+= 1
            if base[lineEnd] == 0x0d {
                if offset == end {
                    expectsLineFeed = true
                } else if base[offset] == 0x0a {
                    offset &+= 1
                }
            }
            ends.pass(offset &- 1)
            if isLineEmpty { return true }
            isLineEmpty = true
        }
        return false
    }

    /// Steps over a byte order mark, which does not make the first line less empty.
    private mutating func scanMark(_ base: UnsafePointer<UInt8>, _ end: Int, _ offset: inout Int) {
        while let seen = markBytes, offset < end {
            if base[offset] == Self.byteOrderMark.utf8Start[seen] {
                offset &+= 1
                markBytes = seen == 2 ? nil : seen + 1
            } else {
                if seen > 0 { isLineEmpty = false }
                markBytes = nil
            }
        }
    }

    /// Reads the fields of one whole event.
    private mutating func read(_ raw: Bytes) -> StreamEvent {
        var event = StreamEvent(raw: raw)
        guard let base = raw.base else { return event }
        var at = isFirst && raw.hasPrefix(Bytes(Self.byteOrderMark)) ? 3 : 0
        isFirst = false
        var isJoined = false
        var ends = MarkedBytes(from: at)
        while at < raw.count {
            let lineEnd = Self.next(&ends, base, raw.count)
            take(raw.slice(at, lineEnd), in: &event, &isJoined)
            at = lineEnd &+ 1
            if lineEnd < raw.count { ends.pass(lineEnd) }
        }
        if isJoined { event.data = joined.readable }
        return event
    }

    @inline(__always)
    private static func next(_ ends: inout MarkedBytes, _ base: UnsafePointer<UInt8>, _ end: Int) -> Int {
        ends.next(in: base, end, mask: { gwl_mask64_either($0, 0x0a, 0x0d) }, byte: { $0 == 0x0a || $0 == 0x0d })
    }

    /// Takes what one line says into the event, apart from the loops over lines: inlined, it made them carry
    /// the event in registers that there are not.
    @inline(never)
    private mutating func take(_ line: Bytes, in event: inout StreamEvent, _ isJoined: inout Bool) {
        guard let value = Self.value(of: line) else { return }
        switch value.field {
        case .event: event.name = value.text
        // One with a zero byte is ignored, says the standard.
        case .id: if !value.text.buffer.contains(0) { event.id = value.text }
        case .data where !event.hasData:
            event.data = value.text
            event.hasData = true
        case .data:
            if !isJoined {
                joined.clear()
                joined.append(event.data)
                isJoined = true
            }
            joined.append(byte: 0x0a)
            joined.append(value.text)
        }
    }

    private enum Field { case event, data, id }

    /// Takes a line apart; nil for comments, for empty lines and for fields that nobody here asks for.
    @inline(__always)
    private static func value(of line: Bytes) -> (field: Field, text: Bytes)? {
        let nameCount: Int
        let field: Field
        if line.begins(with: "data") {
            (field, nameCount) = (.data, 4)
        } else if line.begins(with: "event") {
            (field, nameCount) = (.event, 5)
        } else if line.begins(with: "id") {
            (field, nameCount) = (.id, 2)
        } else {
            return nil
        }
        if line.count == nameCount { return (field, Bytes("")) }
        guard line[nameCount] == 0x3a else { return nil }
        let hasBlank = line.count > nameCount + 1 && line[nameCount + 1] == 0x20
        return (field, line.slice(nameCount + (hasBlank ? 2 : 1), line.count))
    }
}
