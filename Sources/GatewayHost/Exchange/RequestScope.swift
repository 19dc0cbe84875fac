// What stands behind a `gw_request *`: the public head that the plugin sees, and after it what the
// host knows about this plugin's part in the exchange.
//
// One per chain entry and exchange, in one piece of memory that is recycled with the exchange. The
// address identifies exchange and plugin at once, which is why host functions need no other
// argument to know who is calling.
//
// Kind: loop-confined; the memory outlives every view that a plugin may hold of it.

import PluginABI

struct RequestScope {
    var abi: gw_request
    var exchange: Unmanaged<Exchange>
    /// Position in the chain.
    var entry: Int
    /// GW_ON_... bits the plugin no longer wants for this exchange.
    var unsubscribed: UInt32
    /// Counts the suspensions of this plugin in this exchange; an operation remembers the one it
    /// was started in, so a late one cannot resume a later hook.
    var suspension: UInt32
    /// Operations that have not ended and that were started by the hook that runs or is suspended
    /// now, or by their callbacks; only these can decide the suspension.
    var pendingOperations: Int32
    /// All operations that were started here and have not ended, and the slot of the last of them in
    /// the loop's OperationTable; -1: none.
    var operationCount: Int32 = 0
    var lastOperation: Int32 = -1
    /// What this plugin took from the limiter for this exchange and has to give back.
    var holdings: UnsafeMutableRawPointer?
    /// A hook of this plugin was entered, so on_complete is owed.
    var entered: Bool
    /// fail_open took the plugin out of this exchange.
    var skipped: Bool
    /// The hook returned GW_SUSPEND and no callback has decided yet.
    var suspended: Bool
    /// Monotonic time at which the current suspension began, and the sum of the ended ones.
    var suspendedSince: UInt64
    var pausedNanoseconds: UInt64

    /// The scope that a plugin's pointer means.
    @inline(__always)
    static func at(_ request: UnsafeMutablePointer<gw_request>) -> UnsafeMutablePointer<RequestScope> {
        // `abi` is the first member, so both have one address; Swift keeps the declared order.
        UnsafeMutableRawPointer(request).assumingMemoryBound(to: RequestScope.self)
    }

    /// The pointer by which the plugin knows a scope.
    @inline(__always)
    static func request(_ scope: UnsafeMutablePointer<RequestScope>) -> UnsafeMutablePointer<gw_request> {
        UnsafeMutableRawPointer(scope).assumingMemoryBound(to: gw_request.self)
    }
}
