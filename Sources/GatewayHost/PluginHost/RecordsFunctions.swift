// gw.records/1: the C functions. What is asked goes to the store's thread; what it says comes back through the
// loop's mailbox and ends the operation there.
//
// Kind: free C functions; derive on the control thread, the others on the request's loop.

import PluginABI

func recordsWatch(
    _ worker: UnsafeMutablePointer<gw_worker>, _ collection: gw_str, _ told: @escaping RecordWatcher,
    _ user: UnsafeMutableRawPointer?
) -> gw_error {
    let scope = WorkerScope.at(worker)
    return scope.pointee.chain._withUnsafeGuaranteedRef { chain in
        guard chain.place.loop.mailbox.mayTouchLoop, chain.startingEntry == scope.pointee.entry else { return GW_E_STATE }
        return chain.watch(Bytes(collection).string, of: scope.pointee.entry, told, user)
    }
}

func recordsGet(
    _ request: UnsafeMutablePointer<gw_request>, _ collection: gw_str, _ id: gw_str, _ done: @escaping OperationDone,
    _ user: UnsafeMutableRawPointer?
) -> gw_op {
    startRecordCall(request, collection, id, done, user) { call, access, id in
        guard let service = call.service else { return call.finish(GW_E_ABSENT, "there is no store") }
        service.get(access.declaration.name, id) { result in
            switch result {
            case .success(let record?):
                guard let json = access.open(record) else { return call.finish(GW_E_UNAVAILABLE, "a secret of it cannot be opened") }
                call.finish(GW_OK, number: record.revision, json)
            case .success(nil): call.finish(GW_E_ABSENT, "there is no such record")
            case .failure(let fault): call.finish(fault)
            }
        }
    }
}

func recordsPut(
    _ request: UnsafeMutablePointer<gw_request>, _ collection: gw_str, _ id: gw_str, _ json: gw_str, _ expected: Int64,
    _ done: @escaping OperationDone, _ user: UnsafeMutableRawPointer?
) -> gw_op {
    startRecordCall(request, collection, id, done, user, isChange: true) { call, access, id in
        guard access.isOwned else { return call.finish(GW_E_FORBIDDEN, "another plugin's records can be read, not changed") }
        guard let expectation = RecordChange.Expectation(expected) else {
            return call.finish(GW_E_ARGUMENT, "\(expected) is no revision")
        }
        guard call.service != nil else { return call.finish(GW_E_UNAVAILABLE, "there is no store") }
        switch access.change(id: id, json: Bytes(json), expected: expectation, actor: call.actor) {
        case .success(let change): call.apply(change)
        case .failure(let refusal): call.finish(GW_E_ARGUMENT, refusal.sentence)
        }
    }
}

func recordsRemove(
    _ request: UnsafeMutablePointer<gw_request>, _ collection: gw_str, _ id: gw_str, _ expected: Int64,
    _ done: @escaping OperationDone, _ user: UnsafeMutableRawPointer?
) -> gw_op {
    startRecordCall(request, collection, id, done, user, isChange: true) { call, access, id in
        guard access.isOwned else { return call.finish(GW_E_FORBIDDEN, "another plugin's records can be read, not changed") }
        guard expected != Int64(GW_REVISION_ABSENT), let expectation = RecordChange.Expectation(expected) else {
            return call.finish(GW_E_ARGUMENT, "\(expected) is no revision of a record that is there")
        }
        call.apply(access.removal(id: id, expected: expectation == .anything ? .present : expectation, actor: call.actor))
    }
}

func recordsDerive(
    _ instance: UnsafeMutablePointer<gw_instance>, _ purpose: gw_str, _ out: UnsafeMutablePointer<UInt8>
) -> gw_error {
    guard purpose.len > 0, purpose.len <= 256 else { return GW_E_ARGUMENT }
    let target = UnsafeMutableRawBufferPointer(start: out, count: 32)
    if let secrets = PluginInstance.at(instance).host.secrets {
        target.copyBytes(from: secrets.derive(Bytes(purpose).string).prefix(32))
    } else {
        // Nothing is kept, so nothing has to be found again.
        RandomBytes.fill(target)
    }
    return GW_OK
}

/// An operation on a record, and the way back to it from the store's thread.
private struct RecordCall: Sendable {
    let service: (any RecordService)?
    let mailbox: LoopMailbox
    let operation: gw_op
    /// `plugin:accounts`
    let actor: String

    func finish(_ error: gw_error, number: Int64 = 0, _ bytes: [UInt8]) {
        let operation = operation
        mailbox.submit { loop in
            guard let operations = loop.numberHandler as? OperationTable else { return }
            bytes.withUnsafeBytes { _ = operations.finish(operation: operation, error, number: number, bytes: Bytes($0)) }
        }
    }

    func finish(_ error: gw_error, _ sentence: String) { finish(error, Array(sentence.utf8)) }
    func finish(_ fault: StorageFault) { finish(fault.abi, fault.description) }

    func apply(_ change: RecordChange) {
        guard let service else { return finish(GW_E_UNAVAILABLE, "there is no store") }
        service.apply([change]) { result in
            switch result {
            case .success(let records): finish(GW_OK, number: records.first?.revision ?? 0, [])
            case .failure(let fault): finish(fault)
            }
        }
    }
}

private func startRecordCall(
    _ request: UnsafeMutablePointer<gw_request>, _ collection: gw_str, _ id: gw_str, _ done: @escaping OperationDone,
    _ user: UnsafeMutableRawPointer?, isChange: Bool = false, _ body: (RecordCall, RecordAccess, String) -> Void
) -> gw_op {
    guard let call = HostCall(request) else { return 0 }
    let place = call.place
    guard let (number, slot) = place.operations.start(call.scope, done, user) else { return 0 }
    let generation = call.worker.pointee.chain._withUnsafeGuaranteedRef { $0.generation }
    guard let access = RecordAccess(Bytes(collection).string, of: call.scope.pointee.entry, in: generation, place.host) else {
        place.operations.finish(slot, GW_E_ABSENT)
        return number
    }
    let id = Bytes(id)
    guard RecordID.isValid(id) else {
        place.operations.finish(slot, GW_E_ARGUMENT)
        return number
    }
    if isChange { place.operations.awaitBeforeStop(slot) }
    body(
        RecordCall(
            service: place.host.records, mailbox: place.loop.mailbox, operation: number,
            actor: "plugin:\(call.instance.name)"), access, id.string)
    return number
}

/// Ids of records, as they stand in paths.
enum RecordID {
    static let limit = 128

    /// Letters, digits, `_`, `-` and `.`, so nothing that a path or a shell would read otherwise, and no `config:`.
    static func isValid(_ id: Bytes) -> Bool {
        guard id.count > 0, id.count <= limit, id[0] != 0x2e else { return false }
        return id.buffer.allSatisfy {
            ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x5f || $0 == 0x2d || $0 == 0x2e
        }
    }
}

extension RecordChange.Expectation {
    fileprivate init?(_ expected: Int64) {
        switch expected {
        case Int64(GW_REVISION_ANY): self = .anything
        case Int64(GW_REVISION_ABSENT): self = .absent
        case 1...: self = .revision(expected)
        default: return nil
        }
    }
}

extension StorageFault {
    fileprivate var abi: gw_error {
        switch self {
        case .conflict, .duplicate, .referenced: GW_E_CONFLICT
        case .absent: GW_E_ABSENT
        case .unknownReference: GW_E_ARGUMENT
        case .limit: GW_E_LIMIT
        case .unavailable, .wrongKey: GW_E_UNAVAILABLE
        }
    }
}
