// The limits that a key brings along (gw.limits), which take the place of the configuration's for each key; and behind a
// line break those of its tenant.
//
//     60 4 1000 key_01jd…                        requests a minute, at once, tokens for ever; 0: none; and whose they are
//     60 4 0 key_01jd…;5.00 usd per day          the same with budgets
//     0 0 0 key_01jd…;unpriced refuse            models without a price are refused
//
// Budgets say of themselves what becomes of them without Redis; for the two numbers that is the configuration's word.
//
// Kind: pure value.

import PluginKit

struct KeyLimits {
    private(set) var requestsPerMinute = 0
    private(set) var concurrency = 0
    private(set) var budgets: [BudgetText] = []
    private(set) var refusesUnpriced = false
    /// Buckets belong to the record, which may be renamed.
    private(set) var owner: [UInt8] = []

    /// Nil if the text is not that.
    init?(_ text: Bytes) {
        var rest = text
        var numbers: [Int] = []
        for _ in 0..<3 {
            guard let blank = rest.buffer.firstIndex(of: 0x20), let number = rest.slice(0, blank).decimal else { return nil }
            numbers.append(number)
            rest = rest.slice(blank + 1, rest.count)
        }
        let words = rest.buffer.split(separator: 0x3b, omittingEmptySubsequences: false)
        guard let first = words.first, !first.isEmpty else { return nil }
        owner = Array(first)
        (requestsPerMinute, concurrency) = (numbers[0], numbers[1])
        if numbers[2] > 0 { budgets.append(BudgetText(measure: .tokens, span: .forEver, amount: numbers[2])) }
        for word in words.dropFirst() {
            let text = String(decoding: word, as: UTF8.self)
            if text == "unpriced refuse" {
                refusesUnpriced = true
            } else if let budget = BudgetText(text) {
                budgets.append(budget)
            } else {
                return nil
            }
        }
    }

    /// All of them in order, as limits of a key or of a tenant.
    func limits(of subject: Limit.Subject, _ terms: LimitTerms) -> [Limit] {
        var limits: [Limit] = []
        if requestsPerMinute > 0 { limits.append(terms.limit(subject, .requestsPerMinute, amount: requestsPerMinute)) }
        if concurrency > 0 { limits.append(terms.limit(subject, .concurrency, amount: concurrency)) }
        return limits + budgets.map { terms.limit(subject, $0) }
    }
}
