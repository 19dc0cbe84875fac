// One attempt: where to, on which connection, and what came of it.

import PluginABI

extension ExchangeRunner {
    var mayRetry: Bool {
        !exchange.isCommitted && !exchange.isLocal && budget.allowsAnother(at: loop.now) && !clientIsGone
            && (fault.map(mayRepeat) ?? true)
    }

    /// Whether a request that ended so may be sent again: the upstream may have executed it, and the operator may forbid that.
    private func mayRepeat(_ fault: UpstreamFault) -> Bool {
        settings.repeatsSent || !fault.mayHaveBeenExecuted || method == .get || method == .head
    }

    func beginAttempt() {
        budget.attemptBegins(at: loop.now)
        if let fault, fault.mayHaveBeenExecuted { mayHaveRunTwice = true }
        attemptStarted = loop.now
        connectedAt = nil
        firstByteAt = nil
        fault = nil
        staleRetried = false
        upstreamIsDone = false
        upstreamIsPaused = false
        cutFault = nil
        headLength = nil
        exchange.clearResponse()
        // What on_request and on_body chose holds for every attempt; what on_select chose, for one.
        if budget.attempts == 1 { lastingChoice = exchange.choice } else { exchange.choice = lastingChoice }
        exchange.attributes.set(.account, text: .absent)
        exchange.attributes.set(.egress, text: .absent)
        stage = .selecting
        begin(.select)
    }

    /// A plugin wants this attempt dropped and another account tried.
    func retryAttempt() {
        recordAttemptEnd()
        dropAttempt()
        held.release()
        chunkQueue.removeAll(keepingCapacity: true)
        hasChunkHooks = false
        lastChunkGiven = false
        exchange.bufferResponseLimit = nil
        beginAttempt()
    }

    /// All plugins have had their say about where this attempt goes.
    func connect() {
        if endedInputGivesUp() { return }
        if exchange.choice.proxy.isAbsent, !exchange.attributes.text(.egress).isAbsent {
            return attemptFailed(
                UpstreamFault(
                    .proxy, "the account goes out through a proxy, but no plugin of the chain set one; enable SOCKSProxy"))
        }
        do {
            let target = try worker.upstreams.target(
                url: exchange.choice.url, proxy: exchange.choice.proxy, account: exchange.choice.account)
            self.target = target
            if let connection = worker.upstreams.checkout(target) {
                send(on: connection)
            } else {
                startDial(target)
            }
        } catch {
            attemptFailed(error)
        }
    }

    private func startDial(_ target: UpstreamTarget) {
        stage = .dialing
        dial = worker.upstreams.dial(target, connectMilliseconds: exchange.choice.connectMilliseconds, for: self)
    }

    private func send(on connection: UpstreamConnection) {
        upstream = connection
        stage = .awaitingHead
        if !staleRetried { recordAttempt() }
        RequestHead.write(
            exchange, target: target!, path: upstreamPath, bodyBytes: exchange.body.count, to: &requestHead)
        sentRequestAt = loop.now
        connection.start(
            isHead: method == .head, head: requestHead.readable, body: exchange.body,
            firstByteMilliseconds: exchange.choice.firstByteMilliseconds,
            idleMilliseconds: exchange.choice.idleMilliseconds, handler: self)
    }

    // MARK: Events of the upstream

    func upstreamReady(_ connection: UpstreamConnection) {
        dial = nil
        connectedAt = loop.now
        send(on: connection)
    }

    func upstreamFailed(_ fault: UpstreamFault) {
        dial = nil
        upstream = nil
        if fault.connectionWasReused, !fault.responseBytesSeen, !staleRetried, let target, stage == .awaitingHead, mayRepeat(fault) {
            // The connection was idle and the other side had closed it: not the fault of anybody.
            staleRetried = true
            if fault.mayHaveBeenExecuted { mayHaveRunTwice = true }
            return startDial(target)
        }
        switch stage {
        case .relaying, .response, .attempt:
            cutFault = fault
            if stage == .relaying { pump() }
            flushClient()
        default:
            attemptFailed(fault)
        }
    }

    func upstreamHead(_ connection: UpstreamConnection) {
        firstByteAt = loop.now
        requestHead.release()
        let head = exchange.arena.copy(connection.headBytes)
        exchange.status = Int(connection.response.status)
        upstreamFraming = connection.response.framing
        for field in connection.response.fields where !field.isHopByHop {
            let value = field.value(in: head)
            exchange.responseHeaders.append(
                HeaderField(name: field.name(in: head), value: value, known: field.name, origin: .message))
            if field.name == .contentType { exchange.isEventStream = isEventStream(value) }
        }
        recording.attemptStatus = exchange.status
        recording.upstreamID = exchange.responseHeaders.value(of: .requestID)
        if method == .head, let length = connection.response.contentLength { headLength = Int(length) }
        worker.metrics.attemptEnded(status: exchange.status)
        stage = .collectingError
        if exchange.status >= 400 {
            loop.arm(stageTimer, at: loop.now.adding(milliseconds: settings.errorBodyMilliseconds))
        }
    }

    func upstreamBody(_ bytes: Bytes) {
        if stage == .relaying, !hasChunkHooks, exchange.bufferResponseLimit == nil, held.isEmpty, !isWaiting {
            relay(bytes)
        } else {
            held.append(bytes)
            if held.count >= RunnerSettings.heldHighWater, exchange.bufferResponseLimit == nil { pauseUpstream() }
        }
        // Writing may have found the client gone, and ended the exchange with it.
        guard stage != .idle, !clientIsGone else { return }
        if client.pendingOutput >= ClientSettings.outputHighWater { pauseUpstream() }
    }

    func upstreamEnded(_ connection: UpstreamConnection) {
        upstream = nil
        upstreamIsDone = true
    }

    func upstreamFlush() {
        switch stage {
        case .collectingError:
            if exchange.status < 400 || upstreamIsDone || held.count >= settings.errorBodyBytes {
                loop.disarm(stageTimer)
                stage = .attempt
                begin(.attempt)
            }
        case .relaying:
            pump()
        default:
            break
        }
        if upstreamIsPaused {
            // What the client takes at once need not be waited for.
            if !clientIsGone, stage != .idle { client.flushNow() }
            resumeUpstream()
        } else {
            flushClient()
        }
    }

    // MARK: The outcome

    /// The attempt has no answer, or none that was whole before a byte of it left.
    func attemptFailed(_ fault: UpstreamFault) {
        self.fault = fault
        if fault.isOfProxy { budget.proxyFailed() }
        cutFault = nil
        upstreamIsDone = true
        exchange.clearResponse()
        stage = .attempt
        worker.metrics.attemptEnded(status: 0)
        begin(.attempt)
        flushClient()
    }

    func callAttempt(_ entry: Int, _ chain: ChainWorker) -> gw_verdict {
        var choice = gw_upstream(
            size: UInt32(MemoryLayout<gw_upstream>.size), connect_ms: exchange.choice.connectMilliseconds,
            first_byte_ms: exchange.choice.firstByteMilliseconds, idle_ms: exchange.choice.idleMilliseconds,
            url: exchange.choice.url.abi, proxy: exchange.choice.proxy.abi, account: exchange.choice.account.abi)
        return withUnsafePointer(to: &choice) { choice in
            var attempt = gw_attempt(
                size: UInt32(MemoryLayout<gw_attempt>.size), number: UInt32(budget.attempts),
                flags: (mayRetry ? 0 : GW_ATTEMPT_LAST) | (fault?.abiFlags ?? 0), status: Int32(exchange.status),
                error: fault?.abiError ?? GW_OK, retry_after_ms: retryAfterMilliseconds,
                start_ns: attemptStarted.nanoseconds, connected_ns: connectedAt?.nanoseconds ?? 0,
                first_byte_ns: firstByteAt?.nanoseconds ?? 0, upstream: choice,
                error_body: exchange.status >= 400 ? held.readable.abi : Bytes.absent.abi)
            return chain.callAttempt(entry: entry, exchange: exchange, &attempt)
        }
    }

    /// `retry-after` in seconds; dates are left to plugins that want them.
    private var retryAfterMilliseconds: UInt32 {
        guard let seconds = exchange.responseHeaders.value(of: .retryAfter).decimal else { return 0 }
        return UInt32(min(seconds, 4_000_000) * 1000)
    }

    /// No plugin wanted another attempt.
    func judgeAttempt() {
        if exchange.status == 0 {
            respondLocally((fault ?? UpstreamFault(.closed, "no answer")).gatewayError)
        } else {
            stage = .response
            begin(.response)
        }
    }

    /// Lets go of the attempt's connection; nothing more is heard of it.
    func dropAttempt() {
        dial?.cancel()
        dial = nil
        upstream?.abort()
        upstream = nil
        loop.disarm(stageTimer)
    }

    // MARK: Back-pressure

    func pauseUpstream() {
        guard !upstreamIsPaused, let upstream else { return }
        upstreamIsPaused = true
        upstream.pauseReading()
    }

    /// Reads on if neither the client nor a hook holds the response up.
    func resumeUpstream() {
        guard upstreamIsPaused, !isWaiting else { return }
        if !clientIsGone, client.pendingOutput > ClientSettings.outputLowWater { return }
        if stage == .relaying, held.count >= RunnerSettings.heldHighWater { return }
        upstreamIsPaused = false
        upstream?.resumeReading()
    }
}

extension UpstreamFault {
    var abiFlags: UInt32 {
        (mayHaveBeenExecuted ? GW_ATTEMPT_MAY_HAVE_RUN : 0) | (isOfProxy ? GW_ATTEMPT_PROXY_FAILED : 0)
            | (nothingWasDialled ? GW_ATTEMPT_NOT_DIALLED : 0)
    }

    /// The same for plugins.
    var abiError: gw_error {
        switch kind {
        case .timeoutConnect, .timeoutFirstByte, .timeoutIdle: GW_E_TIMEOUT
        case .badURL: GW_E_ARGUMENT
        case .limit: GW_E_LIMIT
        case .cancelled: GW_E_CANCELLED
        case .resolve, .connect, .proxy, .tls, .closed, .malformed: GW_E_UNAVAILABLE
        }
    }
}

private func isEventStream(_ contentType: Bytes) -> Bool {
    let name = Bytes("text/event-stream")
    return contentType.count >= name.count && contentType.slice(0, name.count).equalsIgnoringCase(name)
}
