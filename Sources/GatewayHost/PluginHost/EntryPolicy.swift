// What the operator's configuration says about one entry of the chain, as the request path asks it.
//
// Kind: value.

struct EntryPolicy: Sendable {
    let name: String
    /// A failed hook leaves the plugin out of the rest of the exchange, instead of ending it.
    let failsOpen: Bool
    /// How long a hook may stay suspended.
    let suspensionMilliseconds: Int
    /// It has on_complete and no other hook on a request's road.
    let onlyCompletes: Bool

    init(_ instance: PluginInstance) {
        name = instance.name
        failsOpen = instance.plan.failsOpen
        let table = instance.plugin.table.pointee
        onlyCompletes =
            table.on_request == nil && table.on_body == nil && table.on_select == nil && table.on_attempt == nil
            && table.on_response == nil && table.on_chunk == nil && table.on_complete != nil
        suspensionMilliseconds = max(1, instance.plan.suspensionLimit.wholeNanoseconds / 1_000_000)
    }
}

extension Duration {
    /// Clamped to what fits; negative is zero.
    var wholeNanoseconds: Int {
        let (seconds, attoseconds) = components
        guard seconds < Int64.max / 1_000_000_000 else { return .max }
        return max(0, Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000))
    }
}
