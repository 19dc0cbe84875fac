// The outcome of a reload, as `gateway reload` reads it.
//
// Kind: value.

struct ReloadReport {
    /// Of the chain that serves now.
    var generation: UInt64
    /// Why nothing has changed; nil: the new configuration serves.
    var refusal: String?
    /// Options that changed in the file and take effect at the next start only.
    var needsRestart: [String]

    var json: String {
        var builder = JSONBuilder()
        builder.beginObject()
        builder.key("ok")
        builder.value(refusal == nil)
        builder.key("generation")
        builder.value(Int64(generation))
        if let refusal {
            builder.key("reason")
            builder.value(refusal)
        }
        builder.key("needs_restart")
        builder.beginArray()
        for option in needsRestart { builder.value(option) }
        builder.endArray()
        builder.endObject()
        return String(decoding: builder.bytes, as: UTF8.self) + "\n"
    }
}

/// Options that a reload cannot change.
enum RestartOnly {
    static func differences(_ old: GatewayConfig, _ new: GatewayConfig) -> [String] {
        var names: [String] = []
        if old.listeners != new.listeners { names.append("listen") }
        if old.admin.listeners != new.admin.listeners { names.append("admin.listen") }
        if old.threads != new.threads { names.append("threads") }
        if old.data != new.data { names.append("data") }
        if old.store != new.store { names.append("store") }
        if old.redis != new.redis { names.append("redis") }
        if old.upstream.caFile != new.upstream.caFile { names.append("upstream.ca_file") }
        if old.pool != new.pool { names.append("pool") }
        if old.limits.connections != new.limits.connections { names.append("limits.connections") }
        if old.limits.bufferedBytes != new.limits.bufferedBytes { names.append("limits.buffered_total") }
        if old.ledger.zone != new.ledger.zone { names.append("ledger.zone") }
        return names
    }
}
