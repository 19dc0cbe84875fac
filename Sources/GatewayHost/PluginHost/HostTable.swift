// The host as plugins see it: one table of C functions for the whole process.
//
// The functions are free functions, one file per noun. Those that are tagged [worker] first ask
// whether they may: on the loop that owns the request, in a phase in which the thing can still be
// changed. They record; the runner acts when the hook has returned.
//
// Those that are called many times an exchange are `@inline(__always)`: the C function is then the function itself, and
// not one that calls it.
//
// Kind: shared, immutable.

import CLinux
import PluginABI

enum HostTable {
    static let name = "gateway"
    static let version = "0.1.0"

    /// Lives in: process.
    nonisolated(unsafe) static let shared: UnsafePointer<gw_host> = {
        let table = UnsafeMutablePointer<gw_host>.allocate(capacity: 1)
        table.initialize(
            to: gw_host(
                size: UInt32(MemoryLayout<gw_host>.size), abi_minor: UInt32(GW_ABI_MINOR), name: constant(name),
                version: constant(version), query: hostQuery, log: hostLog, log_enabled: hostLogEnabled,
                clock: hostClock, random: hostRandom, config: hostConfig, secret: hostSecret, attr: hostAttribute,
                attr_get: hostAttributeGet, attr_set: hostAttributeSet, header_get: hostHeaderGet,
                header_at: hostHeaderAt, header_set: hostHeaderSet, header_add: hostHeaderAdd, body: hostBody,
                body_set: hostBodySet, buffer_response: hostBufferResponse, emit: hostEmit, respond: hostRespond,
                upstream_get: hostUpstreamGet, upstream_set: hostUpstreamSet, alloc: hostAllocate,
                unsubscribe: hostUnsubscribe, after: hostAfter, expect: hostExpect, signal: hostSignal,
                cancel: hostCancel))
        return UnsafePointer(table)
    }()

    private static func constant(_ text: String) -> UnsafePointer<CChar> {
        let copy = strdup(text)
        return UnsafePointer(copy.unsafelyUnwrapped)
    }
}

/// Who calls: the scope behind a plugin's request pointer.
struct HostCall {
    let scope: UnsafeMutablePointer<RequestScope>
    /// Kept alive by its runner or its worker for as long as the plugin may hold the pointer.
    unowned(unsafe) let exchange: Exchange

    /// nil if the caller is not on the thread that owns the request.
    @inline(__always)
    init?(_ request: UnsafeMutablePointer<gw_request>) {
        scope = RequestScope.at(request)
        exchange = scope.pointee.exchange._withUnsafeGuaranteedRef { $0 }
        if !exchange.mailbox.mayTouchLoop { return nil }
    }

    /// The same for what plugins call several times per exchange: without a reference count.
    @inline(__always)
    static func with<Result>(
        _ request: UnsafeMutablePointer<gw_request>, elsewhere: Result,
        _ body: (UnsafeMutablePointer<RequestScope>, Exchange) -> Result
    ) -> Result {
        let scope = RequestScope.at(request)
        return scope.pointee.exchange._withUnsafeGuaranteedRef { exchange in
            exchange.mailbox.mayTouchLoop ? body(scope, exchange) : elsewhere
        }
    }

    @inline(__always)
    var worker: UnsafeMutablePointer<WorkerScope> { WorkerScope.at(scope.pointee.abi.worker) }

    @inline(__always)
    var place: PluginLoop { worker.pointee.chain._withUnsafeGuaranteedRef { $0.place } }

    /// The number of the caller's name in the stores.
    @inline(__always)
    static func namespace(of scope: UnsafeMutablePointer<RequestScope>) -> UInt32 {
        InstanceScope.at(scope.pointee.abi.worker.pointee.instance).pointee.instance._withUnsafeGuaranteedRef { $0.namespace }
    }

    static func instance(of scope: UnsafeMutablePointer<RequestScope>) -> PluginInstance {
        PluginInstance.at(scope.pointee.abi.worker.pointee.instance)
    }

    var instance: PluginInstance { PluginInstance.at(scope.pointee.abi.worker.pointee.instance) }

    /// A hook of this plugin runs for this request, or its callback decides a suspended one.
    @inline(__always)
    var isInHook: Bool {
        let operations = worker.pointee.chain._withUnsafeGuaranteedRef { $0.operations }
        return operations.callScope == scope && operations.callSuspension == scope.pointee.suspension
    }
}
