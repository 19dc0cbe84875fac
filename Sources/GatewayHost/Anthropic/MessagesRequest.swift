// What the host wants to know about a request to a model, read from a copy of its body.
//
// One scan over the top level; the long members (messages, system, tools) are stepped over. Whether the
// body is right is the upstream's judgement; here it must only be one whole object.
//
// Kind: value. Nothing is allocated, except to inflate a compressed body.

struct MessagesRequest: Sendable {
    /// Longer user ids are not read; the provider allows 256 bytes.
    private static let userIDBytesLimit = 1024

    /// The body is one whole JSON object.
    private(set) var isObject = false
    /// Empty when absent.
    private(set) var model = ShortText()
    private(set) var wantsStream = false
    private(set) var maxTokens: Int64?
    /// The conversation this belongs to, as `metadata.user_id` tells; empty when it does not.
    private(set) var session = ShortText()

    /// What a compressed body may grow to while it is read: above the largest conversations, and some 20 ms
    /// of the loop's time. It is read at once and its memory given back before anything else happens.
    static let inflatedLimit = 8 << 20

    /// Nothing is known yet; what is read goes here, so that three names are not copied from hand to hand.
    init() {}

    init(_ body: Bytes) { read(body, readsSession: true) }

    /// Reads a body as its Content-Encoding says, once. False when it cannot be read: another coding, damaged,
    /// cut off, or larger than `inflatedLimit`.
    /// - Parameter readsSession: false where the session is known from elsewhere.
    mutating func read(_ body: Bytes, coding: ContentCoding, readsSession: Bool = true) -> Bool {
        switch coding {
        case .identity: read(body, readsSession: readsSession)
        case .gzip, .deflate:
            guard let plain = Inflater.inflate(body, limit: Self.inflatedLimit) else { return false }
            plain.withUnsafeBytes { read(Bytes($0), readsSession: readsSession) }
        case .unreadable: return false
        }
        return true
    }

    private mutating func read(_ body: Bytes, readsSession: Bool) {
        let scanner = JSONScanner(body)
        isObject = scanner.forEachTopLevelMember { key, value in
            switch key.raw.count {
            case 5 where key.equals("model"): Self.read(scanner, value, into: &model)
            case 6 where key.equals("stream"): wantsStream = value.kind == .bool && body[value.start] == 0x74
            case 8 where key.equals("metadata"): if readsSession { readMetadata(scanner, value) }
            case 10 where key.equals("max_tokens"):
                maxTokens = value.kind == .number ? scanner.bytes(value).decimal.map(Int64.init) : nil
            default:
                if key.isEscaped { readEscaped(key, scanner, value, readsSession) }
            }
        }
    }

    /// Names written with escapes are longer than they mean; nobody sends them, but they count.
    private mutating func readEscaped(_ key: JSONKey, _ scanner: JSONScanner, _ value: JSONSpan, _ readsSession: Bool) {
        if key.equals("model") { Self.read(scanner, value, into: &model) }
        if key.equals("stream") { wantsStream = value.kind == .bool && scanner.text[value.start] == 0x74 }
        if key.equals("max_tokens") { maxTokens = scanner.bytes(value).decimal.map(Int64.init) }
        if readsSession, key.equals("metadata") { readMetadata(scanner, value) }
    }

    private mutating func readMetadata(_ scanner: JSONScanner, _ metadata: JSONSpan) {
        session.clear()
        scanner.forEachMember(of: metadata) { key, value in
            guard key.equals("user_id") else { return }
            session.clear()
            guard let raw = scanner.rawString(value), raw.count <= Self.userIDBytesLimit else { return }
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.userIDBytesLimit) { room in
                guard let base = room.baseAddress, let count = JSONString.decode(raw, to: base) else { return }
                session = Self.session(in: Bytes(base: base, count: count))
            }
        }
    }

    /// Claude Code writes a JSON object into the string; until 2025 it wrote
    /// `user_<hash>_account_<uuid>_session_<uuid>`.
    private static func session(in userID: Bytes) -> ShortText {
        var found = ShortText()
        if userID.count > 0, userID[0] == 0x7b {
            let scanner = JSONScanner(userID)
            _ = scanner.forEachTopLevelMember { key, value in
                if key.equals("session_id") { read(scanner, value, into: &found) }
            }
            return found
        }
        let mark = Bytes("_session_")
        var at = userID.count - mark.count
        while at >= 0 {
            let rest = userID.slice(at, userID.count)
            if rest.hasPrefix(mark) { return ShortText(rest.slice(mark.count, rest.count)) ?? ShortText() }
            at -= 1
        }
        return found
    }

    /// A string's decoded content; empty when it is no string or too long to be a name.
    private static func read(_ scanner: JSONScanner, _ span: JSONSpan, into text: inout ShortText) {
        text.clear()
        guard let raw = scanner.rawString(span), raw.count <= userIDBytesLimit, let base = raw.base else { return }
        if ByteSearch.quoteOrEscape(in: base, from: 0, to: raw.count) == raw.count {
            text.set(raw)
            return
        }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: userIDBytesLimit) { room in
            guard let base = room.baseAddress, let count = JSONString.decode(raw, to: base) else { return }
            text.set(Bytes(base: base, count: count))
        }
    }
}
