// The end of an exchange: once, always, whatever ended it.
//
// Order: usage is final; pending operations end with GW_E_CANCELLED while the request is valid; what the limiter
// holds for it is given back; on_complete runs from the inside out; then the scopes close.

import PluginABI

extension ExchangeRunner {
    /// Everything of the answer is written but the end of its framing.
    func endWritten() {
        if !clientIsGone {
            if framing == .chunked { client.write(Bytes(ChunkSize.end)) }
            client.flush()
        }
        if stage != .relaying { return }
        stage = .draining
        if clientIsGone || client.notifyWhenDrained() { complete() }
    }

    func complete() {
        guard stage != .completing, stage != .idle else { return }
        stage = .completing
        loop.disarm(stageTimer)
        loop.disarm(boundTimer)
        isWaiting = false
        if visit != nil { endVisit() }
        // Uncounted: the chain is let go in `clear`.
        Unmanaged.passUnretained(chain.unsafelyUnwrapped)._withUnsafeGuaranteedRef {
            // Before operations end: one may be there to settle what was used.
            usage.finish()
            publishUsage()
            $0.operations.cancelAll(of: exchange)
            $0.limiter.releaseAll(of: exchange)
            recordEnd()
            tellPlugins($0)
        }
        report()
        if clientIsGone { countDeparture() }
        let client: ClientConnection = client!
        let keepAlive = keepAlive && !clientIsGone
        let wasGone = clientIsGone
        chain.exchangeEnds(exchange)
        if wasGone { client.releaseBody() } else { client.responseEnded(keepAlive: keepAlive) }
        clear()
        worker.retire(self)
    }

    private func tellPlugins(_ chain: ChainWorker) {
        var summary = gw_summary(
            size: UInt32(MemoryLayout<gw_summary>.size),
            status: exchange.isCommitted ? Int32(exchange.status) : 0, error: error, attempts: UInt32(budget.attempts),
            start_ns: startedAt.nanoseconds, first_byte_ns: firstByteToClientAt?.nanoseconds ?? 0,
            end_ns: loop.now.nanoseconds, request_bytes: UInt64(exchange.body.count), response_bytes: responseBytes,
            paused_ns: 0)
        for entry in chain.hooks(.complete) where exchange.scopes[entry].entered || (passedChain && chain.onlyCompletes(entry)) {
            summary.paused_ns = exchange.scopes[entry].pausedNanoseconds
            chain.callComplete(entry: entry, exchange: exchange, &summary)
        }
    }

    /// Usage as the provider reported it so far, for plugins to read.
    func publishUsage() {
        guard readsUsage, usage.hasNews else { return }
        usage.hasNews = false
        let usage = usage.usage
        exchange.attributes.set(.tokensInput, integer: usage.inputTokens)
        exchange.attributes.set(.tokensOutput, integer: usage.outputTokens)
        exchange.attributes.set(.cacheRead, integer: usage.cacheReadTokens)
        exchange.attributes.set(.cacheWrite5m, integer: usage.cacheWrite5mTokens)
        exchange.attributes.set(.cacheWrite1h, integer: usage.cacheWrite1hTokens)
    }

    /// One line where an operator would look for one: something failed, or details were asked for.
    private func report() {
        worker.metrics.exchangeEnded(status: exchange.isCommitted ? exchange.status : 0)
        let failed = error != GW_OK || exchange.status >= 500
        let level = failed || mayHaveRunTwice ? LogLevel.info : .debug
        guard log.isEnabled(level) else { return }
        log.line(
            level, Bytes(failed ? "exchange failed" : "exchange"),
            .field("request", exchange.attributes.text(.requestID)), .field("path", exchange.path),
            .field("status", exchange.status), .field("error", Int(error.rawValue)),
            .field("principal", exchange.attributes.text(.principal)),
            .field("account", exchange.attributes.text(.account)), .field("attempts", budget.attempts),
            .field("denied_by", exchange.attributes.text(.deniedBy)),
            .field("reason", fault?.sentence ?? ""), .field("client_gone", clientIsGone),
            .field("may_have_run_twice", mayHaveRunTwice))
    }
}
