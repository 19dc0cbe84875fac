// One account: what is said about it, and the state that all workers share.
//
// What is said (configuration, or the record as it is now) is constant; each worker has its own object of a stored
// record. How many requests it carries and its cooling are atomics of an `AccountState`, found by the account's id
// (AccountRegistry), so that an account that is edited keeps both. They are relaxed, because nothing else is published
// through them. Cooling is changed by compare-and-exchange around the pure machine of Cooling.swift.
//
// The count of requests in flight belongs to this generation of the chain: for as long as an old one
// drains after a reload, an account may carry up to its concurrency once in each.
//
// Kind: constant, with a shared state.

import PluginKit
import Synchronization

final class Account: Sendable {
    /// `config:` and the name, or the id of its record.
    let id: String
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
    /// Its id and those of its groups: by one of them a key may ask for it.
    let names: [[UInt8]]
    let state: AccountState

    init(
        id: String, name: String, credential: String, baseURL: String? = nil, egress: ProxyURL? = nil,
        priority: Int = 50, weight: Int = 1, concurrency: Int? = nil, models: ModelPatterns,
        isEnabled: Bool = true, groups: [String] = [], state: AccountState
    ) {
        self.id = id
        names = ([id] + groups).map { Array($0.utf8) }
        self.state = state
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

    /// True if `wanted`, ids with blanks between them, names it or one of its groups.
    func isWanted(_ wanted: Bytes) -> Bool {
        var start = 0
        while start < wanted.count {
            var end = start
            while end < wanted.count, wanted[end] != 0x20 { end += 1 }
            let word = wanted.slice(start, end)
            for name in names where name.withUnsafeBufferPointer({ Bytes($0).equals(word) }) { return true }
            start = end + 1
        }
        return false
    }

    var cooling: Cooling { state.cooling }
    var isHealthy: Bool { state.isHealthy }

    @discardableResult
    func changeCooling(_ change: (inout Cooling) -> Void) -> Cooling { state.changeCooling(change) }

    /// Requests that it carries now.
    var load: Int { state.load }
    /// Takes one place; false if it is full.
    func take() -> Bool { state.take(limit: concurrency) }
    func giveBack() { state.giveBack() }
}
