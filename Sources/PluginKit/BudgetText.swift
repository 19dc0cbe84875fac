// "5.00 usd per day", "20000 output_tokens per minute", "1000000 tokens in all": a budget as people write it, and as
// gw.limits carries it between plugins. What else is said of it stands behind it:
//
//     5.00 usd per day stop_streams without_redis local_share
//
// Kind: pure value. Money is kept in nano-dollars, never in floating point.

public struct BudgetText: Equatable, Sendable {
    public enum Measure: Int, CaseIterable, Sendable {
        case requests, inputTokens, outputTokens, tokens, usd

        public var word: StaticString {
            switch self {
            case .requests: "requests"
            case .inputTokens: "input_tokens"
            case .outputTokens: "output_tokens"
            case .tokens: "tokens"
            case .usd: "usd"
            }
        }
    }

    public enum Span: Int, CaseIterable, Sendable {
        case minute, hour, day, week, month, forEver

        public var word: StaticString {
            switch self {
            case .minute: "minute"
            case .hour: "hour"
            case .day: "day"
            case .week: "week"
            case .month: "month"
            case .forEver: "in all"
            }
        }
    }

    /// What becomes of it while the Redis that limits are shared through does not answer.
    public enum WithoutRedis: Int, CaseIterable, Sendable {
        case refuse, allow, localShare

        public var word: StaticString {
            switch self {
            case .refuse: "refuse"
            case .allow: "allow"
            case .localShare: "local_share"
            }
        }

        public init?(word: String) {
            guard let found = Self.allCases.first(where: { "\($0.word)" == word }) else { return nil }
            self = found
        }
    }

    public var measure: Measure
    public var span: Span
    /// Requests or tokens; of usd: nano-dollars.
    public var amount: Int
    /// Nil: it says nothing.
    public var withoutRedis: WithoutRedis?
    /// A stream is ended while it runs when this is used up. Never of requests.
    public var stopsStreams = false

    public init(measure: Measure, span: Span, amount: Int) {
        self.measure = measure
        self.span = span
        self.amount = amount
    }

    /// For `pattern` in schemas.
    public static let pattern =
        "^[0-9]{1,12}(\\\\.[0-9]{1,9})? (requests|input_tokens|output_tokens|tokens|usd) (per (minute|hour|day|week|month)|in all)"
        + "( stop_streams| without_redis (refuse|allow|local_share)){0,2}$"
    /// Bytes of the longest text.
    public static let lengthLimit = 100

    /// Nil if the text is none. Only money has decimals; nothing is zero; nothing is said twice.
    public init?(_ text: String) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count >= 4, let measure = Measure.allCases.first(where: { "\($0.word)" == words[1] }) else { return nil }
        if words[2] == "in", words[3] == "all" {
            span = .forEver
        } else {
            guard words[2] == "per", let span = Span.allCases.first(where: { $0 != .forEver && "\($0.word)" == words[3] }) else {
                return nil
            }
            self.span = span
        }
        guard let amount = Self.amount(words[0], decimals: measure == .usd ? 9 : 0), amount > 0 else { return nil }
        self.measure = measure
        self.amount = amount
        var rest = words.dropFirst(4)
        while let word = rest.popFirst() {
            switch word {
            case "stop_streams" where !stopsStreams && measure != .requests: stopsStreams = true
            case "without_redis" where withoutRedis == nil:
                guard let choice = rest.popFirst().flatMap({ WithoutRedis(word: String($0)) }) else { return nil }
                withoutRedis = choice
            default: return nil
            }
        }
    }

    private static func amount(_ text: Substring, decimals: Int) -> Int? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let digits = parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { $0 &- 0x30 < 10 } }
        guard digits, parts.count <= 2, let whole = Int(parts[0]), whole < 1_000_000_000_000 else { return nil }
        var fraction = 0
        if parts.count == 2 {
            guard parts[1].utf8.count <= decimals, let value = Int(parts[1]) else { return nil }
            fraction = value
            for _ in parts[1].utf8.count..<decimals { fraction *= 10 }
        }
        var scale = 1
        for _ in 0..<decimals { scale *= 10 }
        let (product, overflow) = whole.multipliedReportingOverflow(by: scale)
        return overflow ? nil : product.addingReportingOverflow(fraction).overflow ? nil : product + fraction
    }

    /// "5.00 USD", "20000 output tokens".
    public static func spoken(_ amount: Int, _ measure: Measure) -> String {
        switch measure {
        case .usd: "\(dollars(amount)) USD"
        case .requests: "\(amount) requests"
        case .inputTokens: "\(amount) input tokens"
        case .outputTokens: "\(amount) output tokens"
        case .tokens: "\(amount) tokens"
        }
    }

    /// At least two decimals, and as many as there are.
    public static func dollars(_ nanoDollars: Int) -> String {
        var digits = String(nanoDollars % 1_000_000_000)
        digits = String(repeating: "0", count: 9 - digits.utf8.count) + digits
        while digits.utf8.count > 2, digits.hasSuffix("0") { digits.removeLast() }
        return "\(nanoDollars / 1_000_000_000).\(digits)"
    }
}
