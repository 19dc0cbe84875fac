// An exchange that a station of the host answers: the runner's side of a `LocalVisit`.
//
// All of it is off the road of relayed requests. While the station thinks, the exchange stands at
// `.request` as one whose first hook is suspended would, so a client that leaves ends it like any other.

extension ExchangeRunner {
    /// What a visit may wait for store, scrypt and the like, in milliseconds. Seconds would do; more means
    /// that something hangs, and the client shall hear of it.
    static let visitMilliseconds = 30_000

    func beginVisit(_ station: any LocalStation, at door: Door) {
        exchange.phase = .admin
        outerLimit = 0
        let visit = station.visit(self, at: door)
        self.visit = visit
        armVisit()
        visit.begin()
        flushClient()
    }

    private func armVisit() {
        loop.arm(stageTimer, at: loop.now.adding(milliseconds: ExchangeRunner.visitMilliseconds))
    }

    func visitExpired() {
        respondLocally(
            GatewayError(
                source: .gateway, status: 503, message: "the gateway's store did not answer in time; the log may say why",
                retryAfterSeconds: 1))
    }

    // MARK: For the visit

    /// Asks for the body; `bodyArrived` or `failed` follows, maybe at once.
    func receiveVisitBody(limit: Int) {
        loop.disarm(stageTimer)
        stage = .receiving
        client.receiveBody(limit: limit)
    }

    func visitBodyArrived(_ body: Bytes) {
        armVisit()
        visit?.bodyArrived(body)
        flushClient()
    }

    /// The answer of the station; the exchange then goes to its end by itself.
    func answer(_ answer: LocalAnswer) {
        loop.disarm(stageTimer)
        exchange.responseHeaders.clear()
        for (name, value) in answer.headers {
            let name = exchange.arena.copy(name)
            exchange.responseHeaders.append(
                HeaderField(name: name, value: exchange.arena.copy(value), known: HeaderName(name), origin: .plugin))
        }
        let body = answer.body.withUnsafeBytes { $0.isEmpty ? Bytes("") : exchange.arena.copy(Bytes($0)) }
        answerLocally(
            StagedResponse(status: answer.status, body: body, origin: 0, closesConnection: answer.closesConnection))
    }

    /// Has the plugin at `entry` act. What it responds reaches `actionEnded`; its failure reaches `failed`.
    func act(_ action: PluginAction, entry: Int) {
        loop.disarm(stageTimer)
        action.stage(on: exchange)
        hooks = chain.alone(entry)
        cursor = 0
        walk()
        flushClient()
    }

    /// A plugin's staged answer, as its station shall have it.
    func visitActionEnded(_ visit: any LocalVisit, _ staged: StagedResponse) {
        exchange.staged = nil
        var contentType = "application/json"
        for field in staged.headers where field.known == .contentType { contentType = field.value.string }
        armVisit()
        visit.actionEnded(status: staged.status, contentType: contentType, body: Array(staged.body.buffer))
    }

    /// Tells the visit that its exchange is over.
    func endVisit() {
        guard let visit else { return }
        self.visit = nil
        visit.ended()
    }
}
