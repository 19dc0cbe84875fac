// gw_host: after, expect, signal, cancel.
//
// Kind: free C functions; signal on any thread, the others on the request's loop.

import PluginABI

func hostAfter(
    _ request: UnsafeMutablePointer<gw_request>, _ milliseconds: UInt32, _ done: @escaping OperationDone,
    _ user: UnsafeMutableRawPointer?
) -> gw_op {
    guard let call = HostCall(request) else { return 0 }
    let operations = call.place.operations
    guard let (number, slot) = operations.start(call.scope, done, user) else { return 0 }
    operations.endAfter(slot, milliseconds: milliseconds)
    return number
}

func hostExpect(
    _ request: UnsafeMutablePointer<gw_request>, _ done: @escaping OperationDone, _ user: UnsafeMutableRawPointer?
) -> gw_op {
    guard let call = HostCall(request) else { return 0 }
    return call.place.operations.start(call.scope, done, user, expected: true)?.number ?? 0
}

func hostSignal(_ operation: gw_op) -> gw_error {
    OperationBoard.signal(operation) ? GW_OK : GW_E_ABSENT
}

func hostCancel(_ request: UnsafeMutablePointer<gw_request>, _ operation: gw_op) {
    guard let call = HostCall(request) else { return }
    call.place.operations.cancel(operation, of: call.scope)
}
