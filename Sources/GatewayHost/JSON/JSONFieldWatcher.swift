// Picks chosen top-level members out of a JSON object that passes by in pieces.
//
// Made for answers of the upstream, which are relayed as they come: it keeps the raw values of the
// members it watches, each up to a limit, and a few words of state. It judges exactly as much as
// JSONScanner and agrees with it on every text: skipping, last member of a name counts.
//
//   start ─{─► keyOrEnd ──"──► inKey ──"──► afterKey ─:─► beforeValue ──► value ──► afterValue ─,─► key
//     └─else─► failed  └─}─► ended ◄───────────────────────────────────────────────┘ }
//
// Kind: value, confined to the exchange that owns it. Invariant: what is captured does not depend on
// how the bytes were split.

struct JSONFieldWatcher: ~Copyable {
    private enum State: UInt8 {
        case start, keyOrEnd, key, inKey, inKeyEscape, afterKey, beforeValue
        case inString, inStringEscape, nested, scalar
        case afterValue, ended, failed
    }

    private enum Capture { case absent, partial, whole, tooLarge }

    /// Six bytes can escape one, and the names we look for are short.
    private static let keyBytesLimit = 256

    private let names: [StaticString]
    private let valueBytesLimit: Int
    private var state = State.start
    private var nesting = JSONNesting()
    private var key: [UInt8] = []
    private var isKeyEscaped = false
    private var values: [[UInt8]]
    private var captures: [Capture]
    /// Which of the names the value being read belongs to.
    private var watched: Int?

    /// - Parameters:
    ///   - names: of top-level members; a value is asked for by its place in this list.
    ///   - valueBytesLimit: a longer value counts as absent.
    init(_ names: [StaticString], valueBytesLimit: Int = 16 << 10) {
        self.names = names
        self.valueBytesLimit = valueBytesLimit
        values = Array(repeating: [], count: names.count)
        captures = Array(repeating: .absent, count: names.count)
    }

    /// The bytes so far are one whole object and nothing else.
    var isWhole: Bool { state == .ended }

    /// No further bytes can change anything but `isWhole`.
    var isDone: Bool { state == .ended || state == .failed }

    /// Calls `body` with the raw value of a watched member, if it has been seen whole.
    borrowing func withValue<Result>(_ index: Int, _ body: (Bytes) -> Result) -> Result? {
        guard captures[index] == .whole else { return nil }
        return values[index].withUnsafeBytes { body(Bytes($0)) }
    }

    /// Forgets what was seen; the next object begins.
    mutating func reset() {
        state = .start
        watched = nil
        for index in values.indices {
            values[index].removeAll(keepingCapacity: true)
            captures[index] = .absent
        }
    }

    /// Reads on.
    mutating func feed(_ bytes: Bytes) {
        guard let base = bytes.base else { return }
        var at = 0
        var valueStart = 0
        while at < bytes.count {
            switch state {
            case .failed: return
            case .inKey: takeKey(bytes, &at)
            case .inString:
                at = ByteSearch.quoteOrEscape(in: base, from: at, to: bytes.count)
                guard at < bytes.count else { break }
                state = base[at] == 0x5c ? .inStringEscape : .afterValue
                at &+= 1
                if state == .afterValue { finishValue(bytes.slice(valueStart, at)) }
            case .inKeyEscape:
                appendToKey(bytes.slice(at, at + 1))
                state = .inKey
                at &+= 1
            case .inStringEscape:
                state = .inString
                at &+= 1
            case .nested:
                switch nesting.advance(base, &at, bytes.count) {
                case .inside: break
                case .ended:
                    state = .afterValue
                    finishValue(bytes.slice(valueStart, at))
                case .tooDeep: state = .failed
                }
            case .scalar:
                while at < bytes.count, JSONScanner.isScalar(base[at]) { at &+= 1 }
                guard at < bytes.count else { break }
                state = .afterValue
                finishValue(bytes.slice(valueStart, at))
            default:
                if !JSONScanner.isBlank(base[at]) {
                    if state == .beforeValue { valueStart = at }
                    step(base[at])
                    // The opening bracket is the first byte that is nested.
                    if state == .nested { continue }
                }
                at &+= 1
            }
        }
        if isInValue { keep(bytes.slice(valueStart, bytes.count)) }
    }

    private var isInValue: Bool {
        switch state {
        case .inString, .inStringEscape, .nested, .scalar: true
        default: false
        }
    }

    /// Takes a byte that is no blank, outside of strings and nested values.
    private mutating func step(_ byte: UInt8) {
        switch (state, byte) {
        case (.start, 0x7b): state = .keyOrEnd
        case (.keyOrEnd, 0x7d), (.afterValue, 0x7d): state = .ended
        case (.keyOrEnd, 0x22), (.key, 0x22):
            state = .inKey
            key.removeAll(keepingCapacity: true)
            isKeyEscaped = false
        case (.afterKey, 0x3a): state = .beforeValue
        case (.beforeValue, _): beginValue(byte)
        case (.afterValue, 0x2c): state = .key
        default: state = .failed
        }
    }

    private mutating func beginValue(_ byte: UInt8) {
        switch JSONScanner.kind(byte) {
        case .string: state = .inString
        case .object, .array:
            state = .nested
            nesting = JSONNesting()
        case .number, .bool, .null: state = .scalar
        case nil: state = .failed
        }
        if let watched {
            values[watched].removeAll(keepingCapacity: true)
            captures[watched] = .partial
        }
    }

    private mutating func takeKey(_ bytes: Bytes, _ at: inout Int) {
        let start = at
        at = ByteSearch.quoteOrEscape(in: bytes.base.unsafelyUnwrapped, from: at, to: bytes.count)
        let part = bytes.slice(start, at)
        guard at < bytes.count else { return appendToKey(part) }
        if bytes[at] == 0x5c {
            isKeyEscaped = true
            appendToKey(bytes.slice(start, at + 1))
            state = .inKeyEscape
        } else {
            state = .afterKey
            if key.isEmpty {
                watched = place(of: part)
            } else {
                appendToKey(part)
                watched = key.withUnsafeBytes { place(of: Bytes($0)) }
            }
        }
        at &+= 1
    }

    private mutating func appendToKey(_ bytes: Bytes) {
        // One byte beyond the limit is kept, which makes the key equal to none.
        let room = Self.keyBytesLimit + 1 - key.count
        key.append(contentsOf: bytes.slice(0, min(room, bytes.count)).buffer)
    }

    private func place(of raw: Bytes) -> Int? {
        guard raw.count <= Self.keyBytesLimit else { return nil }
        let key = JSONKey(raw: raw, isEscaped: isKeyEscaped)
        for (place, name) in names.enumerated() where key.equals(name) { return place }
        return nil
    }

    private mutating func keep(_ bytes: Bytes) {
        guard let watched, captures[watched] == .partial else { return }
        guard values[watched].count + bytes.count <= valueBytesLimit else {
            captures[watched] = .tooLarge
            values[watched].removeAll(keepingCapacity: true)
            return
        }
        values[watched].append(contentsOf: bytes.buffer)
    }

    private mutating func finishValue(_ bytes: Bytes) {
        keep(bytes)
        if let watched, captures[watched] == .partial { captures[watched] = .whole }
        watched = nil
    }
}
