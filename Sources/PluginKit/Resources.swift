// Resources of a plugin: what it declares for people to manage (PluginDescription.resources), and what it says to
// changes and actions. Storage, validation, sealing, REST and the command line are the host's.
//
//     extension EntriesWorker: ResourceHook {
//         func check(_ change: ResourceChange) throws {
//             if let place = change.after["expires"].ifPresent, try place.text() < today { throw place.invalid("…") }
//         }
//     }
//
// Kind: values over the host's structs, good in their call.

import Glibc

/// A change that somebody wants of a record, before it is stored.
public struct ResourceChange {
    public enum Kind: Sendable { case create, update, delete }

    public let raw: UnsafePointer<gw_change>
    /// The record as it is, with secrets open; absent when it is created.
    public let before: Settings
    /// As it is to be: valid against the schema, defaults filled in; absent when it is deleted.
    public let after: Settings

    init(raw: UnsafePointer<gw_change>) throws {
        self.raw = raw
        before = try Self.settings(raw.pointee.before)
        after = try Self.settings(raw.pointee.after)
    }

    private static func settings(_ text: gw_str) throws -> Settings {
        text.ptr == nil ? Settings(.null) : Settings(try JSON(parsing: Bytes(text)))
    }

    public var kind: Kind {
        switch raw.pointee.kind {
        case GW_CHANGE_CREATE: .create
        case GW_CHANGE_UPDATE: .update
        default: .delete
        }
    }
    public var resource: Bytes { Bytes(raw.pointee.resource) }
    public var id: Bytes { Bytes(raw.pointee.id) }
    /// "user:admin", "token:ci", "cli:root".
    public var actor: Bytes { Bytes(raw.pointee.actor) }

    /// Says what is wrong with a field; several may be. Nothing is stored then.
    public func refuse(_ pointer: String, _ sentence: String) {
        pointer.withBytes { pointer in
            sentence.withBytes { raw.pointee.refuse(raw.pointee.answer, pointer.abi, $0.abi) }
        }
    }

    /// This instead of `after`; it may set readOnly fields.
    public func store(_ document: JSON) {
        document.serialized.withBytes { raw.pointee.store(raw.pointee.answer, $0.abi) }
    }

    /// An object for whoever made the change, shown once.
    public func reveal(_ object: JSON) {
        object.serialized.withBytes { raw.pointee.reveal(raw.pointee.answer, $0.abi) }
    }
}

/// Something that somebody wants done. Lives in: request, with all it holds.
public struct ResourceAction {
    public let raw: UnsafePointer<gw_action>

    public var resource: Bytes { Bytes(raw.pointee.resource) }
    public var action: Bytes { Bytes(raw.pointee.action) }
    /// Absent for an action on the resource as a whole.
    public var id: Bytes { Bytes(raw.pointee.id) }
    public var revision: Int { Int(raw.pointee.revision) }
    public var actor: Bytes { Bytes(raw.pointee.actor) }
    /// The record, with secrets open.
    public func record() throws -> Settings { Settings(try JSON(parsing: Bytes(raw.pointee.record))) }
    /// Valid against the action's schema, defaults filled in.
    public func input() throws -> Settings { Settings(try JSON(parsing: Bytes(raw.pointee.input))) }
}

/// Conformed to by the worker of a plugin that declares resources.
public protocol ResourceHook: AnyObject {
    /// Refuses by throwing (`Settings.invalid` names the field) or by `change.refuse`; may complete the document and
    /// reveal something. Must not block or suspend.
    func check(_ change: ResourceChange) throws
    /// As `onAdmin`: stage a response, now or after a suspension.
    func act(_ request: Request, _ action: ResourceAction) -> Verdict
}

extension ResourceHook {
    public func check(_ change: ResourceChange) throws {}
    public func act(_ request: Request, _ action: ResourceAction) -> Verdict { .fail }
}

/// Records that the configuration fixes, shown read-only. Conformed to by the `Plugin`.
public protocol FixedRecords: AnyObject {
    /// Objects, each with its "id", without secrets. Thread: any worker's.
    func fixedRecords(of resource: Bytes) -> [JSON]
}

extension Request {
    /// Answers an action; return the verdict it gives.
    public func respond(_ document: JSON, status: Int32 = 200) -> Verdict {
        document.serialized.withBytes {
            respond(status: status, headers: [(name: "content-type", value: "application/json")], body: $0)
        }
    }
}

extension Request {
    /// Answers an action with what went wrong (RFC 9457); return the verdict it gives.
    public func respondProblem(_ status: Int32, _ detail: String) -> Verdict {
        let document = JSON.object([
            ("type", .text("about:blank")), ("status", .integer(Int64(status))), ("detail", .text(detail)),
        ])
        return document.serialized.withBytes {
            respond(status: status, headers: [(name: "content-type", value: "application/problem+json")], body: $0)
        }
    }
}

// MARK: The C side

func makeAdminInterface(_ declaration: String) -> UnsafePointer<gw_admin> {
    let table = UnsafeMutablePointer<gw_admin>.allocate(capacity: 1)
    table.initialize(
        to: gw_admin(
            size: UInt32(MemoryLayout<gw_admin>.size), reserved: 0, declaration: strdup(declaration), check: checkChange,
            act: performAction, fixed: writeFixedRecords))
    return UnsafePointer(table)
}

private func checkChange(_ raw: UnsafeMutablePointer<gw_request>, _ change: UnsafePointer<gw_change>) -> gw_error {
    guard let hook = WorkerBox.of(raw)._withUnsafeGuaranteedRef({ $0.worker as? any ResourceHook }) else { return GW_OK }
    do {
        let change = try ResourceChange(raw: change)
        do {
            try hook.check(change)
            return GW_OK
        } catch let error as PluginError {
            change.refuse(error.pointer ?? "", error.reason)
            return GW_E_ARGUMENT
        }
    } catch {
        return GW_E_INTERNAL
    }
}

private func performAction(_ raw: UnsafeMutablePointer<gw_request>, _ action: UnsafePointer<gw_action>) -> gw_verdict {
    let (worker, host) = WorkerBox.of(raw)._withUnsafeGuaranteedRef { ($0.worker, $0.host) }
    guard let hook = worker as? any ResourceHook else { return .fail }
    return hook.act(Request(raw: raw, host: host), ResourceAction(raw: action))
}

private func writeFixedRecords(
    _ raw: UnsafeMutablePointer<gw_instance>, _ resource: gw_str, _ write: WriteFunction, _ context: UnsafeMutableRawPointer?
) -> gw_error {
    let plugin = raw.pointee.user.map { Unmanaged<InstanceBox>.fromOpaque($0).takeUnretainedValue().plugin }
    guard let plugin = plugin as? any FixedRecords else { return GW_OK }
    JSON.list(plugin.fixedRecords(of: Bytes(resource))).serialized.withBytes { write(context, $0.abi) }
    return GW_OK
}
