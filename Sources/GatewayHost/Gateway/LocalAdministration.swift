// The admin interface inside the process of a command: the configured chain on one loop, no listener, no lock.
//
//   let administration = try Gateway.administration(config)
//   let socket = try administration.connect()      // speak HTTP/1.1 on it: GET /admin/v1/keys …
//   …
//   administration.end()
//
// Whoever holds the socket is `cli:<unix user>` with the role admin: who can read the data folder needs no
// password. A gateway may serve from the same folder meanwhile; it hears of changes from the store.
//
// Kind: belongs to the thread that made it.

import CLinux
import PluginABI

final class LocalAdministration {
    /// What people can manage with this configuration, for verbs.
    let resources: [ResourceDeclaration]
    private let group: LoopGroup
    private let host: PluginHost
    private let storage: Storage
    private let admin: AdminDesk
    private let chain: ChainGeneration
    private let shared: GatewayShared
    private var isEnded = false

    fileprivate init(_ config: GatewayConfig) throws {
        let folder = config.data + "/plugins"
        try DataFolder.make(folder)
        gwl_ignore_signal(SIGPIPE)
        host = PluginHost(directory: folder)
        let (storage, vault) = try GatewayStore.open(config)
        self.storage = storage
        host.records = storage
        host.secrets = vault
        admin = AdminDesk(storage: storage, vault: vault, usage: UsageDesk(config), metrics: host.metrics, control: nil)
        group = try LoopGroup(count: 1)
        shared = GatewayShared(
            bufferedLimit: config.limits.bufferedBytes, connectionLimit: config.limits.connections,
            processTag: ProcessTag.make(), ledger: nil)
        chain = try ChainBuilder.build(config, number: 1, workers: 1, host: host)
        resources = AdminStation.resources(of: chain)
        do {
            try start(config)
        } catch {
            chain.destroy()
            throw error
        }
    }

    private func start(_ config: GatewayConfig) throws {
        let plan = WorkerPlan(
            config: config, chain: chain, shared: shared, host: host, sockets: [],
            upstreamTLS: try TLSClientSource(caFile: config.upstream.caFile), admin: admin, flags: GW_WORKER_ADMINISTRATION)
        let outcome = Awaited<GatewayFault?>()
        try group.start(prepare: { loop in
            do {
                loop.context = try plan.makeWorker(on: loop) { outcome.give($0) }
            } catch {
                outcome.give(GatewayFault("\(error)"))
            }
        })
        if let fault = outcome.take() {
            group.stop()
            group.join()
            throw fault
        }
    }

    /// A new connection to the interface. Any number may be open at one time.
    /// - Throws: `SystemError` when there are no descriptors left.
    func connect() throws(SystemError) -> Descriptor {
        precondition(!isEnded, "an administration that has ended takes no connection")
        var ends: (Int32, Int32) = (-1, -1)
        try systemCall("socketpair") {
            withUnsafeMutableBytes(of: &ends) {
                socketpair(
                    AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0,
                    $0.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: Int32.self))
            }
        }
        let ours = ends.0
        let theirs = Descriptor(ends.1)
        _ = gwl_set_nonblocking(ours)
        let actor = "cli:\(UnixUser.name)"
        group.loops[0].submit { loop in
            do {
                guard let worker = loop.context as? Worker else { return _ = CLinux.close(ours) }
                try worker.accept(local: Descriptor(ours), actor: actor)
            } catch {
                log.error("cannot take a connection of the own process", .field("reason", "\(error)"))
            }
        }
        return theirs
    }

    /// Ends what runs and gives everything back. Connections are cut.
    func end() {
        guard !isEnded else { return }
        isEnded = true
        let outcome = Awaited<GatewayFault?>()
        group.loops[0].submit { loop in
            (loop.context as? Worker)?.end()
            outcome.give(nil)
        }
        _ = outcome.take()
        group.stop()
        group.join()
        chain.destroy()
        admin.close()
        storage.close()
    }

    deinit { precondition(isEnded, "an administration is ended before it is dropped") }
}

extension Gateway {
    /// Starts the admin interface of this configuration inside the calling process.
    /// - Throws: `ConfigFaults`, `GatewayFault`, `PluginFault`: what kept it from starting.
    /// - Thread: any that may block; the administration then belongs to it.
    static func administration(_ config: GatewayConfig) throws -> LocalAdministration { try LocalAdministration(config) }
}
