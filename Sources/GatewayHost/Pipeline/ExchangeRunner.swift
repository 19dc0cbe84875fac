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
// This file holds the state and time. The road itself is in the extensions, in its order: +Request,
// +Hooks, +Attempt, +Response, +Completion; what becomes of it when the client goes is in +Leaving.
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
        case sealing  // everything is written and waits for its row
        case draining  // everything is written, not everything is in the kernel
        case completing
    }

    /// A constant is read without a reference count; `Worker.end` breaks the cycle.
    let worker: Worker
    let exchange: Exchange
    var chain: ChainWorker!
    var client: ClientConnection!
    /// Itself while an exchange runs: when client and upstream are gone nobody else knows it, and a
    /// plugin that is suspended still owes it a verdict.
    var keeper: ExchangeRunner?
    var stage = Stage.idle

    // The walk through the hooks of `exchange.phase`.
    var hooks = UnsafeBufferPointer<Int>(start: nil, count: 0)
    var cursor = 0
    /// Response hooks run only for entries before this position; see `StagedResponse.origin`.
    var outerLimit = Int.max
    /// A verdict that arrived while the ready queue was being drained inside `settle`.
    var adminEntry = 0
    var resumedVerdict: gw_verdict?
    var isSettling = false
    /// A hook is suspended; the walk stands still.
    var isWaiting = false
    var waitingEntry = 0

    // The client.
    var clientIsGone = false
    var clientMayBeGone = false
    /// What became of the upstream of a client that is gone.
    var departure = Departure.unasked
    var method = HTTPMethod.other
    var isHTTP10 = false
    /// The target as it goes upstream: without `/api`.
    var upstreamPath = Bytes.absent
    var route = AnthropicPath.Route.other
    var isProviderPath = false
    /// The exchange went through the chain, rather than being answered beside it.
    var passedChain = false

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
    /// An attempt that the upstream may have executed was followed by another.
    var mayHaveRunTwice = false
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
    var recording = Recording()
    var error = GW_OK
    var startedAt = Instant.distantFuture
    var sentRequestAt = Instant.distantFuture
    var firstByteToClientAt: Instant?
    var responseBytes: UInt64 = 0

    /// The exchange is a visit at a station of the host.
    var visit: (any LocalVisit)?

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

    // MARK: Time

    func timerFired(_ timer: LoopTimer) {
        if timer === boundTimer { return boundReached() }
        if isWaiting { return suspensionExpired() }
        switch stage {
        case .collectingError:
            stage = .attempt
            begin(.attempt)
        case .relaying: ping()
        case .request where visit != nil: visitExpired()
        default: break
        }
        flushClient()
    }

    // MARK: The client

    func clientCaughtUp() { resumeUpstream() }

    func clientDrained() {
        if stage == .draining { complete() }
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
        departure = .unasked
        passedChain = false
        recording = Recording()
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
        mayHaveRunTwice = false
        firstByteToClientAt = nil
        sentRequestAt = .distantFuture
        responseBytes = 0
        client = nil
        chain = nil
        held.release()
        requestHead.release()
        exchange.reset()
    }

    func flushClient() {
        if !clientIsGone, stage != .idle { client.flush() }
    }
}
