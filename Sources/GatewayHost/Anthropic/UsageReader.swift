// Reads usage from an answer while it passes.
//
// It is shown each piece of the body as it is on the wire, compressed or not, and keeps a few fields. It
// never delays, changes or judges what passes; an answer it cannot read simply has no usage. In streams
// it looks at `message_start`, `message_delta`, `message_stop` and `error` and skips the rest by name.
//
// Kind: loop-confined; made once for an exchange slot and reused. Invariant: the result does not depend
// on how the body was split.

final class UsageReader {
    private enum Shape { case json, eventStream }

    /// Of one inflated answer; the longest real ones are a few megabytes.
    private static let inflatedLimit = 64 << 20

    private enum Member {
        static let names: [StaticString] = ["usage", "model", "id", "type", "error"]
        static let usage = 0
        static let model = 1
        static let id = 2
        static let type = 3
        static let error = 4
        /// Which of the names a key is.
        @inline(__always)
        static func place(of key: JSONKey) -> Int? {
            if key.isEscaped { return names.firstIndex { key.equals($0) } }
            switch key.raw.count {
            case 2 where key.equals("id"): return id
            case 4 where key.equals("type"): return type
            case 5 where key.equals("usage"): return usage
            case 5 where key.equals("model"): return model
            case 5 where key.equals("error"): return error
            default: return nil
            }
        }

        /// Usage takes 500 bytes, an error's message a few thousand.
        static let valueBytesLimit = 16 << 10
    }

    private(set) var usage = Usage()
    /// The answer reported usage at least once.
    private(set) var hasUsage = false
    /// Usage was reported since this was last made false.
    var hasNews = false
    /// The model that served the request, which may be another than was asked for; empty if unsaid.
    private(set) var model = ShortText()
    private(set) var messageID = ShortText()
    private(set) var hasMessageStart = false
    /// A stream ended as it should. JSON answers: the body is one whole object.
    private(set) var hasMessageStop = false
    /// The answer is an error, or an `error` event came, perhaps after a good beginning.
    private(set) var hasError = false
    private(set) var errorType = ShortText()

    private var shape = Shape.json
    private var coding = ContentCoding.identity
    private var inflater: Inflater?
    private var events: EventStreamReader
    /// Only for JSON bodies that come in several pieces.
    private var members: JSONFieldWatcher?
    /// There are `members`.
    private var isInPieces = false
    private var hasCollected = false

    init(pool: BlockPool) {
        events = EventStreamReader(pool: pool)
    }

    /// Begins the next answer.
    func begin(isEventStream: Bool, coding: ContentCoding) {
        release()
        shape = isEventStream ? .eventStream : .json
        self.coding = coding
        inflater = coding == .gzip || coding == .deflate ? Inflater(outputLimit: Self.inflatedLimit) : nil
        hasCollected = false
        usage = Usage()
        hasUsage = false
        hasNews = false
        model.clear()
        messageID.clear()
        hasMessageStart = false
        hasMessageStop = false
        hasError = false
        errorType.clear()
    }

    /// Shows a piece of the body, as it is on the wire.
    func feed(_ wire: Bytes) {
        switch coding {
        case .identity: read(wire)
        case .unreadable: break
        case .gzip, .deflate:
            guard let inflater else { return }
            var offset = 0
            while let piece = inflater.next(wire, from: &offset) { read(piece) }
        }
    }

    /// The body has ended, well or not. Gives back the memory that only reading needs.
    func finish() {
        if isInPieces, !hasCollected, let watcher = members.take() { collect(watcher) }
        release()
    }

    private func release() {
        if isInPieces { members = nil }
        isInPieces = false
        if shape == .eventStream { events.reset() }
        inflater = nil
    }

    private func read(_ body: Bytes) {
        switch shape {
        case .json:
            if hasCollected {
                // Something behind the object: it was read, but the body is not what it seemed.
                if !body.buffer.allSatisfy(JSONScanner.isBlank) { hasMessageStop = false }
                return
            }
            feedMembers(body)
        case .eventStream:
            var offset = 0
            while true {
                switch events.next(body, from: &offset) {
                case .event(let event): if event.hasData { take(event) }
                case .oversized: break
                case .needMore: return
                }
            }
        }
    }

    // MARK: streams

    private func take(_ event: StreamEvent) {
        var name = event.name
        if name.isEmpty { name = Self.typeInside(event.data) }
        switch name.count {
        case 5 where name.equals("error"): takeError(event.data)
        case 12 where name.equals("message_stop"): hasMessageStop = true
        case 13 where name.equals("message_start"):
            hasMessageStart = true
            takeMessage(event.data, member: "message")
        case 13 where name.equals("message_delta"):
            let scanner = JSONScanner(event.data)
            _ = scanner.forEachTopLevelMember { key, value in
                if key.equals("usage") { merge(scanner, value) }
            }
        default: break
        }
    }

    /// Every event repeats its name as `type`; servers that leave the event field out still send that.
    private static func typeInside(_ data: Bytes) -> Bytes {
        let scanner = JSONScanner(data)
        var type = Bytes.absent
        _ = scanner.forEachTopLevelMember { key, value in
            if key.equals("type") { type = scanner.rawString(value) ?? .absent }
        }
        return type
    }

    private func takeMessage(_ data: Bytes, member: StaticString) {
        let scanner = JSONScanner(data)
        _ = scanner.forEachTopLevelMember { key, value in
            guard key.equals(Bytes(member)) else { return }
            scanner.forEachMember(of: value) { key, value in
                if key.equals("usage") { merge(scanner, value) }
                if key.equals("model") { Self.keep(scanner, value, in: &model) }
                if key.equals("id") { Self.keep(scanner, value, in: &messageID) }
            }
        }
    }

    private func takeError(_ data: Bytes) {
        hasError = true
        let scanner = JSONScanner(data)
        _ = scanner.forEachTopLevelMember { key, value in
            if key.equals("error") { takeErrorType(scanner, value) }
        }
    }

    private func takeErrorType(_ scanner: JSONScanner, _ error: JSONSpan) {
        scanner.forEachMember(of: error) { key, value in
            if key.equals("type") { Self.keep(scanner, value, in: &errorType) }
        }
    }

    private func merge(_ scanner: JSONScanner, _ span: JSONSpan) {
        guard span.kind == .object else { return }
        usage.merge(scanner, span)
        hasUsage = true
        hasNews = true
    }

    // MARK: JSON bodies

    private func feedMembers(_ body: Bytes) {
        var watcher: JSONFieldWatcher
        if let begun = members.take() {
            watcher = begun
        } else {
            if takeWhole(body) { return }
            watcher = JSONFieldWatcher(Member.names, valueBytesLimit: Member.valueBytesLimit)
        }
        watcher.feed(body)
        if watcher.isWhole { collect(watcher) }
        members = consume watcher
        isInPieces = true
    }

    /// Reads a body that came in one piece, as most do, without copying what is watched: a third of the
    /// instructions. False, and nothing read, when it is no whole object.
    private func takeWhole(_ body: Bytes) -> Bool {
        var last = body.count - 1
        while last >= 0, JSONScanner.isBlank(body[last]) { last -= 1 }
        guard last >= 0, body[last] == 0x7d else { return false }
        let scanner = JSONScanner(body)
        var spans = InlineArray<5, JSONSpan>(repeating: JSONSpan(start: 0, end: 0, kind: .null))
        let isWhole = scanner.forEachTopLevelMember { key, value in
            guard let member = Member.place(of: key) else { return }
            spans[member] = value
        }
        guard isWhole else { return false }
        hasCollected = true
        hasMessageStop = true
        for member in spans.indices {
            let span = spans[member]
            if span.end > 0, span.end - span.start <= Member.valueBytesLimit { take(member, scanner, span) }
        }
        return true
    }

    private func collect(_ members: borrowing JSONFieldWatcher) {
        hasCollected = true
        hasMessageStop = members.isWhole
        for member in 0..<Member.names.count {
            _ = members.withValue(member) { value in
                let scanner = JSONScanner(value)
                if let span = scanner.document() { take(member, scanner, span) }
            }
        }
    }

    /// Members come in the order of their names: the error after the type that announces it.
    private func take(_ member: Int, _ scanner: JSONScanner, _ span: JSONSpan) {
        switch member {
        case Member.usage: merge(scanner, span)
        case Member.model: Self.keep(scanner, span, in: &model)
        case Member.id: Self.keep(scanner, span, in: &messageID)
        case Member.type:
            let type = scanner.rawString(span) ?? .absent
            hasError = type.equals("error")
            hasMessageStart = type.equals("message")
        case Member.error: if hasError { takeErrorType(scanner, span) }
        default: preconditionFailure("no member has the place \(member)")
        }
    }

    /// Names of the provider are plain ASCII; an escaped or overlong one counts as unsaid.
    private static func keep(_ scanner: JSONScanner, _ span: JSONSpan, in text: inout ShortText) {
        text.set(scanner.rawString(span) ?? Bytes(""))
    }
}
