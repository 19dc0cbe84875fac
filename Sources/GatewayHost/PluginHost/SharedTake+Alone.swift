// What becomes of a take while Redis does not answer: as each of its demands says.
//
// One that refuses refuses the whole. Those that count here are taken from the memory of this process, all or none, each
// with its share of the limit: that of as many nodes as lived when Redis was last heard. The rest pass.
//
// What a budget's share had spent before is asked for anew each time that Redis goes, since this process spends also while it
// is there. When it is back it hears what was spent meanwhile, and which leases are still held.
//
// Kind: loop-confined.

import PluginABI

extension SharedTake {
    /// - Parameters:
    ///   - absence: changes each time that Redis is away.
    ///   - keep: called with leases that Redis has to hear of.
    func decideAlone(
        _ service: LimiterService, _ operations: OperationTable, nodes: Int64, absence: UInt64, _ time: LimiterTime,
        keep: (SharedHolding) -> Void
    ) {
        if let refusing = demands.firstIndex(where: { $0.fallback == .refuse }) {
            operations.finish(operation: operation, GW_E_UNAVAILABLE, number: Int64(refusing))
            return
        }
        guard operations.isPending(operation) else { return }
        let counted = demands.indices.filter { demands[$0].fallback == .localShare }
        var grants = demands.map { $0.passed }
        let outcome = takeHere(counted, service, nodes: nodes, absence: absence, time, keep: keep) { grants[$0] = $1 }
        grants.withUnsafeBytes { bytes in
            switch outcome {
            case .granted: _ = operations.finish(operation: operation, GW_OK, bytes: Bytes(bytes))
            case .refused(let first):
                _ = operations.finish(operation: operation, GW_E_LIMIT, number: Int64(counted[first]), bytes: Bytes(bytes))
            case .unknown(let first): _ = operations.finish(operation: operation, GW_E_ABSENT, number: Int64(counted[first]))
            case .full: _ = operations.finish(operation: operation, GW_E_UNAVAILABLE)
            }
        }
    }

    private func takeHere(
        _ counted: [Int], _ service: LimiterService, nodes: Int64, absence: UInt64, _ time: LimiterTime,
        keep: (SharedHolding) -> Void, _ told: (Int, gw_grant) -> Void
    ) -> LimiterStore.Outcome {
        guard !counted.isEmpty else { return .granted }
        // The names in one piece of memory, so that the demands may point into it.
        let names = counted.flatMap { demands[$0].name }
        return names.withUnsafeBytes { names in
            withUnsafeTemporaryAllocation(of: LimiterDemand.self, capacity: counted.count) { copies in
                var place = 0
                for (index, number) in counted.enumerated() {
                    let demand = demands[number]
                    let name = Bytes(UnsafeRawBufferPointer(rebasing: names[place..<place + demand.name.count]))
                    place += demand.name.count
                    copies.initializeElement(at: index, to: demand.share(of: nodes, named: name, absence: absence))
                }
                return withUnsafeTemporaryAllocation(of: gw_grant.self, capacity: counted.count) { grants in
                    let outcome = service.takeAlone(copies, scope: scope, namespace: namespace, time: time, grants: grants) {
                        holdingForRedis(counted[$0], window: $1, keep)
                    }
                    switch outcome {
                    case .granted, .refused: for (index, number) in counted.enumerated() { told(number, grants[index]) }
                    case .unknown, .full: break
                    }
                    return outcome
                }
            }
        }
    }
}

extension SharedTake {
    /// What Redis has to hear of a demand that was granted here: places that are held, and what is spent of a budget. A
    /// window is over before it matters.
    private func holdingForRedis(_ index: Int, window: UInt64, _ keep: (SharedHolding) -> Void) -> SharedHolding? {
        let demand = demands[index]
        guard demand.kind == GW_DEMAND_LEASE || demand.kind == GW_DEMAND_BUDGET else { return nil }
        let holding = SharedHolding(demand, id: id, number: index + 1, window: Int64(window), isTakenAlone: true)
        if demand.kind == GW_DEMAND_LEASE { keep(holding) }
        return holding
    }
}

extension SharedDemand {
    /// Nobody counted.
    fileprivate var passed: gw_grant {
        gw_grant(
            size: UInt32(MemoryLayout<gw_grant>.size), reserved: 0, remaining: max(0, whole.limit - whole.cost), reset_ms: 0,
            retry_after_ms: 0, spent: 0)
    }

    /// The same with a part of the limit, never nothing of something.
    fileprivate func share(of nodes: Int64, named name: Bytes, absence: UInt64) -> LimiterDemand {
        var demand = LimiterDemand(
            kind: kind, key: name, cost: whole.cost, limit: whole.limit == 0 ? 0 : max(1, whole.limit / max(1, nodes)),
            periodMilliseconds: UInt64(periodMilliseconds), period: period, before: before)
        demand.absence = absence
        return demand
    }
}
