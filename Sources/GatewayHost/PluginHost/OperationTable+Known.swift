// Operations whose result is known when they are asked for, as whatever the limiter in memory decides is.
//
// Most exchanges have one. It takes a short way, past slots, board and ready queue, and all that a plugin sees of it is the
// same: its callback does not run before the hook has returned, and runs once, with a mark, in order, at the latest when its
// exchange ends.
//
//   asked for ─► known ─ the hook suspended, the turn ends, the exchange ends ─► callback
//
// Invariants
//  1. One result waits here at most, and nothing was ready before it: it is always the next.
//  2. It counts as pending until its callback runs, in its scope and in the table.
//  3. Its number is of no board, so cancel and signal find what they find of every result that is here already.

import PluginABI

extension OperationTable {
    /// Whether an operation of the running hook may end this way. Otherwise, as for work that belongs to no exchange, there
    /// are `start` and `finish`.
    @inline(__always)
    func mayKnow(_ scope: UnsafeMutablePointer<RequestScope>) -> Bool {
        guard callScope == scope, callSuspension == scope.pointee.suspension, known.scope == nil, firstReady < 0, !isCancelling,
            scope.pointee.operationCount < OperationTable.exchangeLimit
        else { return false }
        return scope.pointee.exchange._withUnsafeGuaranteedRef { $0.phase != .complete && !$0.isBackground }
    }

    /// An operation that has ended, and its number.
    /// - Precondition: `mayKnow`. `bytes` live as long as the exchange.
    @inline(__always)
    func know(
        _ scope: UnsafeMutablePointer<RequestScope>, _ done: @escaping OperationDone, _ user: UnsafeMutableRawPointer?,
        _ error: gw_error, number: Int64, bytes: Bytes
    ) -> gw_op {
        let count = known.count &+ 1
        known = KnownResult(
            scope: scope, done: done, user: user, suspension: scope.pointee.suspension, error: error, number: number, bytes: bytes,
            count: count)
        scope.pointee.operationCount &+= 1
        scope.pointee.pendingOperations &+= 1
        pendingCount &+= 1
        drainAtEndOfTurn()
        return count
    }

    /// Runs the callback of what this suspended scope knows already, if it is all that is ready.
    /// - Returns: the verdict that ends the suspension; nil if it goes on, or `drainReady(of:)` has to look.
    @inline(__always)
    func takeKnown(of scope: UnsafeMutablePointer<RequestScope>) -> gw_verdict? {
        known.scope == scope && firstReady < 0 ? callKnown(scope) : nil
    }

    /// Runs the callback of what is known, and lets it end a suspension. False if nothing is.
    @inline(never) @discardableResult
    func deliverKnown() -> Bool {
        guard let scope = known.scope else { return false }
        if let verdict = callKnown(scope) { resume(scope, verdict) }
        return true
    }

    @inline(__always)
    private func callKnown(_ scope: UnsafeMutablePointer<RequestScope>) -> gw_verdict? {
        let done = known.done.unsafelyUnwrapped
        let suspension = known.suspension
        var result = gw_result(
            size: UInt32(MemoryLayout<gw_result>.size), error: known.error, number: known.number, bytes: known.bytes.abi)
        known.scope = nil
        scope.pointee.operationCount &-= 1
        if suspension == scope.pointee.suspension { scope.pointee.pendingOperations &-= 1 }
        pendingCount &-= 1
        return decision(call(done, known.user, &result, scope, suspension), scope, suspension)
    }
}
