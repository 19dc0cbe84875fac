// One generation of the chain on one loop: which hooks there are, in which order, and how they are
// called.
//
// An exchange is opened on the worker that is current when it begins and closed there, however many
// reloads happen meanwhile. A worker that was superseded and has no exchange left stops itself.
//
//   init ─► start (worker_start of each) ─► open/close… ─► retire ─► last close ─► stop ─► stopped
//
// Kind: loop-confined. Calls of hooks allocate nothing.

import CLinux
import PluginABI

final class ChainWorker {
    let generation: ChainGeneration
    let place: PluginLoop
    /// Number of entries; positions in the chain are 0..<count.
    let count: Int
    /// Exchanges that were opened here and not closed yet.
    private(set) var inFlight = 0
    /// Fetches and changes of records that belong to no exchange: who has sent half of something may say the rest.
    private var backgroundWork = 0
    /// Owns the operations that belong to no exchange; one scope per entry.
    let background: Exchange

    let operations: OperationTable
    let limiter: LimiterService
    private let mark: UnsafeMutablePointer<HookMark>
    private let scopes: UnsafeMutablePointer<WorkerScope>
    /// The same scopes as plugins know them, for `Exchange.openScopes`.
    private let workers: UnsafeMutablePointer<UnsafeMutablePointer<gw_worker>>
    private let tables: UnsafeMutablePointer<UnsafePointer<gw_plugin>>
    private let labels: UnsafeMutablePointer<UnsafePointer<HookLabel>>
    private let order: HookOrder
    /// 0..<count, see `alone`.
    private let positions: UnsafeMutablePointer<Int>
    /// How `check` of a plugin answers; one for all, because they are called one after the other.
    let answer: ResourceAnswer
    /// What the entries' configurations fix, by resource; read once, since it lasts as long as this object.
    var fixedRecords: [String: [JSONObject]] = [:]
    private var startedCount = 0
    private let policies: [EntryPolicy]
    /// A bit for each entry that has no hook on the road but on_complete; a chain has at most 64 entries.
    private let onlyCompleting: UInt64
    private var isSuperseded = false
    private var isStopped = false
    /// Whose worker_start runs.
    private(set) var startingEntry: Int?
    private var deliveries: [RecordDelivery] = []
    private var readied: ((PluginFault?) -> Void)?
    private var watchFault: PluginFault?
    /// Called once, on this loop, when the worker was superseded and has stopped.
    var whenStopped: () -> Void = {}

    /// - Parameter flags: GW_WORKER_...
    init(generation: ChainGeneration, place: PluginLoop, index: Int, flags: UInt32 = 0) {
        self.generation = generation
        self.place = place
        count = generation.instances.count
        operations = place.operations
        limiter = place.limiter
        let policies = generation.instances.map { EntryPolicy($0) }
        self.policies = policies
        onlyCompleting = policies.indices.reduce(0) { $0 | (policies[$1].onlyCompletes ? 1 << UInt64($1) : 0) }
        mark = place.mark
        background = Exchange(loop: place.loop, pool: place.blocks, isBackground: true)
        scopes = .allocate(capacity: count)
        workers = .allocate(capacity: count)
        tables = .allocate(capacity: count)
        labels = .allocate(capacity: count)
        order = HookOrder(generation.instances.map(\.plugin.table))
        positions = .allocate(capacity: max(count, 1))
        for entry in 0..<count { (positions + entry).initialize(to: entry) }
        answer = ResourceAnswer(place.loop.mailbox)
        for (entry, instance) in generation.instances.enumerated() {
            (workers + entry).initialize(
                to: UnsafeMutableRawPointer(scopes + entry).assumingMemoryBound(to: gw_worker.self))
            (tables + entry).initialize(to: instance.plugin.table)
            (labels + entry).initialize(to: HookLabel.all(of: instance.name))
        }
        background.openScopes(workers: workers, count: count)
        for (entry, instance) in generation.instances.enumerated() {
            (scopes + entry).initialize(
                to: WorkerScope(
                    abi: gw_worker(
                        size: UInt32(MemoryLayout<gw_worker>.size), index: UInt32(index),
                        instance: instance.abi, background: background.request(entry), user: nil, flags: flags, reserved: 0),
                    chain: Unmanaged.passUnretained(self), entry: entry))
        }
    }

    deinit {
        scopes.deallocate()
        workers.deallocate()
        tables.deallocate()
        labels.deallocate()
        positions.deallocate()
    }

    // MARK: The worker's own life

    /// Calls worker_start of every entry. If one refuses, those before it are stopped again. The first exchange may
    /// begin when `whenReady` says so.
    /// - Thread: the loop's.
    func start() throws(PluginFault) {
        gwl_crash_stack()
        mark.pointee.thread.store(UInt64(gwl_gettid()), ordering: .relaxed)
        for entry in 0..<count {
            if let start = tables[entry].pointee.worker_start {
                startingEntry = entry
                let error = inside(entry) { start(workers[entry]) }
                startingEntry = nil
                guard error == GW_OK else {
                    stopStarted()
                    let instance = generation.instances[entry]
                    throw PluginFault(
                        instance.name,
                        "its worker_start failed (\(error.sentence))"
                            + (instance.lastError.map { ": \($0)" } ?? "; its log lines say why"))
                }
            }
            startedCount += 1
        }
    }

    /// No exchange will begin here any more. When the last one has ended, and what is fetched or changed in the background, other
    /// background operations are cancelled and worker_stop is called, and then `whenStopped`.
    func supersede() {
        precondition(!isSuperseded, "a worker is superseded once")
        isSuperseded = true
        stopIfDone()
    }

    /// The same at the end of the process: background work is cut.
    func end() {
        isSuperseded = true
        if inFlight == 0 { stop() }
    }

    private func stopIfDone() { if inFlight == 0, backgroundWork == 0 { stop() } }

    private func stop() {
        guard !isStopped else { return }
        isStopped = true
        stopStarted()
        whenStopped()
    }

    func backgroundWorkBegins() {
        backgroundWork += 1
        place.host.backgroundWork.add(1, ordering: .relaxed)
    }

    func backgroundWorkEnds() {
        backgroundWork -= 1
        place.host.backgroundWork.subtract(1, ordering: .relaxed)
        if isSuperseded { stopIfDone() }
    }

    private func stopStarted() {
        for delivery in deliveries { delivery.end() }
        deliveries = []
        readied = nil
        operations.cancelAll(of: background)
        limiter.releaseAll(of: background)
        for entry in (0..<startedCount).reversed() {
            if let stop = tables[entry].pointee.worker_stop {
                inside(entry) { stop(workers[entry]) }
            }
        }
        startedCount = 0
    }

    /// Runs a hook that belongs to no exchange.
    private func inside<Result>(_ entry: Int, _ label: Int = HookLabel.worker, _ body: () -> Result) -> Result {
        operations.callScope = background.scopes + entry
        operations.callSuspension = 0
        mark.pointee.enter(UInt(bitPattern: labels[entry] + label), request: 0)
        defer {
            mark.pointee.leave()
            operations.callScope = nil
        }
        return body()
    }

    // MARK: Records

    /// Watches of all entries together; a resource or two each.
    private static let watchLimit = 256

    /// gw_records.watch of an entry whose worker_start runs.
    func watch(
        _ collection: String, of entry: Int, _ told: @escaping RecordWatcher, _ user: UnsafeMutableRawPointer?
    ) -> gw_error {
        guard deliveries.count < ChainWorker.watchLimit else { return GW_E_LIMIT }
        guard let access = RecordAccess(collection, of: entry, in: generation, place.host) else { return GW_E_ABSENT }
        let delivery = RecordDelivery(chain: self, entry: entry, collection: collection, told: told, user: user)
        deliveries.append(delivery)
        delivery.begin(place.host.records, access)
        return GW_OK
    }

    /// Calls `done` on the loop once every watch has told all there is, or one of them failed; at once if none watches.
    func whenReady(_ done: @escaping (PluginFault?) -> Void) {
        readied = done
        watchCompleted()
    }

    func watchCompleted() {
        guard let done = readied, watchFault != nil || deliveries.allSatisfy(\.isComplete) else { return }
        readied = nil
        done(watchFault)
    }

    func watchFailed(_ entry: Int, _ collection: String, _ fault: StorageFault) {
        watchFault = watchFault ?? PluginFault(generation.instances[entry].name, "its \(collection) cannot be read: \(fault)")
        watchCompleted()
    }

    /// Tells a plugin of records.
    func tell(
        _ entry: Int, _ told: RecordWatcher, _ user: UnsafeMutableRawPointer?, _ records: UnsafePointer<gw_record>?,
        _ count: Int, _ complete: Int32
    ) {
        inside(entry, HookLabel.records) { told(background.request(entry), user, records, count, complete) }
    }

    // MARK: Exchanges

    /// An exchange begins on this chain; set its `id` before. It ends with `exchangeEnds`.
    @inline(__always)
    func exchangeBegins(_ exchange: Exchange) {
        inFlight += 1
        exchange.openScopes(workers: workers, count: count)
    }

    /// The exchange is over: after on_complete and `LimiterService.releaseAll`, before `Exchange.reset`.
    @inline(__always)
    func exchangeEnds(_ exchange: Exchange) {
        inFlight -= 1
        if inFlight == 0, isSuperseded { stopIfDone() }
    }

    /// What the operator says about an entry.
    @inline(__always)
    func policy(_ entry: Int) -> EntryPolicy { policies[entry] }

    /// The entry whose mount a path is at or below; nil if there is none.
    func adminEntry(_ path: Bytes) -> Int? {
        for mount in generation.mounts where mount.matches(path) { return mount.entry }
        return nil
    }

    /// The entry has no hook on the road but on_complete, which is then owed for every exchange.
    @inline(__always)
    func onlyCompletes(_ entry: Int) -> Bool { onlyCompleting >> UInt64(truncatingIfNeeded: entry) & 1 != 0 }

    /// A hook failed, for whatever reason; the runner applies the policy.
    func hookFailed(_ entry: Int, _ phase: Phase) { generation.instances[entry].metrics.hookFailed(phase) }

    // MARK: Hooks

    /// Positions of the entries that have the phase's hook, in the order in which they are called.
    @inline(__always)
    func hooks(_ phase: Phase) -> UnsafeBufferPointer<Int> { order.entries(phase) }

    /// Calls on_request, on_body, on_select, on_response or on_admin.
    ///
    /// After GW_SUSPEND the verdict arrives at the exchange's driver; the runner sets
    /// `RequestScope.suspended` and drains what is ready. An instance in quarantine fails unseen.
    /// - Precondition: `entry` is one of `hooks(phase)`.
    @inline(__always)
    func call(_ phase: Phase, entry: Int, exchange: Exchange) -> gw_verdict {
        if isLeftAlone(entry, exchange) { return GW_FAIL }
        let scope = enter(phase, entry, exchange)
        let start = exchange.isTimed ? gwl_monotonic_ns() : 0
        let table = tables[entry]
        let request = RequestScope.request(scope)
        let verdict =
            switch phase {
            case .request: table.pointee.on_request.unsafelyUnwrapped(request)
            case .body: table.pointee.on_body.unsafelyUnwrapped(request)
            case .select: table.pointee.on_select.unsafelyUnwrapped(request)
            case .response: table.pointee.on_response.unsafelyUnwrapped(request)
            case .admin: administer(table, entry, request, exchange)
            case .attempt, .chunk, .complete:
                preconditionFailure("\(phase.hookName) takes an argument; use its own call")
            }
        return leave(phase, entry, start) ? GW_FAIL : verdict
    }

    @inline(__always)
    func callAttempt(entry: Int, exchange: Exchange, _ attempt: UnsafeMutablePointer<gw_attempt>) -> gw_verdict {
        if isLeftAlone(entry, exchange) { return GW_FAIL }
        let scope = enter(.attempt, entry, exchange)
        let start = exchange.isTimed ? gwl_monotonic_ns() : 0
        let verdict = tables[entry].pointee.on_attempt.unsafelyUnwrapped(RequestScope.request(scope), attempt)
        return leave(.attempt, entry, start) ? GW_FAIL : verdict
    }

    @inline(__always)
    func callChunk(entry: Int, exchange: Exchange, _ chunk: UnsafeMutablePointer<gw_chunk>) -> gw_verdict {
        if isLeftAlone(entry, exchange) { return GW_FAIL }
        place.documents.chunkEntered(chunk, entry: entry, exchange: exchange)
        let scope = enter(.chunk, entry, exchange)
        let start = exchange.isTimed ? gwl_monotonic_ns() : 0
        let verdict = tables[entry].pointee.on_chunk.unsafelyUnwrapped(RequestScope.request(scope), chunk)
        return leave(.chunk, entry, start) ? GW_FAIL : verdict
    }

    /// - Precondition: a hook of the entry was entered, and `OperationTable.cancelAll` was called.
    @inline(__always)
    func callComplete(entry: Int, exchange: Exchange, _ summary: UnsafeMutablePointer<gw_summary>) {
        let scope = enter(.complete, entry, exchange)
        let start = exchange.isTimed ? gwl_monotonic_ns() : 0
        tables[entry].pointee.on_complete.unsafelyUnwrapped(RequestScope.request(scope), summary)
        _ = leave(.complete, entry, start)
    }

    /// In quarantine, and no hook was entered in this exchange before it began.
    @inline(__always)
    private func isLeftAlone(_ entry: Int, _ exchange: Exchange) -> Bool {
        place.host.hasQuarantine && isQuarantined(entry, exchange)
    }

    @inline(never)
    private func isQuarantined(_ entry: Int, _ exchange: Exchange) -> Bool {
        !exchange.scopes[entry].entered && generation.instances[entry].isQuarantined(at: place.loop.now)
    }

    @inline(__always)
    private func enter(_ phase: Phase, _ entry: Int, _ exchange: Exchange) -> UnsafeMutablePointer<RequestScope> {
        let scope = exchange.scopes + entry
        assert(!scope.pointee.suspended, "a hook is called while another of its plugin is suspended")
        scope.pointee.abi.flags = exchange.flags
        scope.pointee.entered = true
        scope.pointee.suspension &+= 1
        scope.pointee.pendingOperations = 0
        exchange.phase = phase
        operations.callScope = scope
        operations.callSuspension = scope.pointee.suspension
        mark.pointee.enter(UInt(bitPattern: labels[entry] + Int(phase.rawValue)), request: exchange.id)
        return scope
    }

    /// True if the call ran longer than the operator's limit, which the watchdog has seen: whatever it
    /// returned, it has failed.
    @inline(__always)
    private func leave(_ phase: Phase, _ entry: Int, _ start: UInt64) -> Bool {
        let overran = mark.pointee.leave()
        operations.callScope = nil
        if start != 0 { hookTook(gwl_monotonic_ns() - start, phase, entry) }
        return overran
    }

    @inline(never)
    private func hookTook(_ nanoseconds: UInt64, _ phase: Phase, _ entry: Int) {
        generation.instances[entry].metrics.hookTook(nanoseconds, phase)
    }

    // MARK: Resources

    /// on_admin, or the action that was staged for this call.
    private func administer(
        _ table: UnsafePointer<gw_plugin>, _ entry: Int, _ request: UnsafeMutablePointer<gw_request>, _ exchange: Exchange
    ) -> gw_verdict {
        guard let action = exchange.action else { return table.pointee.on_admin.map { $0(request) } ?? GW_FAIL }
        exchange.action = nil
        return generation.instances[entry].plugin.admin?.pointee.act.map { $0(request, action) } ?? GW_FAIL
    }

    /// The entry alone, as the hooks of a phase are given: for `act`, which an entry without on_admin may have.
    func alone(_ entry: Int) -> UnsafeBufferPointer<Int> { UnsafeBufferPointer(start: positions + entry, count: 1) }

    /// Runs a function of the entry's gw.admin/1 for a request; nil if it is in quarantine or ran longer than
    /// the operator's limit.
    func administer<Result>(
        _ entry: Int, _ exchange: Exchange, _ body: (UnsafeMutablePointer<gw_request>) -> Result
    ) -> Result? {
        if isLeftAlone(entry, exchange) { return nil }
        let scope = enter(.admin, entry, exchange)
        mark.pointee.enter(UInt(bitPattern: labels[entry] + HookLabel.administration), request: exchange.id)
        let result = body(RequestScope.request(scope))
        return leave(.admin, entry, 0) ? nil : result
    }

    // MARK: Callbacks of operations, told by the operation table

    @inline(__always)
    func callbackEntered(_ scope: UnsafeMutablePointer<RequestScope>) {
        mark.pointee.enter(
            UInt(bitPattern: labels[scope.pointee.entry] + HookLabel.callback), request: scope.pointee.abi.id)
    }

    @inline(__always)
    func callbackLeft() -> Bool { mark.pointee.leave() }
}

@available(*, unavailable)
extension ChainWorker: Sendable {}
