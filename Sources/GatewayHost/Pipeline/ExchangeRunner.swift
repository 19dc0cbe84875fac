// Walks one exchange along the road: hooks, body, attempt, response, end.
//
//   start ─► request hooks ─► body ─► body hooks ─► ┌─► select hooks ─► dial ─► sent ─► head
//                                                   │                                    │
//                                        retry ◄────┼──── attempt hooks ◄────────────────┘
//                                                   │          │ accepted
//                                                   │          ▼
//   complete ◄─ drained ◄─ ended ◄─ chunk hooks ◄───┴── response hooks
//
// The runner is a shell: `Pipeline` says what verdicts mean, parsers say what bytes mean, plugins
// decide; it makes the calls and keeps the order. A local answer (a plugin's, or an error) enters
// the same road at the response hooks.
//
// This file holds the state, the walk through the hooks of a phase, and the request's half. The
// attempt is in ExchangeRunner+Attempt, the response in ExchangeRunner+Response, the end in
// ExchangeRunner+Completion.
//
// Invariants: 1. `on_complete` of every entered plugin runs exactly once, in `complete`. 2. Nothing
// of the exchange is touched after `complete`. 3. While a hook is suspended the walk does not move.
// Kind: loop-confined; recycled by its worker.

import PluginABI

final class ExchangeRunner: ClientHandler, UpstreamHandler, TimerHandler, ExchangeDriver {
    enum Stage {
        case idle
        case request, receiving, body  // the client's half
        case selecting, dialing, awaitingHead, collectingError, attempt  // one attempt
        case response, relaying  // the answer
        case draining  // everything is written, not everything is in the kernel
        case completing
    }

    unowned(unsafe) let worker: Worker
    let exchange: Exchange
    /// Used at every step, so without a reference count; the keepers own them while they are set.
    unowned(unsafe) var chain: ChainWorker!
    unowned(unsafe) var client: ClientConnection!
    private var chainKeeper: ChainWorker?
    private var clientKeeper: ClientConnection?
    var stage = Stage.idle

    // The walk through the hooks of `exchange.phase`.
    private var hooks = UnsafeBufferPointer<Int>(start: nil, count: 0)
    private var cursor = 0
    /// Response hooks run only for entries before this position; see `StagedResponse.origin`.
    var outerLimit = Int.max
    /// A verdict that arrived while the ready queue was being drained inside `settle`.
    private var adminEntry = 0
    private var resumedVerdict: gw_verdict?
    private var isSettling = false
    /// A hook is suspended; the walk stands still.
    var isWaiting = false
    private var waitingEntry = 0

    // The client.
    var clientIsGone = false
    private var clientMayBeGone = false
    var method = HTTPMethod.other
    var isHTTP10 = false
    /// The target as it goes upstream: without `/api`.
    var upstreamPath = Bytes.absent
    var route = AnthropicPath.Route.other
    private var isProviderPath = false
    /// The exchange went through the chain, rather than being answered beside it.
    private(set) var passedChain = false

    // The attempt.
    var settings: RunnerSettings
    var budget: AttemptBudget
    var lastingChoice = UpstreamChoice(url: .absent)
    var dial: UpstreamDial?
    var upstream: UpstreamConnection?
    var target: UpstreamTarget?
    var requestHead: ByteBuffer
    var fault: UpstreamFault?
    var staleRetried = false
    var attemptStarted = Instant.distantFuture
    var connectedAt: Instant?
    var firstByteAt: Instant?
    var upstreamFraming = BodyFraming.none
    var upstreamIsDone = false
    /// The upstream broke off in the middle of its answer.
    var cutFault: UpstreamFault?

    // The response.
    let usage: UsageReader
    var readsUsage = false
    var coding = ContentCoding.identity
    /// What has gone to the client does not end between two events.
    var isMidEvent = false
    /// Bytes of the response that have not passed the hooks yet.
    var held: ByteBuffer
    var upstreamIsPaused = false
    var framing = ResponseFraming.chunked
    var hasChunkHooks = false
    var chunkQueue: [ChunkInHand] = []
    /// The bytes of the chunk that is in the hooks' hands.
    var chunkMemory: ByteBuffer
    var isPumping = false
    var pieceWasDropped = false
    var lastChunkGiven = false
    /// A refusal left the request's framing in doubt.
    var closesAfterLocal = false
    /// buffer_response: what goes out may differ in length from what came in.
    var bodyWasEdited = false
    var finishes = false
    /// Hooks see the response event by event.
    var framesEvents = false
    var events: EventStreamReader
    var emittedEvents: EventStreamReader
    /// What a HEAD answer says its body would have.
    var headLength: Int?
    var keepAlive = false

    // The end.
    var error = GW_OK
    var startedAt = Instant.distantFuture
    var sentRequestAt = Instant.distantFuture
    var firstByteToClientAt: Instant?
    var responseBytes: UInt64 = 0

    private(set) var stageTimer: LoopTimer!
    private(set) var boundTimer: LoopTimer!
    var loop: EventLoop { exchange.loop }

    init(worker: Worker) {
        self.worker = worker
        settings = worker.settings
        exchange = Exchange(loop: worker.loop, pool: worker.blocks)
        budget = AttemptBudget(attemptLimit: 1, retryMilliseconds: 0)
        requestHead = ByteBuffer(pool: worker.blocks)
        held = ByteBuffer(pool: worker.blocks)
        chunkMemory = ByteBuffer(pool: worker.blocks)
        usage = UsageReader(pool: worker.blocks)
        events = EventStreamReader(pool: worker.blocks, limit: worker.settings.eventBytes)
        emittedEvents = EventStreamReader(pool: worker.blocks)
        stageTimer = LoopTimer(self)
        boundTimer = LoopTimer(self)
        exchange.driver = self
    }

    // MARK: The request

    /// A head is complete on `client`. Everything of it is copied, for plugins to see and change.
    func start(on client: ClientConnection, id: UInt64) {
        keep(client, worker.chain)
        settings = worker.settings
        budget = AttemptBudget(attemptLimit: settings.attemptLimit, retryMilliseconds: settings.retryMilliseconds)
        startedAt = loop.now
        exchange.id = id
        chain.exchangeBegins(exchange)
        exchange.choice = UpstreamChoice(url: worker.upstreamURL)
        readHead()
        client.attach(self)
        client.headTaken()
        if let total = settings.totalMilliseconds { loop.arm(boundTimer, at: loop.now.adding(milliseconds: total)) }
        stage = .request
        switch isProviderPath ? .provider : worker.room(for: exchange, address: client.address) {
        case .provider:
            passedChain = true
            begin(.request)
        case .health(let report): respondLocally(report)
        case .admin(let entry): startAdmin(entry)
        case .refused(let error): respondLocally(error)
        }
    }

    private func keep(_ client: ClientConnection, _ chain: ChainWorker) {
        clientKeeper = client
        chainKeeper = chain
        self.client = client
        self.chain = chain
    }

    /// The head could not be read: nothing is known of the request but that it is refused.
    func refuse(_ error: GatewayError, on client: ClientConnection, id: UInt64) {
        keep(client, worker.chain)
        settings = worker.settings
        budget = AttemptBudget(attemptLimit: 1, retryMilliseconds: 0)
        startedAt = loop.now
        exchange.id = id
        chain.exchangeBegins(exchange)
        exchange.attributes.set(.clientIP, text: worker.clientAddress(of: exchange, client))
        exchange.attributes.set(.requestID, text: worker.requestID(exchange))
        client.attach(self)
        stage = .request
        respondLocally(error, origin: 0)
    }

    private func readHead() {
        let head = exchange.arena.copy(client.head)
        client.withRequest { parser in
            method = parser.method
            isHTTP10 = parser.minorVersion == 0
            func part(_ range: Range<Int>) -> Bytes { head.slice(range.lowerBound, range.upperBound) }
            exchange.method = part(parser.methodRange)
            exchange.path = parser.target.path.isEmpty ? Bytes("/") : part(parser.target.path)
            exchange.target =
                parser.target.authority == nil
                ? part(parser.target.whole)
                : parser.target.path.isEmpty
                    ? Bytes("/") : part(parser.target.path.lowerBound..<parser.target.whole.upperBound)
            if let host = parser.host { exchange.authority = part(host) }
            for field in parser.fields where !field.isHopByHop {
                exchange.requestHeaders.append(
                    HeaderField(
                        name: field.name(in: head), value: field.value(in: head), known: field.name, origin: .message))
            }
        }
        let classified = AnthropicPath(exchange.path)
        isProviderPath = classified != nil
        route = classified?.route ?? .other
        upstreamPath = exchange.target.slice(classified?.prefixBytes ?? 0, exchange.target.count)
        exchange.attributes.set(.clientIP, text: worker.clientAddress(of: exchange, client))
        exchange.attributes.set(.requestID, text: worker.requestID(exchange))
        exchange.attributes.set(.route, text: Bytes(route.name))
        let session = exchange.requestHeaders.value(of: .claudeCodeSessionID)
        if !session.isEmpty { exchange.attributes.set(.session, text: session) }
    }

    private func startAdmin(_ entry: Int) {
        exchange.phase = .admin
        adminEntry = entry
        stage = .receiving
        client.receiveBody(limit: settings.adminBytes)
    }

    /// One entry only answers for its mount.
    private func callAdmin() {
        hooks = chain.hooks(.admin)
        cursor = hooks.firstIndex(of: adminEntry) ?? hooks.count
        hooks = UnsafeBufferPointer(rebasing: hooks[..<min(cursor + 1, hooks.count)])
        walk()
    }

    private var bodyLimit: Int {
        switch route {
        case .batches: settings.batchBytes
        case .files: settings.fileBytes
        default: settings.messageBytes
        }
    }

    func requestBodyArrived(_ body: Bytes) {
        exchange.body = body
        exchange.bodyIsComplete = true
        if exchange.phase == .admin {
            stage = .request
            return callAdmin()
        }
        stage = .body
        if method == .post, route == .messages || route == .countTokens { readRequest(body) }
        if stage == .body { begin(.body) }
    }

    /// Model, stream and session, from a copy that nothing else sees.
    private func readRequest(_ body: Bytes) {
        // A compressed body passes unread: it has no model that rules could judge, and says so.
        guard ContentCoding(exchange.requestHeaders.value(of: .contentEncoding)) == .identity else { return }
        let request = MessagesRequest(body)
        guard request.isObject else {
            return respondLocally(.client(400, "the request body is not a JSON object"))
        }
        if !request.model.isEmpty { exchange.attributes.set(.model, text: kept(request.model)) }
        exchange.attributes.set(.stream, bool: request.wantsStream)
        if exchange.attributes.text(.session).isAbsent, !request.session.isEmpty {
            exchange.attributes.set(.session, text: kept(request.session))
        }
    }

    private func kept(_ text: ShortText) -> Bytes { text.withBytes { exchange.arena.copy($0) } }

    func requestBodyFailed(_ error: GatewayError) { respondLocally(error) }

    // MARK: Hooks

    /// Enters a phase: its hooks run, and then `passed` follows.
    func begin(_ phase: Phase) {
        exchange.phase = phase
        hooks = chain.hooks(phase)
        cursor = 0
        walk()
    }

    /// Calls the hooks that remain of the current phase.
    private func walk() {
        let phase = exchange.phase
        while cursor < hooks.count {
            let entry = hooks[cursor]
            let scope = exchange.scopes + entry
            if scope.pointee.skipped || scope.pointee.unsubscribed & phase.subscription != 0
                || (phase.runsInReverse && entry >= outerLimit)
            {
                cursor += 1
                continue
            }
            let verdict = call(phase, entry)
            if verdict == GW_CONTINUE {
                cursor += 1
            } else if !settle(verdict, entry) {
                return
            }
            if phase == .chunk, exchange.emitted != nil, !replaceEmitted(nextCursor: cursor) { break }
        }
        passed(phase)
    }

    /// Runs the chunk hooks from `position` on for the piece in front of the queue.
    func beginChunk(at position: Int) {
        exchange.phase = .chunk
        hooks = chain.hooks(.chunk)
        cursor = position
        walk()
    }

    @inline(__always)
    private func call(_ phase: Phase, _ entry: Int) -> gw_verdict {
        switch phase {
        case .attempt: callAttempt(entry)
        case .chunk: callChunk(entry)
        default: chain.call(phase, entry: entry, exchange: exchange)
        }
    }

    /// Acts on a verdict other than CONTINUE. True: the walk goes on with the next hook.
    private func settle(_ first: gw_verdict, _ entry: Int) -> Bool {
        let scope = exchange.scopes + entry
        var verdict = first
        while true {
            let facts = Pipeline.Facts(
                isCommitted: exchange.isCommitted, mayRetry: mayRetry, hasStagedResponse: exchange.staged != nil,
                awaitedOperations: scope.pointee.pendingOperations)
            switch Pipeline.rule(on: verdict, in: exchange.phase, facts) {
            case .next:
                cursor += 1
                return true
            case .wait:
                guard let decided = wait(scope) else { return false }
                verdict = decided
            case .respond:
                respondStaged()
                return false
            case .retry:
                retryAttempt()
                return false
            case .finish:
                finishes = true
                exchange.emitted = exchange.emitted ?? []
                cursor += 1
                return true
            case .fail(let failure):
                return survives(failure, entry)
            }
        }
    }

    /// Suspends. Results that are ready already decide at once; else nil, and a callback decides
    /// later, or the operator's limit.
    private func wait(_ scope: UnsafeMutablePointer<RequestScope>) -> gw_verdict? {
        if !scope.pointee.suspended {
            scope.pointee.suspended = true
            scope.pointee.suspendedSince = loop.now.nanoseconds
        }
        isSettling = true
        resumedVerdict = nil
        chain.operations.drainReady(of: exchange)
        isSettling = false
        if let resumedVerdict { return resumedVerdict }
        isWaiting = true
        waitingEntry = scope.pointee.entry
        pauseUpstream()
        loop.arm(stageTimer, at: loop.now.adding(milliseconds: chain.policy(waitingEntry).suspensionMilliseconds))
        return nil
    }

    /// The callback of an operation decided; `OperationTable` has ended the suspension.
    func suspensionEnded(entry: Int, verdict: gw_verdict) {
        let scope = exchange.scopes + entry
        scope.pointee.pausedNanoseconds &+= loop.now.nanoseconds &- scope.pointee.suspendedSince
        if isSettling {
            resumedVerdict = verdict
            return
        }
        guard isWaiting, stage != .completing, stage != .idle else { return }
        isWaiting = false
        loop.disarm(stageTimer)
        if verdict == GW_CONTINUE {
            cursor += 1
        } else if !settle(verdict, entry) {
            return flushClient()
        }
        if exchange.phase == .chunk, exchange.emitted != nil, !replaceEmitted(nextCursor: cursor) {
            passed(.chunk)
        } else {
            walk()
        }
        resumeUpstream()
        flushClient()
    }

    private func suspensionExpired() {
        isWaiting = false
        let scope = exchange.scopes + waitingEntry
        scope.pointee.pausedNanoseconds &+= loop.now.nanoseconds &- scope.pointee.suspendedSince
        chain.operations.cancelAll(of: exchange, entry: waitingEntry)
        guard survives(.suspendedTooLong, waitingEntry) else { return flushClient() }
        walk()
        resumeUpstream()
        flushClient()
    }

    /// The operator's policy for a plugin that failed. True: go on without it.
    private func survives(_ failure: Pipeline.Failure, _ entry: Int) -> Bool {
        let policy = chain.policy(entry)
        chain.hookFailed(entry, exchange.phase)
        log.error(
            "plugin failed", .field("plugin", policy.name), .field("hook", exchange.phase.hookName),
            .field("reason", failure.rawValue), .field("request", exchange.attributes.text(.requestID)),
            .field("policy", policy.failsOpen ? "fail_open" : "fail_closed"))
        if policy.failsOpen {
            exchange.scopes[entry].skipped = true
            cursor += 1
            return true
        }
        failClosed(entry)
        return false
    }

    private func failClosed(_ entry: Int) {
        let name = chain.policy(entry).name
        exchange.attributes.set(.deniedBy, text: exchange.arena.copy(name))
        let error = GatewayError(
            source: .policy, status: 503,
            message: "a policy of this gateway (\(name)) failed, and it is configured to refuse then; try again shortly")
        if exchange.isCommitted { breakOff(error) } else { respondLocally(error, origin: entry) }
    }

    /// All hooks of the phase have passed.
    private func passed(_ phase: Phase) {
        switch phase {
        case .request:
            stage = .receiving
            client.receiveBody(limit: bodyLimit)
        case .body: beginAttempt()
        case .select: connect()
        case .attempt: judgeAttempt()
        case .response: beginRelay()
        case .chunk: chunkPassed()
        case .admin: respondLocally(.client(404, "nothing answers below this admin path"))
        case .complete: break
        }
    }

    // MARK: Time

    func timerFired(_ timer: LoopTimer) {
        if timer === boundTimer { return boundReached() }
        if isWaiting { return suspensionExpired() }
        switch stage {
        case .collectingError:
            stage = .attempt
            begin(.attempt)
        case .relaying: ping()
        default: break
        }
        flushClient()
    }

    /// The time for draining after the client left, or for the whole exchange, is over.
    private func boundReached() {
        if clientIsGone { return abandon() }
        if clientMayBeGone {
            clientIsGone = true
            error = GW_E_CANCELLED
            client.cut()
            return abandon()
        }
        let error = GatewayError.gateway(504, "the exchange took longer than timeouts.total allows")
        if exchange.isCommitted { breakOff(error) } else { respondLocally(error) }
    }

    // MARK: The client

    func clientCaughtUp() { resumeUpstream() }

    func clientDrained() {
        if stage == .draining { complete() }
    }

    /// A half-closed client is served, and one that left looks the same until something is written:
    /// the time for draining bounds both.
    func clientEndedInput() {
        if settings.totalMilliseconds == nil {
            loop.arm(boundTimer, at: loop.now.adding(milliseconds: settings.drainMilliseconds))
        }
        clientMayBeGone = true
    }

    /// By default the upstream is read to its end, so that usage is what the provider reported.
    func clientLeft() {
        clientIsGone = true
        if error == GW_OK { error = GW_E_CANCELLED }
        switch stage {
        case .awaitingHead, .collectingError, .attempt, .response, .relaying:
            if exchange.isLocal || settings.clientGone == .abort { return abandon() }
            loop.arm(boundTimer, at: loop.now.adding(milliseconds: settings.drainMilliseconds))
            resumeUpstream()
        case .idle, .completing:
            break
        default:
            abandon()
        }
    }

    /// Ends the exchange where it stands; nobody waits for its answer.
    func abandon() {
        isWaiting = false
        dropAttempt()
        complete()
    }

    /// Makes a recycled runner new.
    func clear() {
        stage = .idle
        hooks = UnsafeBufferPointer(start: nil, count: 0)
        outerLimit = .max
        isWaiting = false
        clientIsGone = false
        clientMayBeGone = false
        passedChain = false
        target = nil
        fault = nil
        cutFault = nil
        upstreamIsPaused = false
        upstreamIsDone = false
        headLength = nil
        readsUsage = false
        framesEvents = false
        isMidEvent = false
        events.reset()
        hasChunkHooks = false
        if !chunkQueue.isEmpty { chunkQueue.removeAll(keepingCapacity: true) }
        chunkMemory.release()
        isPumping = false
        pieceWasDropped = false
        closesAfterLocal = false
        bodyWasEdited = false
        lastChunkGiven = false
        finishes = false
        error = GW_OK
        firstByteToClientAt = nil
        sentRequestAt = .distantFuture
        responseBytes = 0
        client = nil
        chain = nil
        clientKeeper = nil
        chainKeeper = nil
        held.release()
        requestHead.release()
        exchange.reset()
    }

    func flushClient() {
        if !clientIsGone, stage != .idle { client.flush() }
    }
}
