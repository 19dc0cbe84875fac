// Who waits for a place, and whose turn it is: one from each tenant in turn, in each tenant the longest
// waiting first.
//
//     join ──► waiting ── hand ──► handed ── take, leave ──► gone
//                 └─────────────── leave ───────────────────────┘
//
// 1. The line is bounded, and one tenant may fill at most half of it, so that whoever waits a lot cannot
//    keep others from waiting.
// 2. A waiter is handed at most one account, and has it until it leaves: whoever leaves with one uses it or
//    gives it back.
//
// Kind: pure value.

import PluginKit

/// A place that was given to a waiter.
struct Handed: Equatable {
    let serial: UInt32
    let started: UInt32
}

struct WaitingLine {
    struct Waiter {
        let number: UInt64
        let audience: Audience
        let scope: LimitScope
        let tried: Tried
        /// Called once, by any thread, when it is handed an account.
        let wake: @Sendable () -> Void
        fileprivate(set) var handed: Handed?
    }

    private struct Tenant {
        let tag: SipTag
        /// The longest waiting first.
        var waiters: [Waiter] = []
    }

    private let limit: Int
    /// In the order of their turns.
    private var tenants: [Tenant] = []
    private var handed: [UInt64: Handed] = [:]
    /// That wait and have been handed nothing.
    private(set) var count = 0

    init(limit: Int) { self.limit = limit }

    /// False if there is no room in the line.
    mutating func join(_ tenant: SipTag, _ waiter: Waiter) -> Bool {
        guard count < limit else { return false }
        let index: Int
        if let known = tenants.firstIndex(where: { $0.tag == tenant }) {
            guard tenants[known].waiters.count < max(1, limit / 2) else { return false }
            index = known
        } else {
            index = tenants.count
            tenants.append(Tenant(tag: tenant))
        }
        tenants[index].waiters.append(waiter)
        count += 1
        return true
    }

    /// Hands the account to the one whose turn it is among those that may use it and have not tried it; its
    /// tenant goes to the end of the turns.
    /// - Parameter admits: whether the account is well for a scope.
    mutating func hand(_ serial: UInt32, started: () -> UInt32, admits: (LimitScope) -> Bool) -> Waiter? {
        guard let found = find(serial, admits) else { return nil }
        var waiter = tenants[found.tenant].waiters.remove(at: found.waiter)
        let tenant = tenants.remove(at: found.tenant)
        if !tenant.waiters.isEmpty { tenants.append(tenant) }
        count -= 1
        waiter.handed = Handed(serial: serial, started: started())
        handed[waiter.number] = waiter.handed
        return waiter
    }

    /// What the waiter was handed; it is its own then, and the waiter is gone. nil: it goes on waiting.
    mutating func take(_ number: UInt64) -> Handed? { handed.removeValue(forKey: number) }

    /// The waiter goes, with what it was handed.
    mutating func leave(_ number: UInt64, _ tenant: SipTag) -> Handed? {
        if let handed = handed.removeValue(forKey: number) { return handed }
        guard let index = tenants.firstIndex(where: { $0.tag == tenant }),
            let place = tenants[index].waiters.firstIndex(where: { $0.number == number })
        else { return nil }
        tenants[index].waiters.remove(at: place)
        if tenants[index].waiters.isEmpty { tenants.remove(at: index) }
        count -= 1
        return nil
    }

    private func find(_ serial: UInt32, _ admits: (LimitScope) -> Bool) -> (tenant: Int, waiter: Int)? {
        for (index, tenant) in tenants.enumerated() {
            for (place, waiter) in tenant.waiters.enumerated()
            where waiter.audience.contains(serial) && !waiter.tried.contains(serial) && admits(waiter.scope) {
                return (index, place)
            }
        }
        return nil
    }
}
