// What a request will use, before anybody knows: learned for each key and model.
//
// A mean of the last requests and how far they lie from it, both forgetting slowly; the estimate is the mean and four
// deviations, as TCP estimates round trips (RFC 6298). Whoever says max_tokens 128,000 and uses 300 is soon taken for
// somebody who uses 300. Input is learned for each byte of the body, as tokens and as money, so that a conversation that
// is read from the cache is reserved at what it costs and not at what it could cost.
//
// Kind: Learned, Estimate: pure values. Estimates: confined to its worker, and bounded.

import PluginKit

struct Learned: BitwiseCopyable {
    private var mean = 0
    private var deviation = 0
    private(set) var isEmpty = true

    init() {}

    mutating func learn(_ value: Int) {
        // Above what any request can use: sums and products stay far from the end of 64 bits.
        let value = min(max(0, value), 1 << 50)
        if isEmpty {
            isEmpty = false
            mean = value
            deviation = value / 2
            return
        }
        let difference = value - mean
        deviation += (abs(difference) - deviation) / 4
        mean += difference / 8
        // What is left of a division would keep a small mean from ever falling.
        if difference < 0, difference > -8 { mean -= 1 }
    }

    /// Few requests use more.
    var high: Int { mean + 4 * deviation }
}

struct Estimate: BitwiseCopyable {
    /// Tokens for 1024 bytes of the body.
    var input = Learned()
    /// Nano-dollars for 1024 bytes of the body.
    var inputCost = Learned()
    var output = Learned()

    /// Before the first request of a key and model has ended: 3 bytes a token, and an answer of so many tokens.
    static let firstBytesPerToken = 3
    static let firstOutput = 2048
    /// Nobody uses less.
    static let least = 16

    func inputTokens(bytes: Int) -> Int {
        max(Self.least, input.isEmpty ? bytes / Self.firstBytesPerToken : Self.scaled(input.high, bytes))
    }

    /// - Parameter maxTokens: as the request says; the answer has no more.
    func outputTokens(maxTokens: Int?) -> Int {
        let guess = output.isEmpty ? Self.firstOutput : max(Self.least, output.high)
        return min(guess, max(1, maxTokens ?? guess))
    }

    /// Nil until something is learned.
    func inputCost(bytes: Int) -> Int? { inputCost.isEmpty ? nil : Self.scaled(inputCost.high, bytes) }

    /// - Parameter outputCost: of the output tokens alone.
    mutating func learn(bytes: Int, inputTokens: Int, outputTokens: Int, cost: Int?, outputCost: Int) {
        let kibibytes = max(1, bytes)
        input.learn(Self.ratio(inputTokens, kibibytes))
        output.learn(outputTokens)
        if let cost { inputCost.learn(Self.ratio(max(0, cost - outputCost), kibibytes)) }
    }

    private static func scaled(_ value: Int, _ bytes: Int) -> Int {
        let (product, overflow) = value.multipliedReportingOverflow(by: max(1, bytes))
        return overflow ? .max / 2 : product / 1024 + 1
    }

    private static func ratio(_ value: Int, _ bytes: Int) -> Int {
        let (product, overflow) = value.multipliedReportingOverflow(by: 1024)
        return overflow ? .max / 2 : product / bytes
    }
}

final class Estimates {
    /// Keys and models that are remembered by a worker: 300 KB.
    private static let entryLimit = 4096
    private var entries: [SipTag: Estimate] = [:]
    private let hash: SipHash

    init(secret: (UInt64, UInt64)) { hash = SipHash(key0: secret.0, key1: secret.1) }

    func tag(owner: Bytes, model: Bytes) -> SipTag {
        var tag = hash.tag(of: owner)
        let other = hash.tag(of: model)
        tag.low ^= other.high
        tag.high ^= other.low
        return tag
    }

    subscript(_ tag: SipTag) -> Estimate { entries[tag] ?? Estimate() }

    func update(_ tag: SipTag, _ body: (inout Estimate) -> Void) {
        if entries.count >= Self.entryLimit, entries[tag] == nil { entries.removeAll(keepingCapacity: true) }
        body(&entries[tag, default: Estimate()])
    }
}
