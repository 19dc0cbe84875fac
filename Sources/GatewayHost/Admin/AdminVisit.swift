// One exchange at the admin interface: gate, body, route, answer.
//
//   begin ─► gate ─► (body) ─► login, duty or service ─► answer ─► ended
//
// The runner is known until `ended`; whatever arrives later finds nobody and does nothing.
//
// Kind: loop-confined.

final class AdminVisit: LocalVisit {
    private let station: AdminStation
    private let door: Door
    private let request: AdminRequest
    private let router: AdminRouter
    private let match: AdminRouter.Match
    private var runner: ExchangeRunner?
    private var call: AdminCall?
    /// What happens when the body is here.
    private var withBody: ((Bytes) -> Void)?
    private var isActing = false
    private var isAnswered = false

    init(_ station: AdminStation, _ runner: ExchangeRunner, _ door: Door) {
        self.station = station
        self.runner = runner
        self.door = door
        request = AdminRequest(
            runner.exchange, method: runner.method, peer: runner.client.addressText,
            isSecure: runner.worker.isSecure(runner.exchange, runner.client))
        router = station.router(of: runner.chain)
        match = router.match(AdminRoute.Method(request.method), request.path)
    }

    func begin() {
        station.gate.admit(request, match, at: door) { [weak self] admission in
            guard let self, runner != nil else { return }
            switch admission {
            case .failure(let problem): answer(problem)
            case .success(let identity): admitted(identity)
            }
        }
    }

    private func admitted(_ identity: AdminIdentity?) {
        let (route, id): (AdminRoute, String)
        switch match {
        case .route(let found, let name): (route, id) = (found, name)
        case .otherMethods(let methods):
            var problem = ProblemDocument(405, "this path has the methods \(methods.joined(separator: ", "))")
            problem.allow = methods
            return answer(problem)
        case .nothing: return answer(ProblemDocument(404, "there is nothing at this path; GET /admin/openapi.json lists what there is"))
        }
        let parameters: [String: String]
        do {
            parameters = try request.parameters(of: route)
        } catch {
            return answer(error)
        }
        guard let identity else {
            if route.operation == .openAPI { return answerOpenAPI() }
            return receive(route, mayBeEmpty: false) { [self] body in
                station.login.logIn(request, body) { [weak self] in self?.answer($0) }
            }
        }
        let call = AdminCall(
            request, identity, route, id: id, parameters: parameters,
            resolve: { [weak self] name in self?.runner.flatMap { self?.station.owned(name, $0) } },
            act: { [weak self] in self?.act($0, entry: $1) }, answer: { [weak self] in self?.answer($0) })
        self.call = call
        guard route.takesBody else { return perform(call) }
        var mayBeEmpty = false
        if case .act = route.operation { mayBeEmpty = true }
        receive(route, mayBeEmpty: mayBeEmpty) { [self] body in
            call.body = body
            perform(call)
        }
    }

    private func receive(_ route: AdminRoute, mayBeEmpty: Bool, _ then: @escaping (JSONObject) -> Void) {
        withBody = { [self] bytes in
            do throws(ProblemDocument) {
                then(try request.object(in: bytes, mayBeEmpty: mayBeEmpty))
            } catch {
                answer(error)
            }
        }
        runner?.receiveVisitBody(limit: AdminRequest.bodyLimit)
    }

    private func perform(_ call: AdminCall) {
        switch call.route.operation {
        case .openAPI: answerOpenAPI()
        case .login: answer(ProblemDocument.unauthenticated)
        case .session: station.login.show(call)
        case .logout: station.login.logOut(call)
        case .status: station.duties.status(call)
        case .reload: station.duties.reload(call)
        case .audit: station.duties.audit(call)
        case .usage, .usageRows: station.duties.usage(call)
        case .list, .create, .get, .update, .delete, .act: station.service.perform(call)
        }
    }

    private func answerOpenAPI() { answer(.success(.json(200, OpenAPIDocument.make(router)))) }

    private func act(_ action: PluginAction, entry: Int) {
        isActing = true
        runner?.act(action, entry: entry)
    }

    // MARK: The answer

    private func answer(_ result: Result<LocalAnswer, ProblemDocument>) {
        switch result {
        case .success(let answer): send(answer)
        case .failure(let problem): answer(problem)
        }
    }

    private func answer(_ problem: ProblemDocument) { send(problem.answer(requestID: request.requestID)) }

    /// Nothing that the interface says may be kept, guessed at or framed by a browser.
    private static let headers: [(name: String, value: String)] = [
        ("cache-control", "no-store"), ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"), ("referrer-policy", "no-referrer"),
    ]

    private func send(_ answer: LocalAnswer) {
        guard let runner, !isAnswered else { return }
        isAnswered = true
        withBody = nil
        station.desk.metrics.answered(answer.status)
        var answer = answer
        answer.headers += AdminVisit.headers
        runner.answer(answer)
    }

    // MARK: What the runner tells

    func bodyArrived(_ body: Bytes) {
        let then = withBody
        withBody = nil
        then?(body)
    }

    func failed(_ error: GatewayError) {
        isAnswered = false
        guard isActing else { return answer(ProblemDocument(error)) }
        isActing = false
        let problem = JSONValue.object(["detail": .string(error.message)])
        call?.actionEnded(error.status, ProblemDocument.mediaType, problem.compact)
    }

    func actionEnded(status: Int, contentType: String, body: [UInt8]) {
        isActing = false
        call?.actionEnded(status, contentType, body)
    }

    func ended() {
        runner = nil
        withBody = nil
        if isActing { call?.actionEnded(0, "", []) }
        call?.close()
        call = nil
    }
}
