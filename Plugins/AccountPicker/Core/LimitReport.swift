// What the headers of one answer say about the limits of its account.
//
// Two dialects. Of API keys: `anthropic-ratelimit-<window>-limit|remaining|reset` for requests, tokens,
// input-tokens and output-tokens, in which `reset` is RFC 3339. Of subscriptions:
// `anthropic-ratelimit-unified-<window>-status|utilization|reset`, in which `reset` is Unix seconds and
// utilisation runs from 0 to 1, with a verdict (`unified-status`) and the window it comes from
// (`unified-representative-claim`). Either spelling of a time is read in either place.
//
// The windows of the priority tier are not read: when they are used up, requests go on in the standard
// tier, so that they are no reason to leave an account alone. Nor are overage windows, and weekly windows
// whose name holds no family that we know.
//
// Kind: pure value. Source: WIRE.md section 5 is where the shapes were taken from; times are wall seconds.

import PluginKit

struct LimitReport {
    /// A bucket of an API key; what was not said is negative, a time that was not said is 0.
    struct Bucket {
        var limit = -1
        var remaining = -1
        var reset = 0
        var isKnown: Bool { limit > 0 && remaining >= 0 }
    }

    /// A window of a subscription.
    struct Window {
        var utilisation = -1.0
        var reset = 0
        var isRejected = false
        var isKnown: Bool { utilisation >= 0 }
    }

    enum Claim: Equatable {
        case none, fiveHour, sevenDay
        case family(LimitScope)
    }

    var requests = Bucket()
    var tokens = Bucket()
    var inputTokens = Bucket()
    var outputTokens = Bucket()

    var fiveHour = Window()
    var sevenDay = Window()
    private var families = InlineArray<6, Window>(repeating: Window())
    /// `unified-status`: the subscription takes no more.
    var isRejected = false
    var claim = Claim.none
    /// `unified-reset`.
    var reset = 0

    /// Nothing was said.
    private(set) var isEmpty = true

    func window(of family: LimitScope) -> Window { families[Int(family.rawValue)] }

    private static var prefix: Bytes { "anthropic-ratelimit-" }

    /// Reads one header of the answer; others than those above are passed over.
    @inline(__always)
    mutating func take(_ name: Bytes, _ value: Bytes) {
        // Most headers of most answers are none of these, so this much is asked of each of them in place.
        guard name.count > Self.prefix.count, name[0] | 0x20 == 0x61, name[9] == 0x2d else { return }
        takeLimit(name, value)
    }

    @inline(never)
    private mutating func takeLimit(_ name: Bytes, _ value: Bytes) {
        guard name.slice(0, Self.prefix.count).equalsIgnoringCase(Self.prefix) else { return }
        let rest = name.slice(Self.prefix.count, name.count)
        // Fields are short, so the dash before them is looked for from the end.
        var dash = rest.count - 1
        while dash >= 0, rest.buffer[dash] != 0x2d { dash &-= 1 }
        guard dash >= 0 else { return }
        let field = rest.slice(dash + 1, rest.count)
        let window = rest.slice(0, dash)
        let value = value.trimmed
        isEmpty = false
        switch dash {
        case 6 where window.equalsIgnoringCase("tokens"): Self.take(field, value, into: &tokens)
        case 7 where window.equalsIgnoringCase("unified"): takeUnified(field, value)
        case 8 where window.equalsIgnoringCase("requests"): Self.take(field, value, into: &requests)
        case 12 where window.equalsIgnoringCase("input-tokens"): Self.take(field, value, into: &inputTokens)
        case 13 where window.equalsIgnoringCase("output-tokens"): Self.take(field, value, into: &outputTokens)
        default: takeWindow(window, field, value)
        }
    }

    private static func take(_ field: Bytes, _ value: Bytes, into bucket: inout Bucket) {
        switch field.count {
        case 9 where field.equalsIgnoringCase("remaining"): bucket.remaining = value.decimal ?? -1
        case 5 where field.equalsIgnoringCase("limit"): bucket.limit = value.decimal ?? -1
        case 5 where field.equalsIgnoringCase("reset"): bucket.reset = time(value)
        default: return
        }
    }

    private mutating func takeUnified(_ field: Bytes, _ value: Bytes) {
        if field.equalsIgnoringCase("status") { isRejected = value.equalsIgnoringCase("rejected") }
        if field.equalsIgnoringCase("reset") { reset = Self.time(value) }
    }

    private mutating func takeWindow(_ name: Bytes, _ field: Bytes, _ value: Bytes) {
        if name.equalsIgnoringCase("unified-representative") {
            if value.equals("five_hour") { claim = .fiveHour }
            if value.equals("seven_day") { claim = .sevenDay }
            if let family = LimitScope(familyIn: value) { claim = .family(family) }
        } else if name.equalsIgnoringCase("unified-5h") {
            Self.take(field, value, into: &fiveHour)
        } else if name.equalsIgnoringCase("unified-7d") {
            Self.take(field, value, into: &sevenDay)
        } else if name.count > 10, name.slice(0, 10).equalsIgnoringCase("unified-7d"),
            let family = LimitScope(familyIn: name.slice(10, name.count))
        {
            Self.take(field, value, into: &families[Int(family.rawValue)])
        }
    }

    private static func take(_ field: Bytes, _ value: Bytes, into window: inout Window) {
        switch field.count {
        case 11 where field.equalsIgnoringCase("utilization"): window.utilisation = fraction(value)
        case 5 where field.equalsIgnoringCase("reset"): window.reset = time(value)
        case 6 where field.equalsIgnoringCase("status"): window.isRejected = value.equalsIgnoringCase("rejected")
        default: return
        }
    }

    /// Wall seconds of either spelling; 0 if it is none.
    private static func time(_ value: Bytes) -> Int {
        value.decimal ?? Timestamp(rfc3339: value)?.seconds ?? 0
    }

    /// "0.0426", "1", "1.25"; -1 if it is no such number. A share above 1 happens with overage.
    private static func fraction(_ value: Bytes) -> Double {
        let point = value.buffer.firstIndex(of: 0x2e) ?? value.count
        guard let whole = value.slice(0, point).decimal else { return -1 }
        guard point < value.count else { return Double(whole) }
        let digits = value.slice(point + 1, min(value.count, point + 10))
        guard let part = digits.decimal else { return -1 }
        var scale = 1.0
        for _ in 0..<digits.count { scale *= 10 }
        return Double(whole) + Double(part) / scale
    }
}
