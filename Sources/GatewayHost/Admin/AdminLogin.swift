// POST, GET and DELETE /admin/v1/session: logging in, who am I, logging out.
//
// Kind: loop-confined.

final class AdminLogin {
    private let desk: AdminDesk
    private let loop: EventLoop
    var sessionMilliseconds: Int64

    init(_ desk: AdminDesk, _ loop: EventLoop, sessionMilliseconds: Int64) {
        self.desk = desk
        self.loop = loop
        self.sessionMilliseconds = sessionMilliseconds
    }

    private var now: Int64 { Int64(loop.wallNanoseconds / 1_000_000) }

    // MARK: Logging in

    /// The body of a login, as OpenAPI shows it.
    static let schemaDocument: JSONValue = [
        "type": "object", "additionalProperties": false, "required": ["user", "password"],
        "properties": [
            "user": ["type": "string", "minLength": 1, "maxLength": 64],
            "password": ["type": "string", "writeOnly": true, "minLength": 1, "maxLength": .int(Int64(AdminUsers.passwordLimit))],
        ],
    ]
    private static let schema: ConfigSchema = {
        do {
            return try ConfigSchema(String(decoding: schemaDocument.compact, as: UTF8.self))
        } catch {
            preconditionFailure("the schema of a login is wrong: \(error)")
        }
    }()

    /// Nobody is known yet, so this comes with the request alone.
    func logIn(_ request: AdminRequest, _ body: JSONObject, _ done: @escaping (Result<LocalAnswer, ProblemDocument>) -> Void) {
        let (_, faults) = DocumentCheck.check(body, AdminLogin.schema, [["password"]])
        guard faults.isEmpty, let name = body["user"]?.string, let password = body["password"]?.string else {
            return done(.failure(.invalid(faults)))
        }
        let address = LoginThrottle.key(of: request.clientAddress)
        let ruling = desk.throttle.withLock {
            $0.begin(address: address, user: name, now: Int(loop.now.nanoseconds / 1_000_000))
        }
        if case .wait(let milliseconds, let isFirst) = ruling {
            desk.metrics.loginRefused(isThrottled: true)
            if isFirst { audit(nil, request, outcome: "throttled") }
            var problem = ProblemDocument(429, "too many logins have failed from here or for this user; wait, then try again")
            problem.retryAfterSeconds = (milliseconds + 999) / 1000
            return done(.failure(problem))
        }
        let reply = LoopReply<Result<StoredRecord?, StorageFault>>(loop) { [self] result in
            switch result {
            case .failure(let fault): done(.failure(ProblemDocument(fault)))
            case .success(let record): verify(record, password, name, address, request, done)
            }
        }
        desk.storage.find(AdminUsers.name, UniqueValue(field: "/name", value: name), { reply.deliver($0) })
    }

    /// An unknown user takes as long as a known one with another password.
    private func verify(
        _ record: StoredRecord?, _ password: String, _ name: String, _ address: String, _ request: AdminRequest,
        _ done: @escaping (Result<LocalAnswer, ProblemDocument>) -> Void
    ) {
        var user: JSONObject?
        do {
            user = try record.map { record throws(ProblemDocument) in try desk.opened(record, AdminUsers.declaration) }
        } catch {
            return done(.failure(error))
        }
        let isUsable = user?["password"] != nil && (user?["enabled"]?.bool ?? true)
        let stored = user?["password"]?.string ?? AdminLogin.nobodysPassword
        let reply = LoopReply<Bool>(loop) { [self] isRight in
            guard isRight, isUsable, let record, let user else { return refuse(record == nil ? nil : name, request, done) }
            desk.throttle.withLock { $0.succeeded(address: address, user: name) }
            open(record.id, user, request, done)
        }
        let isTaken = desk.passwords.submit { reply.deliver(Scrypt.verify(Secret(password), against: stored)) }
        if !isTaken { done(.failure(.unavailable("too many passwords are being looked at; try again in a moment"))) }
    }

    private static let nobodysPassword = Scrypt.textOfNobody()

    private func refuse(
        _ name: String?, _ request: AdminRequest, _ done: (Result<LocalAnswer, ProblemDocument>) -> Void
    ) {
        desk.metrics.loginRefused(isThrottled: false)
        audit(name, request, outcome: "refused")
        done(.failure(ProblemDocument(401, "the user or the password is wrong, or the user may not log in")))
    }

    /// - Parameter name: nil for a user that there is not: people type passwords into the wrong field.
    private func audit(_ name: String?, _ request: AdminRequest, outcome: String) {
        desk.storage.record(
            AuditEntry(
                time: now, actor: "user:\(name ?? "?")", source: request.clientAddress, action: "login-refused",
                outcome: outcome, requestID: request.requestID))
    }

    private func open(
        _ user: String, _ document: JSONObject, _ request: AdminRequest,
        _ done: @escaping (Result<LocalAnswer, ProblemDocument>) -> Void
    ) {
        let cookie = SessionCookie(
            id: RecordIdentifier.make(prefix: SessionCookie.idPrefix), secret: RandomBytes.hexadecimal(SessionCookie.secretBytes))
        let session = AdminSession(
            user: user, hash: desk.keys.hash(of: cookie), began: now, expires: now + sessionMilliseconds)
        let name = document["name"]?.string ?? ""
        var change = RecordChange(collection: AdminSession.collection, id: cookie.id, document: session.document)
        change.expected = .absent
        change.label = name
        change.audit = AuditEntry(
            time: now, actor: "user:\(name)", source: request.clientAddress, action: "login", requestID: request.requestID)
        let reply = LoopReply<Result<[StoredRecord], StorageFault>>(loop) { [self] result in
            if case .failure(let fault) = result { return done(.failure(ProblemDocument(fault))) }
            let identity = AdminIdentity(
                actor: "user:\(name)", role: AdminRole(rawValue: document["role"]?.string ?? "") ?? .viewer,
                source: request.clientAddress,
                proof: .session(id: cookie.id, csrfToken: desk.keys.csrfToken(of: cookie), expires: session.expires))
            var answer = LocalAnswer.json(201, AdminLogin.document(of: identity))
            answer.headers.append(
                ("set-cookie", cookie.header(maximumAge: Int(sessionMilliseconds / 1000), isSecure: request.isSecure)))
            done(.success(answer))
            forgetExpired()
        }
        desk.storage.apply([change], { reply.deliver($0) })
    }

    /// The oldest sessions stand first: those of them that are over are removed with each login.
    private func forgetExpired() {
        var query = RecordQuery(collection: AdminSession.collection)
        query.limit = 100
        let now = now
        desk.storage.list(query) { [storage = desk.storage] result in
            guard case .success(let page) = result else { return }
            let over = page.records.filter { record in
                guard let document = try? AdminDesk.document(of: record), let session = AdminSession(document) else { return true }
                return session.expires <= now
            }
            guard !over.isEmpty else { return }
            let changes = over.map { RecordChange(collection: AdminSession.collection, id: $0.id, document: nil) }
            storage.apply(changes) { result in
                if case .failure(let fault) = result {
                    log.warning("sessions that are over could not be removed", .field("reason", "\(fault)"))
                }
            }
        }
    }

    // MARK: Who am I, logging out

    /// What GET tells, and POST beside the cookie.
    static func document(of identity: AdminIdentity) -> JSONValue {
        var object: JSONObject = ["actor": .string(identity.actor), "role": .string(identity.role.rawValue)]
        if case .session(_, let csrfToken, let expires) = identity.proof {
            object["csrf_token"] = .string(csrfToken)
            object["expires"] = .string(AdminTime.text(expires))
        }
        return .object(object)
    }

    func show(_ call: AdminCall) { call.answer(.json(200, AdminLogin.document(of: call.identity))) }

    func logOut(_ call: AdminCall) {
        guard case .session(let id, _, _) = call.identity.proof else {
            return call.refuse(ProblemDocument(409, "there is no session to end: this request came with a token"))
        }
        var change = RecordChange(collection: AdminSession.collection, id: id, document: nil)
        change.audit = call.audit("logout", "", "", now: now)
        let reply = LoopReply<Result<[StoredRecord], StorageFault>>(loop) { result in
            if case .failure(let fault) = result { return call.refuse(ProblemDocument(fault)) }
            call.answer(
                LocalAnswer(status: 204, headers: [("set-cookie", SessionCookie.removal(isSecure: call.request.isSecure))]))
        }
        desk.storage.apply([change], { reply.deliver($0) })
    }
}
