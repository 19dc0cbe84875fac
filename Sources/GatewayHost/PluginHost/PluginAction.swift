// An action that somebody wants of a plugin's resource, as `act` is told it.
//
// It is performed as the admin hook of its entry: `stage`, then the walk through the hooks
// `ChainWorker.alone(entry)` of the admin phase, with suspension, verdicts and time limits as for on_admin.
//
// Kind: value.

import PluginABI

struct PluginAction {
    var resource: String
    var action: String
    /// nil: on the resource as a whole, as are the next two.
    var id: String?
    /// With secrets open.
    var record: JSONObject?
    var revision: Int64 = 0
    /// Valid against the action's schema, defaults filled in.
    var input: JSONObject
    var actor: String

    /// Makes the next admin hook of `exchange` this action. What the plugin sees lives in: request.
    func stage(on exchange: Exchange) {
        func keep(_ text: [UInt8]?) -> gw_str {
            guard let text else { return Bytes.absent.abi }
            return text.withUnsafeBytes { exchange.arena.copy($0.isEmpty ? Bytes("") : Bytes($0)).abi }
        }
        let memory = exchange.arena.allocate(MemoryLayout<gw_action>.size).assumingMemoryBound(to: gw_action.self)
        memory.initialize(
            to: gw_action(
                size: UInt32(MemoryLayout<gw_action>.size), reserved: 0, resource: keep(Array(resource.utf8)),
                id: keep(id.map { Array($0.utf8) }), action: keep(Array(action.utf8)),
                record: keep(record.map { JSONValue.object($0).compact }), revision: revision,
                input: keep(JSONValue.object(input).compact), actor: keep(Array(actor.utf8))))
        exchange.action = UnsafePointer(memory)
    }
}
