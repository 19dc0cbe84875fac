// The answer: local or from the upstream, through the response hooks, piece by piece to the client.
//
// Nothing leaves before the first piece has passed the chunk hooks; then the head and that piece
// leave together, which is the commit. When no plugin looks at chunks, bytes go from the upstream's
// buffer to the client's without a stop here.

import PluginABI

extension ExchangeRunner {
    // MARK: Local answers

    /// What a plugin staged is the answer.
    func respondStaged() {
        guard let staged = exchange.staged else { return }
        if let visit { return visitActionEnded(visit, staged) }
        exchange.staged = nil
        exchange.responseHeaders.clear()
        for field in staged.headers { exchange.responseHeaders.append(field) }
        if !staged.body.isEmpty, exchange.responseHeaders.firstIndex(of: .contentType) == nil {
            exchange.responseHeaders.append(
                HeaderField(
                    name: Bytes("content-type"), value: Bytes("application/json"), known: .contentType, origin: .plugin))
        }
        answerLocally(staged)
    }

    /// The host answers with an error in the API's shape.
    func respondLocally(_ error: GatewayError, origin: Int = .max) {
        worker.metrics.refused(error.source)
        if let visit { return visit.failed(error) }
        exchange.responseHeaders.clear()
        let body = ErrorResponse.stage(error, requestID: exchange.attributes.text(.requestID), in: exchange)
        answerLocally(
            StagedResponse(status: error.status, body: body, origin: origin, closesConnection: error.closesConnection))
    }

    /// Health and the like: not an error, not an upstream.
    func respondLocally(_ report: LocalReport) {
        exchange.responseHeaders.clear()
        exchange.responseHeaders.append(
            HeaderField(name: Bytes("content-type"), value: Bytes(report.contentType), known: .contentType, origin: .plugin))
        answerLocally(StagedResponse(status: report.status, body: exchange.arena.copy(report.text), origin: 0))
    }

    func answerLocally(_ staged: StagedResponse) {
        dropAttempt()
        held.release()
        chunkQueue.removeAll(keepingCapacity: true)
        exchange.isLocal = true
        exchange.isEventStream = false
        exchange.bufferResponseLimit = nil
        exchange.status = staged.status
        cutFault = nil
        lastChunkGiven = false
        finishes = false
        headLength = method == .head ? staged.body.count : nil
        closesAfterLocal = closesAfterLocal || staged.closesConnection
        if method != .head { held.append(staged.body) }
        upstreamFraming = .length(UInt64(staged.body.count))
        upstreamIsDone = true
        outerLimit = min(staged.origin, outerLimit)
        stage = .response
        begin(.response)
        flushClient()
    }

    // MARK: The relay

    /// The response hooks have passed.
    func beginRelay() {
        stage = .relaying
        updateChunkHooks()
        coding = ContentCoding(exchange.responseHeaders.value(of: .contentEncoding))
        // Usage is for plugins and the ledger.
        readsUsage = !exchange.isLocal && exchange.status < 400 && route == .messages && (chain.count > 0 || worker.pen != nil)
        if readsUsage { usage.begin(isEventStream: exchange.isEventStream, coding: coding) }
        framesEvents = hasChunkHooks && exchange.isEventStream && coding == .identity && exchange.bufferResponseLimit == nil
        if framesEvents { events.reset() }
        if exchange.isEventStream, let milliseconds = settings.pingMilliseconds {
            loop.arm(stageTimer, at: loop.now.adding(milliseconds: milliseconds))
        }
        pump()
        resumeUpstream()
    }

    /// Whether any plugin still looks at chunks of this response.
    private func updateChunkHooks() {
        hasChunkHooks = false
        for entry in chain.hooks(.chunk) where entry < outerLimit {
            let scope = exchange.scopes + entry
            if !scope.pointee.skipped, scope.pointee.unsubscribed & Phase.chunk.subscription == 0 {
                hasChunkHooks = true
                return
            }
        }
    }

    /// Moves what is held as far as it goes now.
    func pump() {
        guard stage == .relaying, !isWaiting, !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        if let limit = exchange.bufferResponseLimit, !gathered(limit) { return }
        while hasChunkHooks || !chunkQueue.isEmpty {
            if chunkQueue.isEmpty {
                guard !finishes, let chunk = nextChunk() else { break }
                chunkQueue.append(chunk)
            }
            beginChunk(at: chunkQueue[0].cursor)
            guard stage == .relaying, !isWaiting else { return }
        }
        if finishes { return finish() }
        if !hasChunkHooks, !held.isEmpty {
            relay(held.readable)
            held.release()
        }
        if let cutFault {
            if held.isEmpty || hasChunkHooks { cut(cutFault) }
        } else if upstreamIsDone, held.isEmpty || lastChunkGiven {
            endResponse()
        }
    }

    /// All that became of one chunk has passed.
    private func chunkEnded() {
        exchange.chunkArena.reset()
        updateChunkHooks()
        if !hasChunkHooks {
            // A stream may go on for minutes: it keeps nothing that it no longer needs.
            exchange.chunkArena.release()
            chunkMemory.release()
        }
    }

    /// For buffer_response: the whole body is here, or is too large and ends the exchange.
    private func gathered(_ limit: Int) -> Bool {
        // An answer of the gateway's own is whole already, whatever its size.
        if exchange.isLocal { return true }
        if held.count > limit {
            respondLocally(
                .gateway(502, "the response is larger than the \(limit) bytes that a policy of this gateway asked to see whole"))
            // That answer has passed its hooks unless one of them waits; then it moves on from here.
            return stage == .relaying && !isWaiting
        }
        return upstreamIsDone || cutFault != nil
    }

    /// The next piece for the hooks: an event, or all that is here. Exactly one piece is the last.
    private func nextChunk() -> ChunkInHand? {
        if lastChunkGiven { return nil }
        if framesEvents {
            if let event = nextEvent() { return event }
            return upstreamIsDone ? last(events.remainder) : nil
        }
        if upstreamIsDone { return last(held.readable) }
        return held.isEmpty ? nil : chunk(held.readable)
    }

    private func nextEvent() -> ChunkInHand? {
        while !held.isEmpty {
            var offset = 0
            let input = held.readable
            switch events.next(input, from: &offset) {
            case .event(let event):
                var piece = ChunkInHand(raw: keep(event.raw))
                piece.isEvent = true
                piece.event = exchange.chunkArena.copy(event.name)
                if !event.id.isAbsent { piece.id = exchange.chunkArena.copy(event.id) }
                piece.data = event.hasData ? exchange.chunkArena.copy(event.data) : .absent
                held.consume(offset)
                return piece
            case .oversized(let part, _):
                let piece = ChunkInHand(raw: keep(part))
                held.consume(offset)
                return piece
            case .needMore:
                held.consume(offset)
            }
        }
        return nil
    }

    private func last(_ bytes: Bytes) -> ChunkInHand {
        lastChunkGiven = true
        var piece = chunk(bytes)
        piece.isLast = true
        return piece
    }

    /// All of `bytes`, which is what is held or what the event reader keeps.
    private func chunk(_ bytes: Bytes) -> ChunkInHand {
        let piece = ChunkInHand(raw: bytes.isEmpty ? Bytes("") : keep(bytes))
        held.clear()
        return piece
    }

    /// A copy that stays while hooks look at it, since buffers move; usage is read on the way.
    private func keep(_ bytes: Bytes) -> Bytes {
        if readsUsage {
            usage.feed(bytes)
            publishUsage()
        }
        chunkMemory.clear()
        chunkMemory.append(bytes)
        return chunkMemory.readable
    }

    // MARK: Chunk hooks

    func callChunk(_ entry: Int) -> gw_verdict {
        let piece = chunkQueue[0]
        exchange.emitted = nil
        var chunk = gw_chunk(
            size: UInt32(MemoryLayout<gw_chunk>.size),
            flags: (piece.isLast ? GW_CHUNK_LAST : 0) | (piece.isEvent ? GW_CHUNK_SSE : 0), raw: piece.raw.abi,
            event: piece.event.abi, id: piece.id.abi, data: piece.data.abi)
        return chain.callChunk(entry: entry, exchange: exchange, &chunk)
    }

    /// After a chunk hook continued: what it emitted takes the place of its chunk.
    /// - Returns: false if nothing is left of the chunk.
    func replaceEmitted(nextCursor: Int) -> Bool {
        guard let emitted = exchange.emitted else { return true }
        exchange.emitted = nil
        bodyWasEdited = true
        let piece = chunkQueue.removeFirst()
        var pieces = emitted.filter { !$0.isEmpty }.map { bytes in
            var part = ChunkInHand(raw: bytes, cursor: nextCursor)
            if piece.isEvent { readEvent(&part) }
            return part
        }
        if piece.isLast {
            // The last piece stays the last, even if nothing of it is left.
            if pieces.isEmpty {
                pieces = [ChunkInHand(raw: Bytes(""), cursor: nextCursor, isLast: true)]
            } else {
                pieces[pieces.count - 1].isLast = true
            }
        }
        chunkQueue.insert(contentsOf: pieces, at: 0)
        pieceWasDropped = pieces.isEmpty
        return !pieceWasDropped
    }

    /// The fields of an event that a plugin made, for the plugins outside of it.
    private func readEvent(_ piece: inout ChunkInHand) {
        emittedEvents.reset()
        var offset = 0
        guard case .event(let event) = emittedEvents.next(piece.raw, from: &offset), offset == piece.raw.count
        else { return }
        piece.isEvent = true
        piece.event = exchange.chunkArena.copy(event.name)
        if !event.id.isAbsent { piece.id = exchange.chunkArena.copy(event.id) }
        piece.data = event.hasData ? exchange.chunkArena.copy(event.data) : .absent
    }

    /// The piece in front has passed all hooks.
    func chunkPassed() {
        if pieceWasDropped {
            pieceWasDropped = false
        } else {
            send(chunkQueue.removeFirst().raw)
        }
        if chunkQueue.isEmpty { chunkEnded() }
        pump()
    }

    // MARK: To the client

    /// Bytes that no hook wants to see.
    func relay(_ bytes: Bytes) {
        if readsUsage { usage.feed(bytes) }
        send(bytes)
    }

    /// Commits if need be, and queues the bytes in the framing of the response.
    private func send(_ bytes: Bytes) {
        if exchange.isEventStream, bytes.count > 0 { isMidEvent = !endsWithBlankLine(bytes) }
        responseBytes &+= UInt64(bytes.count)
        if !exchange.isCommitted { commit() }
        guard !clientIsGone, bytes.count > 0 else { return }
        if settings.sealsRows { holdIfLast() }
        switch framing {
        case .chunked:
            client.writeChunk(bytes)
        case .length, .untilClose:
            client.writeThrough(bytes)
        case .bodiless:
            break
        }
        if exchange.isEventStream, let milliseconds = settings.pingMilliseconds {
            loop.arm(stageTimer, at: loop.now.adding(milliseconds: milliseconds))
        }
    }

    /// The moment after which no other attempt and no other answer is possible.
    private func commit() {
        framing = chooseFraming()
        keepAlive = !closesAfterLocal && framing != .untilClose && !clientIsGone && client.mayKeepAlive
        exchange.isCommitted = true
        if firstByteToClientAt == nil { firstByteToClientAt = loop.now }
        guard !clientIsGone else { return }
        var head = ResponseHead(
            status: exchange.status, framing: framing, keepAlive: keepAlive, isHTTP10: isHTTP10,
            requestID: exchange.attributes.text(.requestID), date: worker.dateText())
        if settings.showsAccount { head.account = exchange.attributes.text(.account) }
        if settings.showsAttempts { head.attempts = budget.attempts }
        if settings.showsOverhead { head.overheadMicroseconds = overheadMicroseconds }
        client.withOutput { head.write(exchange.responseHeaders, to: &$0) }
    }

    private func chooseFraming() -> ResponseFraming {
        if method == .head || exchange.status == 204 || exchange.status == 304 {
            return .bodiless(length: exchange.status == 204 ? nil : headLength)
        }
        let complete = upstreamIsDone && !hasChunkHooks
        if exchange.isLocal, complete, case .length(let length) = upstreamFraming, !bodyWasEdited { return .length(Int(length)) }
        if !exchange.isLocal, !hasChunkHooks, !bodyWasEdited, case .length(let length) = upstreamFraming {
            return .length(Int(length))
        }
        if case .none = upstreamFraming, !bodyWasEdited { return .length(0) }
        return isHTTP10 ? .untilClose : .chunked
    }

    /// Time from the request's arrival to the attempt, and from the answer's arrival to now.
    private var overheadMicroseconds: Int {
        guard let firstByteAt, sentRequestAt != .distantFuture else {
            return Int(Instant.read().nanoseconds(since: startedAt) / 1000)
        }
        return Int((sentRequestAt.nanoseconds(since: startedAt) + Instant.read().nanoseconds(since: firstByteAt)) / 1000)
    }

    // MARK: The end of the body

    /// A plugin ends the response, mostly while more of it was to come.
    private func finish() {
        let isWhole = exchange.isEventStream && readsUsage ? usage.hasMessageStop : upstreamIsDone && held.isEmpty
        recording.isStopped = !isWhole
        dropAttempt()
        held.release()
        endResponse()
    }

    private func endResponse() {
        if !exchange.isCommitted { commit() }
        loop.disarm(stageTimer)
        publishUsage()
        recording.isWhole = !exchange.isLocal && !recording.isStopped
        if settings.sealsRows, sealBeforeEnd() { return }
        endWritten()
    }

    /// The upstream broke off: before the commit the attempt has failed after all, after it the client
    /// gets a broken end that it cannot mistake for a whole answer.
    private func cut(_ fault: UpstreamFault) {
        if exchange.isCommitted {
            error = fault.abiError
            breakOff(fault.gatewayError)
        } else {
            held.release()
            attemptFailed(fault)
        }
    }

    func breakOff(_ reason: GatewayError) {
        if error == GW_OK { error = GW_E_UNAVAILABLE }
        dropAttempt()
        if !clientIsGone {
            if exchange.isEventStream, coding == .identity {
                let bytes = ErrorResponse.event(
                    reason, requestID: exchange.attributes.text(.requestID), startsLine: isMidEvent, in: exchange)
                if framing == .chunked { client.writeChunk(bytes) } else { client.write(bytes) }
            }
            if framing == .untilClose { client.reset() } else { client.breakOff() }
            keepAlive = false
        }
        if stage != .idle, stage != .completing { complete() }
    }

    /// Silence of the upstream: a comment-like event that clients know keeps the connection alive.
    func ping() {
        guard exchange.isEventStream, exchange.isCommitted, !clientIsGone, let milliseconds = settings.pingMilliseconds
        else { return }
        if !isMidEvent {
            let event = Bytes("event: ping\ndata: {\"type\": \"ping\"}\n\n")
            if framing == .chunked { client.writeChunk(event) } else { client.write(event) }
        }
        loop.arm(stageTimer, at: loop.now.adding(milliseconds: milliseconds))
    }
}

/// Whether the stream stands between two events after these bytes, as far as their end tells.
private func endsWithBlankLine(_ bytes: Bytes) -> Bool {
    func ends(_ end: StaticString) -> Bool {
        bytes.count >= end.utf8CodeUnitCount
            && bytes.slice(bytes.count - end.utf8CodeUnitCount, bytes.count).equals(Bytes(end))
    }
    return ends("\n\n") || ends("\r\n\r\n") || ends("\r\r")
}
