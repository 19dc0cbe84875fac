// What is said of limits beside their amounts: what becomes of them without Redis, and how a request may wait.
//
// A key brings its requests a minute and its places as bare numbers; the rest is what the configuration says of the same
// measure of the same subject. A budget says it in its own text, or else it is what the whole entry says.
//
// Kind: pure values.

import PluginKit

/// How a request may wait for a place.
struct WaitTerms: Equatable, Sendable {
    let milliseconds: UInt64
    /// That may wait for places of one key at a time.
    let requests: Int
}

struct LimitTerms: Sendable {
    /// Of whatever says nothing of its own.
    let withoutRedis: BudgetText.WithoutRedis

    private struct Own: Sendable {
        let subject: Limit.Subject
        let measure: Limit.Measure
        let withoutRedis: BudgetText.WithoutRedis?
        let waits: WaitTerms?
    }
    private var own: [Own] = []

    init(withoutRedis: BudgetText.WithoutRedis = .refuse) { self.withoutRedis = withoutRedis }

    mutating func say(
        _ subject: Limit.Subject, _ measure: Limit.Measure, withoutRedis: BudgetText.WithoutRedis?, waits: WaitTerms? = nil
    ) {
        own.append(Own(subject: subject, measure: measure, withoutRedis: withoutRedis, waits: waits))
    }

    /// A limit of so much, as these terms have it.
    func limit(_ subject: Limit.Subject, _ measure: Limit.Measure, amount: Int) -> Limit {
        let said = own.first { $0.subject == subject && $0.measure == measure }
        return Limit(
            subject: subject, measure: measure, amount: amount, withoutRedis: said?.withoutRedis ?? withoutRedis, waits: said?.waits)
    }

    func limit(_ subject: Limit.Subject, _ budget: BudgetText) -> Limit {
        Limit(
            subject: subject, measure: .budget(budget.measure, budget.span), amount: budget.amount,
            withoutRedis: budget.withoutRedis ?? withoutRedis, stopsStreams: budget.stopsStreams)
    }
}
