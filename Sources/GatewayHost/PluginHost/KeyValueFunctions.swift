// gw.kv/1: the C functions over KeyValueStore. Results are here at once and still arrive later, as the
// contract says.
//
// Kind: free C functions on the request's loop.

import PluginABI

/// Starts an operation whose result is known when `body` returns.
@inline(__always)
private func startKeyed(
    _ request: UnsafeMutablePointer<gw_request>, _ key: gw_str, _ done: @escaping OperationDone,
    _ user: UnsafeMutableRawPointer?, shared: (SharedKeys, _ operation: gw_op, _ instance: String, Bytes) -> Void,
    _ body: (KeyedCall) -> Void
) -> gw_op {
    let key = Bytes(key)
    guard let call = HostCall(request), key.count > 0, key.count <= KeyValueStore.keyLimit else { return 0 }
    let place = call.place
    guard let (number, slot) = place.operations.start(call.scope, done, user) else { return 0 }
    if let keys = place.sharedKeys {
        shared(keys, number, call.instance.name, key)
        return number
    }
    body(
        KeyedCall(
            store: place.host.keyValues, operations: place.operations, slot: slot, key: key,
            namespace: call.instance.namespace, now: place.loop.now.nanoseconds))
    return number
}

private struct KeyedCall {
    unowned(unsafe) let store: KeyValueStore
    unowned(unsafe) let operations: OperationTable
    let slot: Int32
    let key: Bytes
    let namespace: UInt32
    let now: UInt64

    func finish(_ fault: KeyValueStore.Fault?) {
        switch fault {
        case nil: operations.finish(slot, GW_OK)
        case .absent: operations.finish(slot, GW_E_ABSENT)
        case .conflict: operations.finish(slot, GW_E_CONFLICT)
        case .full: operations.finish(slot, GW_E_LIMIT)
        case .notANumber: operations.finish(slot, GW_E_ARGUMENT)
        }
    }
}

func kvGet(
    _ request: UnsafeMutablePointer<gw_request>, _ key: gw_str, _ done: @escaping OperationDone,
    _ user: UnsafeMutableRawPointer?
) -> gw_op {
    startKeyed(request, key, done, user, shared: { $0.get($1, $2, $3) }) { call in
        let found = call.store.get(call.namespace, call.key, now: call.now) { value in
            call.operations.finish(call.slot, GW_OK, number: Int64(value.decimal ?? 0), bytes: value)
        }
        if !found { call.finish(.absent) }
    }
}

func kvSet(
    _ request: UnsafeMutablePointer<gw_request>, _ key: gw_str, _ value: gw_str, _ milliseconds: UInt32,
    _ done: @escaping OperationDone, _ user: UnsafeMutableRawPointer?
) -> gw_op {
    guard value.len <= KeyValueStore.valueLimit else { return 0 }
    return startKeyed(request, key, done, user, shared: { $0.set($1, $2, $3, Bytes(value), milliseconds: milliseconds) }) { call in
        call.finish(call.store.set(call.namespace, call.key, Bytes(value), milliseconds: milliseconds, now: call.now))
    }
}

func kvAdd(
    _ request: UnsafeMutablePointer<gw_request>, _ key: gw_str, _ delta: Int64, _ milliseconds: UInt32,
    _ done: @escaping OperationDone, _ user: UnsafeMutableRawPointer?
) -> gw_op {
    startKeyed(request, key, done, user, shared: { $0.add($1, $2, $3, delta, milliseconds: milliseconds) }) { call in
        switch call.store.add(call.namespace, call.key, delta, milliseconds: milliseconds, now: call.now) {
        case .success(let sum): call.operations.finish(call.slot, GW_OK, number: sum)
        case .failure(let fault): call.finish(fault)
        }
    }
}

func kvSwap(
    _ request: UnsafeMutablePointer<gw_request>, _ key: gw_str, _ expected: gw_str, _ value: gw_str,
    _ milliseconds: UInt32, _ done: @escaping OperationDone, _ user: UnsafeMutableRawPointer?
) -> gw_op {
    guard value.len <= KeyValueStore.valueLimit else { return 0 }
    return startKeyed(
        request, key, done, user,
        shared: { $0.swap($1, $2, $3, expected: Bytes(expected), Bytes(value), milliseconds: milliseconds) }
    ) { call in
        var told = false
        let fault = call.store.swap(
            call.namespace, call.key, expected: Bytes(expected), Bytes(value), milliseconds: milliseconds, now: call.now
        ) { actual in
            call.operations.finish(call.slot, GW_E_CONFLICT, bytes: actual)
            told = true
        }
        if !told { call.finish(fault) }
    }
}
