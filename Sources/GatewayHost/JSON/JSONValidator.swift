// Is it one well-formed JSON text? (RFC 8259, the whole grammar and UTF-8.)
//
// One pass, no recursion, nothing built: open brackets are bits in eight words. For what must not be
// passed on unjudged; the relay's hot path only scans.
//
// Kind: value (pure functions).

struct JSONValidator {
    static let depthLimit = 512

    private enum Expected { case value, valueOrEnd, key, keyOrEnd, commaOrEnd }

    private let base: UnsafePointer<UInt8>
    private let end: Int
    private var at = 0
    private var depth = 0
    /// Bit set: an object is open at that depth, else an array.
    private var objects = InlineArray<8, UInt64>(repeating: 0)

    /// - Returns: whether `text` is exactly one JSON value, nested no deeper than `depthLimit`.
    static func isValid(_ text: Bytes) -> Bool {
        guard let base = text.base else { return false }
        var validator = JSONValidator(base: base, end: text.count)
        return validator.run()
    }

    private init(base: UnsafePointer<UInt8>, end: Int) {
        self.base = base
        self.end = end
    }

    private mutating func run() -> Bool {
        var expected = Expected.value
        while true {
            while at < end, JSONScanner.isBlank(base[at]) { at &+= 1 }
            if at == end { return depth == 0 && expected == .commaOrEnd }
            if depth == 0, expected == .commaOrEnd { return false }
            let byte = base[at]
            switch expected {
            case .value, .valueOrEnd:
                if byte == 0x5d, expected == .valueOrEnd {
                    close()
                    expected = .commaOrEnd
                } else if byte == 0x7b || byte == 0x5b {
                    guard open(isObject: byte == 0x7b) else { return false }
                    expected = byte == 0x7b ? .keyOrEnd : .valueOrEnd
                } else {
                    guard scalar(byte) else { return false }
                    expected = .commaOrEnd
                }
            case .key, .keyOrEnd:
                if byte == 0x7d, expected == .keyOrEnd {
                    close()
                    expected = .commaOrEnd
                } else {
                    guard byte == 0x22, string(), colon() else { return false }
                    expected = .value
                }
            case .commaOrEnd:
                if byte == 0x2c {
                    at &+= 1
                    expected = isInObject ? .key : .value
                } else {
                    guard byte == (isInObject ? 0x7d : 0x5d) else { return false }
                    close()
                }
            }
        }
    }

    private var isInObject: Bool {
        objects[(depth &- 1) >> 6] >> UInt64((depth &- 1) & 63) & 1 != 0
    }

    private mutating func open(isObject: Bool) -> Bool {
        guard depth < Self.depthLimit else { return false }
        let bit = UInt64(1) << UInt64(depth & 63)
        if isObject { objects[depth >> 6] |= bit } else { objects[depth >> 6] &= ~bit }
        depth &+= 1
        at &+= 1
        return true
    }

    private mutating func close() {
        depth &-= 1
        at &+= 1
    }

    private mutating func colon() -> Bool {
        while at < end, JSONScanner.isBlank(base[at]) { at &+= 1 }
        guard at < end, base[at] == 0x3a else { return false }
        at &+= 1
        return true
    }

    private mutating func scalar(_ first: UInt8) -> Bool {
        switch first {
        case 0x22: string()
        case 0x74: literal("true")
        case 0x66: literal("false")
        case 0x6e: literal("null")
        default: number()
        }
    }

    private mutating func literal(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard end - at >= count else { return false }
        for index in 0..<count where base[at + index] != text.utf8Start[index] { return false }
        at &+= count
        return true
    }

    private mutating func string() -> Bool {
        at &+= 1
        while true {
            at = ByteSearch.notPlainText(in: base, from: at, to: end)
            guard at < end else { return false }
            let byte = base[at]
            if byte == 0x22 {
                at &+= 1
                return true
            }
            if byte == 0x5c {
                guard escape() else { return false }
            } else {
                repeat {
                    guard base[at] >= 0x80 else { return false }
                    let count = UTF8Sequence.count(base, at, end)
                    guard count > 0 else { return false }
                    at &+= count
                } while at < end && base[at] >= 0x80
            }
        }
    }

    private mutating func escape() -> Bool {
        guard at &+ 1 < end else { return false }
        switch base[at &+ 1] {
        case 0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74:
            at &+= 2
            return true
        case 0x75:
            guard JSONString.hexadecimal(Bytes(base: base, count: end), at &+ 2) != nil else { return false }
            at &+= 6
            return true
        default: return false
        }
    }

    private mutating func number() -> Bool {
        if base[at] == 0x2d { at &+= 1 }
        guard at < end else { return false }
        if base[at] == 0x30 {
            at &+= 1
        } else {
            guard digits() else { return false }
        }
        if at < end, base[at] == 0x2e {
            at &+= 1
            guard digits() else { return false }
        }
        if at < end, base[at] | 0x20 == 0x65 {
            at &+= 1
            if at < end, base[at] == 0x2b || base[at] == 0x2d { at &+= 1 }
            guard digits() else { return false }
        }
        return true
    }

    private mutating func digits() -> Bool {
        let start = at
        while at < end, base[at] &- 0x30 < 10 { at &+= 1 }
        return at > start
    }
}
