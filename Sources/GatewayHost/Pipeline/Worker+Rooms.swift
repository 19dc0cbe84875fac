// Where a path leads that is not the provider's: health, stations of the host, pages of plugins.

import Synchronization

extension Worker {
    /// What a path leads to.
    enum Room {
        case health(LocalReport)
        case station(any LocalStation, Door)
        case admin(entry: Int)
        case refused(GatewayError)
    }

    /// Where a path leads that is not the provider's.
    func room(for exchange: Exchange, address: SocketAddress) -> Room {
        let path = exchange.path
        if let report = healthReport(path) { return .health(report) }
        if let station, station.answers(path, at: .clients) { return .station(station, .clients) }
        if let entry = chain.adminEntry(path) {
            let authorization = exchange.requestHeaders.value(of: .authorization)
            if let error = access.refusal(of: IPAddress(address.host), authorization: authorization) { return .refused(error) }
            return .admin(entry: entry)
        }
        return .refused(
            .client(404, "nothing answers at \(path.string.prefix(200)); the API is at /v1/... and /api/v1/..."))
    }

    /// Where a path leads behind another door than the clients'.
    func room(for exchange: Exchange, at door: Door) -> Room {
        let path = exchange.path
        if let report = healthReport(path) { return .health(report) }
        if let station, station.answers(path, at: door) { return .station(station, door) }
        return .refused(.client(404, "nothing answers at \(path.string.prefix(200)); this address serves /admin/..."))
    }

    private func healthReport(_ path: Bytes) -> LocalReport? {
        guard path.count >= 6, path.count <= 7 else { return nil }
        if path.equals(Bytes("/livez")) { return LocalReport(status: 200, text: "{\"status\":\"ok\"}\n") }
        let isReady = path.equals(Bytes("/readyz"))
        guard isReady || path.equals(Bytes("/health")) else { return nil }
        let (state, reason) = readiness
        var json = JSONBuilder()
        json.beginObject()
        json.key("status")
        json.value(state)
        if let reason {
            json.key("reason")
            json.value(reason)
        }
        json.key("generation")
        json.value(Int64(clamping: shared.generation.load(ordering: .relaxed)))
        json.key("connections")
        json.value(shared.connections.load(ordering: .relaxed))
        json.key("exchanges")
        json.value(max(shared.exchanges.load(ordering: .relaxed) - 1, 0))
        json.endObject()
        return LocalReport(status: reason == nil ? 200 : 503, text: String(decoding: json.bytes, as: UTF8.self) + "\n")
    }

    /// Whether new requests would be answered as they should, and if not, why.
    private var readiness: (state: StaticString, reason: String?) {
        if isDraining { return ("draining", "the gateway is stopping") }
        if pen?.accepts == false { return ("ledger_full", "the ledger has no room for new requests; its disk is full") }
        if !shared.isReady.load(ordering: .acquiring) { return ("starting", "the gateway is starting") }
        // Records are in memory; limits are not.
        if let away = plugins.host.sharing?.health.refusal { return ("redis_away", "limits that refuse without Redis: \(away)") }
        return ("ok", nil)
    }
}
