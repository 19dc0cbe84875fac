// What Redis said to a take, and how takes and settlements are asked for.
//
// Kind: value. Pure.

import PluginABI

struct SharedAnswer {
    let outcome: LimiterStore.Outcome
    /// One for each demand; none if the outcome is unknown.
    private(set) var grants: [gw_grant] = []
    /// Where reservations were made.
    private var windows: [Int64] = []

    /// nil: that is no answer.
    /// - Parameter now: milliseconds since 1970, of this process's clock.
    init?(_ reply: RedisReply, _ demands: [SharedDemand], now: UInt64) {
        guard reply.error == nil, reply.count >= 3 else { return nil }
        let first = Int(reply.integer(1))
        guard demands.indices.contains(first) else { return nil }
        switch reply.integer(0) {
        case 0: outcome = .granted
        case 1: outcome = .refused(first: first)
        case 2:
            outcome = .unknown(first: first)
            return
        default: return nil
        }
        guard reply.count >= 3 + SharedDemand.answerCount * demands.count else { return nil }
        grants.reserveCapacity(demands.count)
        windows.reserveCapacity(demands.count)
        for (index, demand) in demands.enumerated() {
            let (grant, window) = demand.read(
                { reply.integer(3 + SharedDemand.answerCount * index + $0) }, all: outcome == .granted, now: Int64(clamping: now))
            grants.append(grant)
            windows.append(window)
        }
    }

    /// What has to be given back.
    func holdings(_ demands: [SharedDemand], id: [UInt8]) -> [SharedHolding] {
        guard outcome == .granted else { return [] }
        return demands.indices.compactMap { index in
            demands[index].kind == GW_DEMAND_RATE
                ? nil : SharedHolding(demands[index], id: id, number: index + 1, window: windows[index])
        }
    }

    /// - Parameter time: milliseconds; nil: Redis's clock.
    static func question(_ demands: [SharedDemand], id: [UInt8], time: UInt64?, lifetime: Int) -> RedisScriptCall {
        var call = RedisScriptCall(
            SharedScripts.take, keys: 2 * demands.count, words: 3 + SharedDemand.wordCount * demands.count)
        for demand in demands {
            call.add(demand.state)
            call.add(demand.holdings)
        }
        addTime(&call, time)
        call.add(lifetime)
        call.add(id)
        for demand in demands { demand.write(to: &call) }
        return call
    }

    static func giving(_ holding: SharedHolding, spent: Int64, time: UInt64?) -> RedisScriptCall {
        var call = RedisScriptCall(SharedScripts.give, keys: 2, words: 6)
        call.add(holding.state)
        call.add(holding.holdings)
        addTime(&call, time)
        call.add(holding.kind.rawValue)
        call.add(holding.member)
        call.add(holding.amount)
        call.add(holding.window)
        call.add(min(spent, LimiterScript.largest))
        return call
    }

    /// Of what was taken while Redis was away.
    static func telling(_ holding: SharedHolding, spent: Int64, time: UInt64?) -> RedisScriptCall {
        var call = RedisScriptCall(SharedScripts.tell, keys: 2, words: 4)
        call.add(holding.state)
        call.add(holding.holdings)
        addTime(&call, time)
        call.add(holding.member)
        call.add(holding.window)
        call.add(min(spent, LimiterScript.largest))
        return call
    }

    static func addTime(_ call: inout RedisScriptCall, _ time: UInt64?) {
        if let time { call.add(time) } else { call.add([UInt8]()) }
    }
}
