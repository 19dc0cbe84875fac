// How the callback of an operation that has ended is run, and what its verdict is worth.

import PluginABI

extension OperationTable {
    /// Runs a callback under its mark.
    @inline(__always)
    func call(
        _ done: OperationDone, _ user: UnsafeMutableRawPointer?, _ result: inout gw_result,
        _ scope: UnsafeMutablePointer<RequestScope>, _ suspension: UInt32
    ) -> gw_verdict {
        scope.pointee.abi.flags = scope.pointee.exchange._withUnsafeGuaranteedRef { $0.flags }
        callScope = scope
        callSuspension = suspension
        return WorkerScope.at(scope.pointee.abi.worker).pointee.chain._withUnsafeGuaranteedRef { chain in
            chain.callbackEntered(scope)
            let verdict = done(RequestScope.request(scope), user, &result)
            let overran = chain.callbackLeft()
            callScope = nil
            return overran ? GW_FAIL : verdict
        }
    }

    /// What a callback decided about the suspension in which its operation was started; nil: nothing.
    @inline(__always)
    func decision(
        _ verdict: gw_verdict, _ scope: UnsafeMutablePointer<RequestScope>, _ suspension: UInt32
    ) -> gw_verdict? {
        guard scope.pointee.suspended, suspension == scope.pointee.suspension,
            verdict != GW_SUSPEND || scope.pointee.pendingOperations == 0
        else { return nil }
        scope.pointee.suspended = false
        // To go on waiting with nothing pending is a failure, as it is for a hook.
        return verdict == GW_SUSPEND ? GW_FAIL : verdict
    }

    @inline(__always)
    func resume(_ scope: UnsafeMutablePointer<RequestScope>, _ verdict: gw_verdict) {
        scope.pointee.exchange._withUnsafeGuaranteedRef {
            $0.driver?.suspensionEnded(entry: scope.pointee.entry, verdict: verdict)
        }
    }
}
