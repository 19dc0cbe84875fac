// The walk through the hooks of a phase, and what becomes of their verdicts.
//
// `Pipeline` says what a verdict means; here it is done: the next hook, a suspension and its end, the
// operator's policy for a plugin that failed, and the station that follows when all hooks have passed.

import PluginABI

extension ExchangeRunner {
    /// Enters a phase: its hooks run, and then `passed` follows.
    func begin(_ phase: Phase) {
        exchange.phase = phase
        hooks = chain.hooks(phase)
        cursor = 0
        if hooks.isEmpty { return passed(phase) }
        // Uncounted: the runner keeps its chain until `complete`, after which nothing here looks at it.
        Unmanaged.passUnretained(chain.unsafelyUnwrapped)._withUnsafeGuaranteedRef { walk(phase, $0) }
    }

    /// Calls the hooks that remain of the current phase.
    func walk() {
        Unmanaged.passUnretained(chain.unsafelyUnwrapped)._withUnsafeGuaranteedRef { walk(exchange.phase, $0) }
    }

    @inline(__always)
    private func walk(_ phase: Phase, _ chain: ChainWorker) {
        let subscription = phase.subscription
        let limit = phase.runsInReverse ? outerLimit : .max
        while cursor < hooks.count {
            let entry = hooks[cursor]
            let scope = exchange.scopes + entry
            if scope.pointee.skipped || scope.pointee.unsubscribed & subscription != 0 || entry >= limit {
                cursor &+= 1
                continue
            }
            let verdict = call(phase, entry, chain)
            if verdict == GW_CONTINUE {
                cursor &+= 1
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
    private func call(_ phase: Phase, _ entry: Int, _ chain: ChainWorker) -> gw_verdict {
        switch phase {
        case .attempt: callAttempt(entry, chain)
        case .chunk: callChunk(entry)
        default: chain.call(phase, entry: entry, exchange: exchange)
        }
    }

    /// Acts on a verdict other than CONTINUE. True: the walk goes on with the next hook.
    func settle(_ first: gw_verdict, _ entry: Int) -> Bool {
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
                if decided == GW_CONTINUE {
                    cursor += 1
                    return true
                }
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
        let known = Unmanaged.passUnretained(chain.unsafelyUnwrapped)._withUnsafeGuaranteedRef { $0.operations.takeKnown(of: scope) }
        if let known {
            // The clock of the loop stood still meanwhile, unless this suspension began in an earlier turn.
            scope.pointee.pausedNanoseconds &+= loop.now.nanoseconds &- scope.pointee.suspendedSince
            return known
        }
        isSettling = true
        resumedVerdict = nil
        Unmanaged.passUnretained(chain.unsafelyUnwrapped)._withUnsafeGuaranteedRef {
            $0.operations.drainReady(of: exchange)
        }
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

    func suspensionExpired() {
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
    func survives(_ failure: Pipeline.Failure, _ entry: Int) -> Bool {
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

    func failClosed(_ entry: Int) {
        let name = chain.policy(entry).name
        exchange.attributes.set(.deniedBy, text: exchange.arena.copy(name))
        let error = GatewayError(
            source: .policy, status: 503,
            message: "a policy of this gateway (\(name)) failed, and it is configured to refuse then; try again shortly")
        if exchange.isCommitted { breakOff(error) } else { respondLocally(error, origin: entry) }
    }

    /// All hooks of the phase have passed.
    func passed(_ phase: Phase) {
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
}
