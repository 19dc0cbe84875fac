// What one request asks of the limiter, for as long as it may have to ask again: it waits for a place, reserves a budget,
// or its stream needs more than was reserved.
//
// Kind: confined to its worker; kept by the operations of its request.

import PluginKit

final class Claim {
    let plan: LimitPlan
    /// Of the subjects' buckets, by `Limit.Subject`.
    let names: [[UInt8]]
    /// By the plan's limits.
    var costs: [Int]
    var before: [SpentBefore]
    /// How often it was taken again.
    var rounds = 0
    let tag: SipTag
    let bodyBytes: Int
    let model: [UInt8]
    /// While it waits for a place.
    var waiting: Waiting?
    /// When it stops waiting, on the monotonic clock in milliseconds; 0: it has not waited.
    var waitsUntil: UInt64 = 0
    /// Of a stream that may be stopped.
    var meter: StreamMeter?

    init(_ plan: LimitPlan, names: [[UInt8]], tag: SipTag = SipTag(low: 0, high: 0), bodyBytes: Int = 0, model: [UInt8] = []) {
        self.plan = plan
        self.names = names
        self.tag = tag
        self.bodyBytes = bodyBytes
        self.model = model
        costs = plan.limits.map { _ in 1 }
        // An address is not in the ledger; what it spent before a restart is forgotten.
        before = plan.limits.map { $0.subject == .address ? .nothing : .unknown }
    }

    var mayTakeAgain: Bool { rounds <= 3 * plan.limits.count + 2 }

    /// The name of the limit's bucket.
    func bucket(_ limit: Limit) -> [UInt8] { withBucket(limit) { Array($0.buffer) } }

    func withBucket<Result>(_ limit: Limit, _ body: (Bytes) -> Result) -> Result {
        let name = names[limit.subject.rawValue]
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Limit.prefixLimit + name.count) { memory in
            name.withUnsafeBufferPointer { body(limit.writeBucket(Bytes($0), to: memory.baseAddress!)) }
        }
    }

    /// Runs `body` with a demand for each of the limits `chosen`, of `cost(index)`.
    func withDemands<Result>(
        _ chosen: some Collection<Int>, cost: (Int) -> Int, _ body: (UnsafeMutableBufferPointer<gw_demand>) -> Result
    ) -> Result {
        let room = Limit.prefixLimit + (names.map(\.count).max() ?? 0)
        return withUnsafeTemporaryAllocation(of: gw_demand.self, capacity: chosen.count) { demands in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: room * chosen.count) { memory in
                for (place, index) in chosen.enumerated() {
                    let limit = plan.limits[index]
                    let bucket = names[limit.subject.rawValue].withUnsafeBufferPointer {
                        limit.writeBucket(Bytes($0), to: memory.baseAddress! + place * room)
                    }
                    demands.initializeElement(at: place, to: limit.demand(bucket, cost: cost(index), before: before[index]))
                }
                return body(demands)
            }
        }
    }
}
