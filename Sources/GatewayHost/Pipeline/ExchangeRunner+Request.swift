// The client's half of an exchange: the head is copied, the body asked for, what plugins may want to
// know is read from it.

import PluginABI

extension ExchangeRunner {
    /// A head is complete on `client`. Everything of it is copied, for plugins to see and change.
    func start(on client: ClientConnection, id: UInt64) {
        arrive(on: client, id: id)
        if isProviderPath {
            if worker.pen?.accepts == false { return refuseWithoutRow() }
            passedChain = true
            begin(.request)
        } else {
            enter(worker.room(for: exchange, address: client.address))
        }
    }

    /// The same for a client that came in by another door, where the provider's paths lead nowhere.
    func start(on client: ClientConnection, id: UInt64, at door: Door) {
        arrive(on: client, id: id)
        isProviderPath = false
        enter(worker.room(for: exchange, at: door))
    }

    @inline(__always)
    private func arrive(on client: ClientConnection, id: UInt64) {
        self.client = client
        chain = worker.chain
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
    }

    private func enter(_ room: Worker.Room) {
        switch room {
        case .health(let report): respondLocally(report)
        case .station(let station, let door): beginVisit(station, at: door)
        case .admin(let entry): startAdmin(entry)
        case .refused(let error): respondLocally(error)
        }
    }

    /// The head could not be read: nothing is known of the request but that it is refused.
    func refuse(_ error: GatewayError, on client: ClientConnection, id: UInt64) {
        self.client = client
        chain = worker.chain
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

    func readHead() {
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

    func startAdmin(_ entry: Int) {
        exchange.phase = .admin
        adminEntry = entry
        stage = .receiving
        client.receiveBody(limit: settings.adminBytes)
    }

    /// One entry only answers for its mount.
    func callAdmin() {
        hooks = chain.hooks(.admin)
        cursor = hooks.firstIndex(of: adminEntry) ?? hooks.count
        hooks = UnsafeBufferPointer(rebasing: hooks[..<min(cursor + 1, hooks.count)])
        walk()
    }

    var bodyLimit: Int {
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
            return visit == nil ? callAdmin() : visitBodyArrived(body)
        }
        stage = .body
        if method == .post, route == .messages || route == .countTokens { readRequest(body) }
        if stage == .body { begin(.body) }
    }

    /// Model, stream and session, from a copy that nothing else sees.
    private func readRequest(_ body: Bytes) {
        let coding = ContentCoding(exchange.requestHeaders.value(of: .contentEncoding))
        let needsSession = exchange.attributes.text(.session).isAbsent
        // A body that cannot be read passes: it has no model that rules could judge, and they know that.
        var request = MessagesRequest()
        guard request.read(body, coding: coding, readsSession: needsSession) else { return }
        guard request.isObject else {
            return respondLocally(.client(400, "the request body is not a JSON object"))
        }
        if !request.model.isEmpty { exchange.attributes.set(.model, text: kept(request.model)) }
        exchange.attributes.set(.stream, bool: request.wantsStream)
        if needsSession, !request.session.isEmpty {
            exchange.attributes.set(.session, text: kept(request.session))
        }
    }

    private func kept(_ text: ShortText) -> Bytes { text.withBytes { exchange.arena.copy($0) } }

    func requestBodyFailed(_ error: GatewayError) { respondLocally(error) }
}
