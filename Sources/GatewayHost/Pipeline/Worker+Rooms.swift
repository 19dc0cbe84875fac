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
        let state =
            isDraining
            ? "draining" : pen?.accepts == false ? "ledger_full" : shared.isReady.load(ordering: .acquiring) ? "ok" : "starting"
        return LocalReport(
            status: state == "ok" ? 200 : 503,
            text: """
                {"status":"\(state)","generation":\(shared.generation.load(ordering: .relaxed)),\
                "connections":\(shared.connections.load(ordering: .relaxed)),\
                "exchanges":\(max(shared.exchanges.load(ordering: .relaxed) - 1, 0))}\n
                """)
    }
}
