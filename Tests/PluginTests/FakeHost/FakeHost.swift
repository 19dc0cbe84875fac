// A host for tests: one instance of one plugin, with its workers, on a clock that the test moves.
//
// It drives the plugin through the same C table that the gateway uses and keeps the promises of
// gateway_plugin.h that a plugin can notice: views live as long as their scope, operations end
// after the hook has returned, leases come back when the exchange ends.
//
// Kind: confined to the test that made it. `current` tells the two host functions that come without
// any scope (clock, random) which host is meant.

import Glibc
import PluginKit

struct CreateRefused: Error, CustomStringConvertible {
    let description: String
}

final class FakeHost {
    let clock = ManualClock()
    let limiter = FakeLimiter()
    let metrics = FakeMetrics()
    /// What gw.records/1 keeps.
    let records = FakeRecords()
    /// The plugin's gw.admin/1.
    let admin: UnsafePointer<gw_admin>?
    /// What gw.kv/1 holds.
    var keyValues: [String: String] = [:]
    /// What gw.ledger/1 says was used before: "key:laptop", "tenant:acme".
    var ledgerSums: [String: gw_usage] = [:]
    /// What it was asked, with the period.
    var ledgerQuestions: [String] = []
    var ledgerFailure = GW_OK
    /// What gw.fetch/1 answers, by URL; anything else cannot be reached.
    var pages: [String: (status: Int64, body: String)] = [:]
    /// What was asked of gw.fetch/1: "GET http://a.example via socks5h://p:1".
    var fetched: [String] = []
    /// Proxies through which nothing can be reached, and the flags that gw.fetch/1 says of that; others connect.
    var blockedWays: [String: Int64] = [:]
    private(set) var logs: [(level: gw_level, text: String)] = []
    /// Interfaces that this host does not have.
    let withheld: Set<String>
    /// GW_WORKER_...
    private let workerFlags: UInt32

    let table: UnsafePointer<gw_plugin>
    let instance: UnsafeMutablePointer<gw_instance>
    private(set) var workers: [UnsafeMutablePointer<gw_worker>] = []
    /// What belongs to no exchange, by worker.
    private(set) var backgrounds: [FakeExchange] = []
    private let arena = Arena()
    private var randomState: UInt64 = 0x9e37_79b9_7f4a_7c15

    /// A plugin written with PluginKit.
    convenience init<P: Plugin>(
        _ plugin: P.Type, _ config: String = "{}", workers: Int = 1, withholding withheld: Set<String> = [],
        records: [String: [String: String]] = [:], resources: Set<String>? = nil, workerFlags: UInt32 = 0
    ) throws {
        try self.init(
            config, workers: workers, withholding: withheld, records: records, resources: resources, workerFlags: workerFlags
        ) {
            pluginTable(of: plugin, host: fakeHostTable)
        }
    }

    /// Any plugin, by its table.
    init(
        _ config: String = "{}", workers count: Int = 1, withholding withheld: Set<String> = [],
        records: [String: [String: String]] = [:], resources: Set<String>? = nil, workerFlags: UInt32 = 0,
        table makeTable: () -> UnsafePointer<gw_plugin>
    ) throws {
        self.withheld = withheld
        self.workerFlags = workerFlags
        instance = arena.scope(gw_instance.self)
        // Making the table and creating from it is one step: PluginKit expects one plugin per image.
        Self.creation.lock()
        defer { Self.creation.unlock() }
        table = makeTable()
        // A plugin may declare less of the table than there is.
        let reachesQuery = Int(table.pointee.size) >= MemoryLayout<gw_plugin>.offset(of: \.query)! + MemoryLayout<UInt>.size
        admin = reachesQuery ? table.pointee.query?(GW_ADMIN)?.assumingMemoryBound(to: gw_admin.self) : nil
        self.records.resources = resources
        for (collection, documents) in records {
            for (id, json) in documents.sorted(by: { $0.key < $1.key }) { self.records.store(collection, id, json) }
        }

        instance.pointee.size = UInt32(MemoryLayout<gw_instance>.size)
        instance.pointee.workers = UInt32(count)
        instance.pointee.generation = 1
        instance.pointee.name = arena.copy("test")
        instance.pointee.config = arena.copy(config)
        Arena.setOwner(of: instance, self)
        try enter {
            guard table.pointee.create(instance) == GW_OK else {
                throw CreateRefused(description: logs.last?.text ?? "without a word")
            }
            for index in 0..<count { try startWorker(index) }
            self.records.deliver()
        }
    }

    private func startWorker(_ index: Int) throws {
        let worker = arena.scope(gw_worker.self)
        let exchange = FakeExchange(self, worker: worker, isBackground: true)
        backgrounds.append(exchange)
        let background = exchange.raw
        background.pointee.flags = GW_REQUEST_BACKGROUND
        worker.pointee.size = UInt32(MemoryLayout<gw_worker>.size)
        worker.pointee.index = UInt32(index)
        worker.pointee.instance = instance
        worker.pointee.background = background
        worker.pointee.flags = workerFlags
        workers.append(worker)
        records.isStarting = true
        defer { records.isStarting = false }
        guard table.pointee.worker_start.map({ $0(worker) == GW_OK }) ?? true else {
            throw CreateRefused(description: logs.last?.text ?? "without a word")
        }
    }

    /// A plugin that has been created is also stopped and destroyed.
    deinit {
        enter {
            for background in backgrounds { background.cancelAll() }
            for worker in workers { table.pointee.worker_stop?(worker) }
            table.pointee.destroy?(instance)
        }
    }

    /// A new exchange on a worker.
    func exchange(
        _ headers: [(String, String)] = [], method: String = "POST", path: String = "/v1/messages",
        attributes: [String: String] = [:], worker: Int = 0
    ) -> FakeExchange {
        let exchange = FakeExchange(self, worker: workers[worker])
        exchange.headers[.request] =
            [(":method", method), (":path", path)] + headers.map { ($0.0, $0.1) }
        for (name, value) in attributes { exchange.setAttribute(name, value) }
        return exchange
    }

    /// The host's `config`: a value by JSON pointer; its text lives as long as this host.
    func configValue(_ pointer: String) -> gw_value? {
        let document = Bytes(instance.pointee.config).string.withBytes { try? JSON(parsing: $0) }
        return document?.value(at: pointer, arena)
    }

    func record(_ level: gw_level, _ text: String) { logs.append((level, text)) }

    func fillRandom(_ buffer: UnsafeMutableRawBufferPointer) {
        for index in buffer.indices {
            randomState ^= randomState << 13
            randomState ^= randomState >> 7
            randomState ^= randomState << 17
            buffer[index] = UInt8(truncatingIfNeeded: randomState >> 32)
        }
    }

    /// `gw.state/1` of this plugin, as a reload uses it.
    func saveState() -> [UInt8] {
        guard let interface = table.pointee.query?(GW_STATE) else { return [] }
        let state = interface.assumingMemoryBound(to: gw_state.self)
        var collected: [UInt8] = []
        let error = enter {
            withUnsafeMutablePointer(to: &collected) { target in
                state.pointee.save(
                    instance,
                    { context, bytes in
                        context!.assumingMemoryBound(to: [UInt8].self).pointee += Array(Bytes(bytes).buffer)
                    }, target)
            }
        }
        return error == GW_OK ? collected : []
    }

    @discardableResult
    func loadState(_ bytes: [UInt8]) -> gw_error {
        guard let interface = table.pointee.query?(GW_STATE) else { return GW_E_ABSENT }
        let state = interface.assumingMemoryBound(to: gw_state.self)
        return enter {
            bytes.withUnsafeBufferPointer { state.pointee.load(instance, Bytes($0).abi) }
        }
    }

    // MARK: Which host a function without a scope means

    private static let creation = TestLock()
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        return key
    }()

    /// The host whose plugin runs on this thread.
    static var current: FakeHost {
        Unmanaged<FakeHost>.fromOpaque(pthread_getspecific(key)!).takeUnretainedValue()
    }

    /// Runs `body`, which calls into the plugin.
    func enter<Result>(_ body: () throws -> Result) rethrows -> Result {
        let before = pthread_getspecific(Self.key)
        pthread_setspecific(Self.key, Unmanaged.passUnretained(self).toOpaque())
        defer { pthread_setspecific(Self.key, before) }
        return try body()
    }
}
