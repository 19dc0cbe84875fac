// What stands behind a `gw_worker *`: one plugin instance on one loop.
//
// Kind: loop-confined; one piece of memory per chain entry and worker, freed with the worker.

import PluginABI

struct WorkerScope {
    var abi: gw_worker
    var chain: Unmanaged<ChainWorker>
    /// Position in the chain.
    var entry: Int

    @inline(__always)
    static func at(_ worker: UnsafeMutablePointer<gw_worker>) -> UnsafeMutablePointer<WorkerScope> {
        // `abi` is the first member, so both have one address; Swift keeps the declared order.
        UnsafeMutableRawPointer(worker).assumingMemoryBound(to: WorkerScope.self)
    }
}
