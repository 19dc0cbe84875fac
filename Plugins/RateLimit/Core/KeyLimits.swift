// The limits that a key brings along (gw.limits), which take the place of the configuration's for each key.
//
//     60 4 1000 key_01jd…     requests a minute, at once, tokens for ever; 0: none; and whose bucket it is
//
// Kind: pure value.

import PluginKit

struct KeyLimits {
    let requestsPerMinute: Int
    let concurrency: Int
    let tokens: Int
    /// Buckets belong to the record, which may be renamed.
    let owner: Bytes

    /// Nil if the text is not that.
    init?(_ text: Bytes) {
        var numbers = (0, 0, 0)
        var start = 0
        for place in 0..<3 {
            var end = start
            while end < text.count, text[end] != 0x20 { end += 1 }
            guard end < text.count, let number = text.slice(start, end).decimal else { return nil }
            switch place {
            case 0: numbers.0 = number
            case 1: numbers.1 = number
            default: numbers.2 = number
            }
            start = end + 1
        }
        guard start < text.count else { return nil }
        (requestsPerMinute, concurrency, tokens) = numbers
        owner = text.slice(start, text.count)
    }

    /// All that such a key is asked for, in order: what the configuration says where the key says nothing.
    func limits(over configured: [Limit]) -> [Limit] {
        var limits = configured.filter { limit in
            guard limit.subject == .key else { return true }
            switch limit.measure {
            case .requestsPerMinute: return requestsPerMinute == 0
            case .concurrency: return concurrency == 0
            case .tokens: return tokens == 0
            }
        }
        if tokens > 0 { limits.insert(Limit(subject: .key, measure: .tokens, amount: tokens), at: 0) }
        if concurrency > 0 { limits.insert(Limit(subject: .key, measure: .concurrency, amount: concurrency), at: 0) }
        if requestsPerMinute > 0 {
            limits.insert(Limit(subject: .key, measure: .requestsPerMinute, amount: requestsPerMinute), at: 0)
        }
        return limits
    }
}
