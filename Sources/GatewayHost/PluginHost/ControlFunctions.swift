// gw.control/1: the gateway's own state and reload, for consoles.
//
// Kind: free C functions on the request's loop.

import PluginABI

func controlStatus(_ request: UnsafeMutablePointer<gw_request>) -> gw_str {
    guard let call = HostCall(request), !call.exchange.isBackground, let control = call.place.host.control else {
        return Bytes.absent.abi
    }
    return call.exchange.arena.copy(control.status()).abi
}

func controlReload(
    _ request: UnsafeMutablePointer<gw_request>, _ config: gw_str, _ done: @escaping OperationDone,
    _ user: UnsafeMutableRawPointer?
) -> gw_op {
    guard let call = HostCall(request) else { return 0 }
    let place = call.place
    guard let (number, slot) = place.operations.start(call.scope, done, user) else { return 0 }
    guard let control = place.host.control else {
        place.operations.finish(slot, GW_E_UNAVAILABLE)
        return number
    }
    let config = Bytes(config)
    let mailbox = place.loop.mailbox
    control.reload(config: config.isAbsent ? nil : config.string) { fault in
        // The answer is made on the control thread; the operation ends on its own loop.
        mailbox.submit { loop in
            guard let operations = loop.numberHandler as? OperationTable else { return }
            guard let fault else { return _ = operations.finish(operation: number, GW_OK) }
            let text = Array(fault.description.utf8)
            text.withUnsafeBytes { _ = operations.finish(operation: number, GW_E_ARGUMENT, bytes: Bytes($0)) }
        }
    }
    return number
}
