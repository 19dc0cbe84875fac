// A lease or reservation that is written down in Redis: under which name, and until when.
//
// It expires there unless it is renewed, so a node that dies holds nothing for long.
//
// Kind: loop-confined; a link in the list of its SharedLimiter while it is held.

import PluginABI

final class SharedHolding {
    let kind: gw_demand_kind
    /// As the plugin calls the key.
    let name: [UInt8]
    let state: [UInt8]
    let holdings: [UInt8]
    /// Of the sorted set: `id:amount:window`.
    let member: [UInt8]
    let amount: Int64
    let window: Int64
    /// It was taken while Redis was away, which hears of it when it is back: of a lease by its renewal, of a budget when it is
    /// settled.
    let isTakenAlone: Bool
    /// Redis has it.
    var isKnown: Bool
    /// When it has to be renewed.
    var renewAt = Instant.distantFuture
    var next: SharedHolding?
    unowned(unsafe) var previous: SharedHolding?
    var isListed = false

    init(_ demand: SharedDemand, id: [UInt8], number: Int, window: Int64, isTakenAlone: Bool = false) {
        kind = demand.kind
        name = demand.name
        state = demand.state
        holdings = demand.holdings
        amount = demand.cost
        self.window = window
        self.isTakenAlone = isTakenAlone
        isKnown = !isTakenAlone
        member = id + Array(".\(number):\(demand.cost):\(window)".utf8)
    }
}

/// Holdings in the order in which they have to be renewed.
struct SharedHoldings {
    private(set) var first: SharedHolding?
    private unowned(unsafe) var last: SharedHolding?
    private(set) var count = 0

    mutating func append(_ holding: SharedHolding) {
        holding.previous = last
        holding.next = nil
        if let last { last.next = holding } else { first = holding }
        last = holding
        holding.isListed = true
        count += 1
    }

    mutating func remove(_ holding: SharedHolding) {
        guard holding.isListed else { return }
        let (previous, next) = (holding.previous, holding.next)
        if let previous { previous.next = next } else { first = next }
        if let next { next.previous = previous } else { last = previous }
        holding.next = nil
        holding.previous = nil
        holding.isListed = false
        count -= 1
    }
}
