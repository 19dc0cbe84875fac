// What a stream has used so far: as the provider says, and between its words by what was written.
//
// A stream says at its beginning what went in, and at its end what came out. In between four bytes of text count as a
// token. What was used is held against what is reserved: where it is more, more has to be reserved before the stream goes
// on, and a budget that has no more ends it.
//
// Kind: pure value.

import PluginKit

struct StreamMeter {
    static let bytesPerToken = 4

    /// By the plan's limits.
    private(set) var reserved: [Int]
    private var reported = LedgerUsage()
    /// Nano-dollars for a million tokens of output.
    private var outputPrice: Int
    /// Bytes of text.
    private var written = 0
    /// It was ended.
    var isStopped = false

    init(reserved: [Int], outputPrice: Int) {
        self.reserved = reserved
        self.outputPrice = outputPrice
    }

    mutating func report(_ usage: LedgerUsage) { reported = usage }
    mutating func wrote(_ bytes: Int) { written += bytes }
    mutating func reserved(_ amount: Int, more index: Int) { reserved[index] += amount }

    var outputTokens: Int { max(reported.outputTokens, written / Self.bytesPerToken) }

    func used(_ measure: BudgetText.Measure) -> Int {
        switch measure {
        case .requests: 1
        case .inputTokens: reported.allInputTokens
        case .outputTokens: outputTokens
        case .tokens: reported.allInputTokens + outputTokens
        case .usd: reported.costNanoDollars + price(of: outputTokens - reported.outputTokens)
        }
    }

    private func price(of tokens: Int) -> Int {
        let (product, overflow) = tokens.multipliedReportingOverflow(by: outputPrice)
        return overflow ? .max / 2 : product / 1_000_000
    }

    /// How much more than is reserved was used of each limit that stops streams; nil: nothing.
    func shortage(_ limits: [Limit]) -> StreamGrowth? {
        var growth: StreamGrowth?
        for (index, limit) in limits.enumerated() where limit.stopsStreams {
            guard let (measure, _) = limit.budget else { continue }
            let need = used(measure) - reserved[index]
            guard need > 0 else { continue }
            if growth == nil { growth = StreamGrowth() }
            growth!.add(index, need: need, wish: max(need, reserved[index] / 2))
        }
        return growth
    }
}

/// What is asked for a stream that goes on: more than it needs now if there is enough, so that it seldom asks.
struct StreamGrowth {
    private(set) var indices: [Int] = []
    private(set) var costs: [Int] = []
    private var needs: [Int] = []

    fileprivate mutating func add(_ index: Int, need: Int, wish: Int) {
        indices.append(index)
        needs.append(need)
        costs.append(wish)
    }

    /// The demand at `place` was refused, and so much is left. False: it cannot be satisfied.
    mutating func settleForLess(_ place: Int, remaining: Int) -> Bool {
        guard costs[place] > needs[place], remaining >= needs[place] else { return false }
        // All that is left; if somebody was faster, what it needs.
        costs[place] = costs[place] > remaining ? remaining : needs[place]
        return true
    }
}

extension LedgerUsage {
    /// Input tokens are all that went in, those of the cache included; all tokens are these and the output.
    func amount(of measure: BudgetText.Measure) -> Int {
        switch measure {
        case .requests: requests
        case .inputTokens: allInputTokens
        case .outputTokens: outputTokens
        case .tokens: allInputTokens + outputTokens
        case .usd: costNanoDollars
        }
    }
}
