// How an account stands: health, room, load and pace, as all workers see and change them.
//
// It belongs to an account's id and outlives changes of its configuration. Each part is a pure value of
// one or two words (Health, Forecast, UsualUse, Pace) in atomics, changed by compare-and-exchange. They are relaxed,
// because nothing else is published through them; only the count of requests in flight is sequentially
// consistent, for the sake of those who wait for a place (WaitingRoom.swift).
//
// Kind: shared.

import PluginKit
import Synchronization

final class Standing: Sendable {
    /// Stands for the account where an id is too long: in bindings and trails. Never given twice.
    let serial: UInt32

    private let healths: [6 of Atomic<UInt64>]
    private let forecasts: [6 of Atomic<UInt64>]
    private let grantWord = Atomic<UInt64>(0)
    private let pace = Atomic<UInt64>(0)
    /// Requests at a time.
    private let places = Atomic<Int>(Standing.unlimited)
    /// Started, modulo 2^32, in the upper half; in flight in the lower.
    private let carried = Atomic<UInt64>(0)
    /// A UsualUse in two words.
    private let usualTokens: Atomic<UInt64>
    private let usualShare: Atomic<UInt32>
    private let windowMark = Atomic<UInt64>(WindowMark().bits)

    static let unlimited = Int(UInt32.max)

    /// Of the account, by which it is found.
    let id: String

    init(_ id: String, serial: UInt32) {
        self.id = id
        self.serial = serial
        healths = InlineArray { _ in Atomic(0) }
        forecasts = InlineArray { _ in Atomic(0) }
        let usual = UsualUse()
        usualTokens = Atomic(usual.tokenBits)
        usualShare = Atomic(usual.shareBits)
    }

    // MARK: Health

    func health(_ scope: LimitScope) -> Health { Health(bits: healths[Int(scope.rawValue)].load(ordering: .relaxed)) }

    /// True if neither the account nor what `scope` covers of it failed lately, and its credential has no end that is
    /// known: no clock is needed.
    @inline(__always)
    func isHealthy(_ scope: LimitScope) -> Bool { isWell(scope) && grantWord.load(ordering: .relaxed) == 0 }

    /// True if neither the account nor what `scope` covers of it failed lately.
    @inline(__always)
    func isWell(_ scope: LimitScope) -> Bool {
        healths[0].load(ordering: .relaxed) | healths[Int(scope.rawValue)].load(ordering: .relaxed) == 0
    }

    /// Of its credential, a GrantWord; 0 for an API key.
    var grant: UInt64 {
        get { grantWord.load(ordering: .relaxed) }
        set { grantWord.store(newValue, ordering: .relaxed) }
    }

    /// What the account as a whole and `scope` of it say together.
    func admission(_ scope: LimitScope, at now: UInt64) -> Health.Admission {
        if isHealthy(scope) { return .yes }
        if let until = GrantWord(bits: grant).waitsUntil(now) { return .no(until: until) }
        let whole = health(.account).admission(at: now)
        let part = scope == .account ? .yes : health(scope).admission(at: now)
        switch (whole, part) {
        case (.no(let a), .no(let b)): return .no(until: max(a, b))
        case (.no(let end), _), (_, .no(let end)): return .no(until: end)
        case (.asProbe, _), (_, .asProbe): return .asProbe
        case (.yes, .yes): return .yes
        }
    }

    /// Becomes the probe of whatever cools; false if somebody else is it already.
    func startProbe(_ scope: LimitScope, at now: UInt64) -> Bool {
        guard admission(scope, at: now) == .asProbe else { return false }
        var isFirst = true
        for part in scope == .account ? [.account] : [.account, scope] where health(part).phase != .healthy {
            change(part) { isFirst = $0.startProbe(at: now) }
            guard isFirst else { return false }
        }
        return true
    }

    /// Applies `change` and returns what was and what it made of it. `change` may run more than once.
    @discardableResult
    func change(_ scope: LimitScope, _ change: (inout Health) -> Void) -> (old: Health, new: Health) {
        let word = Int(scope.rawValue)
        var bits = healths[word].load(ordering: .relaxed)
        while true {
            let old = Health(bits: bits)
            var new = old
            change(&new)
            if new.bits == bits { return (old, new) }
            let (exchanged, original) = healths[word].compareExchange(
                expected: bits, desired: new.bits, ordering: .relaxed)
            if exchanged { return (old, new) }
            bits = original
        }
    }

    // MARK: Room

    func leavesAlone(_ scope: LimitScope, at now: () -> UInt64) -> Bool {
        let whole = forecasts[0].load(ordering: .relaxed)
        let part = forecasts[Int(scope.rawValue)].load(ordering: .relaxed)
        if whole | part == 0 { return false }
        let now = now()
        return Forecast(bits: whole).leavesAlone(at: now) || Forecast(bits: part).leavesAlone(at: now)
    }

    func forecast(_ scope: LimitScope) -> Forecast { Forecast(bits: forecasts[Int(scope.rawValue)].load(ordering: .relaxed)) }

    private func spend(_ word: Int) {
        var bits = forecasts[word].load(ordering: .relaxed)
        while bits != 0 {
            var forecast = Forecast(bits: bits)
            forecast.spend()
            let (exchanged, original) = forecasts[word].compareExchange(
                expected: bits, desired: forecast.bits, ordering: .relaxed)
            if exchanged { return }
            bits = original
        }
    }

    /// - Parameter startedThen: what `take` said to the request whose answer this is.
    func reported(
        _ report: LimitReport, _ scope: LimitScope, startedThen: UInt32,
        wall: @autoclosure () -> Int, now: @autoclosure () -> UInt64
    ) {
        let carried = carried.load(ordering: .relaxed)
        let started = UInt32(truncatingIfNeeded: carried >> 32)
        if report.fiveHour.isKnown { moved(to: report.fiveHour.utilisation, started: started) }
        let usual = UsualUse(
            tokenBits: usualTokens.load(ordering: .relaxed), shareBits: usualShare.load(ordering: .relaxed))
        let forecast = report.forecast(
            usual, scope: scope, inFlight: Int(carried & 0xffff_ffff), later: Int(started &- startedThen),
            wall: wall(), now: now())
        forecasts[Int(scope.rawValue)].store(forecast.family.bits, ordering: .relaxed)
        if scope != .account { forecasts[0].store(forecast.account.bits, ordering: .relaxed) }
    }

    /// A sample that another worker's overwrites is one sample less.
    private func moved(to utilisation: Double, started: UInt32) {
        let new = WindowMark(utilisation: Float(utilisation), started: started)
        let old = WindowMark(bits: windowMark.exchange(new.bits, ordering: .relaxed))
        var usual = UsualUse(tokenBits: 0, shareBits: usualShare.load(ordering: .relaxed))
        usual.moved(
            from: Double(old.utilisation), to: Double(new.utilisation), requests: Int(Int32(bitPattern: started &- old.started)))
        usualShare.store(usual.shareBits, ordering: .relaxed)
    }

    func used(inputTokens: Int, outputTokens: Int) {
        var usual = UsualUse(tokenBits: usualTokens.load(ordering: .relaxed), shareBits: 0)
        usual.used(inputTokens: inputTokens, outputTokens: outputTokens)
        usualTokens.store(usual.tokenBits, ordering: .relaxed)
    }

    /// Forgets what the provider said: for an operator who knows better.
    func forgetForecasts() {
        for scope in LimitScope.allCases { forecasts[Int(scope.rawValue)].store(0, ordering: .relaxed) }
    }

    // MARK: Pace

    func isMuchSlower(than peers: PeerPace) -> Bool {
        Pace(bits: pace.load(ordering: .relaxed)).isMuchSlower(than: peers)
    }

    func observed(_ milliseconds: Double, peers: PeerPace) {
        // A sample that another worker's overwrites is one sample less.
        var pace = Pace(bits: pace.load(ordering: .relaxed))
        pace.observed(milliseconds, peers: peers)
        self.pace.store(pace.bits, ordering: .relaxed)
    }

    var paceRatio: Float { Pace(bits: pace.load(ordering: .relaxed)).ratio }

    // MARK: Load

    /// Requests that it carries now.
    @inline(__always)
    var load: Int { Int(carried.load(ordering: .relaxed) & 0xffff_ffff) }

    @inline(__always)
    var isFull: Bool { load >= places.load(ordering: .relaxed) }

    var limit: Int {
        get { places.load(ordering: .relaxed) }
        set { places.store(newValue, ordering: .relaxed) }
    }

    /// Takes one place; nil if it is full, otherwise the running number of the request on this account.
    func take() -> UInt32? {
        let new = carried.wrappingAdd(1 << 32 | 1, ordering: .sequentiallyConsistent).newValue
        guard Int(new & 0xffff_ffff) <= places.load(ordering: .relaxed) else {
            carried.wrappingSubtract(1, ordering: .sequentiallyConsistent)
            return nil
        }
        return UInt32(truncatingIfNeeded: new >> 32)
    }

    /// A place goes from one request to another.
    func renew() -> UInt32 {
        UInt32(truncatingIfNeeded: carried.wrappingAdd(1 << 32, ordering: .relaxed).newValue >> 32)
    }

    /// A request of that scope goes out.
    func spend(_ scope: LimitScope) {
        spend(0)
        if scope != .account { spend(Int(scope.rawValue)) }
    }

    func giveBack() {
        let old = carried.wrappingSubtract(1, ordering: .sequentiallyConsistent).oldValue
        assert(old & 0xffff_ffff > 0, "a place was given back twice")
    }
}
