// One account: what the operator said about it, and the two words that all workers share.
//
// Kind: shared. What is configured is constant; how many requests it carries and its cooling are
// atomics, relaxed, because nothing else is published through them. Cooling is changed by
// compare-and-exchange around the pure machine of Cooling.swift.
//
// The count of requests in flight belongs to this generation of the chain: for as long as an old one
// drains after a reload, an account may carry up to its concurrency once in each.

import PluginKit
import Synchronization

final class Account: Sendable {
    let name: [UInt8]
    /// Sent as `x-api-key`.
    let credential: [UInt8]
    /// Where it is served; nil for the host's configured upstream.
    let baseURL: [UInt8]?
    /// The proxy it demands, as a URL; nil if it goes out directly.
    let egress: [UInt8]?
    /// Smaller comes first; a larger one is used when no smaller one is usable.
    let priority: Int
    let weight: Int
    /// Requests at a time; nil without limit.
    let concurrency: Int?
    let models: ModelPatterns
    let isEnabled: Bool

    private let coolingBits = Atomic<UInt64>(0)
    private let carried = Atomic<Int>(0)

    init(
        name: String, credential: String, baseURL: String? = nil, egress: ProxyURL? = nil,
        priority: Int = 50, weight: Int = 1, concurrency: Int? = nil, models: ModelPatterns,
        isEnabled: Bool = true
    ) {
        self.name = Array(name.utf8)
        self.credential = Array(credential.utf8)
        self.baseURL = baseURL.map { Array($0.utf8) }
        self.egress = egress.map { Array($0.text.utf8) }
        self.priority = priority
        self.weight = weight
        self.concurrency = concurrency
        self.models = models
        self.isEnabled = isEnabled
    }

    var label: String { String(decoding: name, as: UTF8.self) }

    // MARK: Cooling

    var cooling: Cooling { Cooling(bits: coolingBits.load(ordering: .relaxed)) }

    /// True if it never failed lately, so that nobody has to look at a clock.
    var isHealthy: Bool { coolingBits.load(ordering: .relaxed) == 0 }

    /// Applies `change` and returns what it made of the account.
    @discardableResult
    func changeCooling(_ change: (inout Cooling) -> Void) -> Cooling {
        var bits = coolingBits.load(ordering: .relaxed)
        while true {
            var cooling = Cooling(bits: bits)
            change(&cooling)
            let (exchanged, original) = coolingBits.compareExchange(
                expected: bits, desired: cooling.bits, ordering: .relaxed)
            if exchanged { return cooling }
            bits = original
        }
    }

    // MARK: Load

    /// Requests that it carries now.
    var load: Int { carried.load(ordering: .relaxed) }

    /// Takes one place; false if it is full.
    func take() -> Bool {
        let now = carried.add(1, ordering: .relaxed).newValue
        guard let concurrency, now > concurrency else { return true }
        giveBack()
        return false
    }

    func giveBack() {
        let left = carried.subtract(1, ordering: .relaxed).newValue
        assert(left >= 0, "a place was given back twice")
    }
}
