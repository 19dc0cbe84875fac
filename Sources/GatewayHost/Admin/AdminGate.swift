// The one way in: who is it, and may they?
//
// Every request below /admin comes here first, whether or not anything is at its path, and nothing below is
// reached but with the identity that comes out. What is not admitted is refused; absent, forged, expired and
// foreign credentials with one and the same answer.
//
//   address allowed? ─► open route? ─► credential of a form we give out? ─► known to the store, in time?
//   ─► for a change made with a cookie: CSRF token? ─► role?
//
// The store is asked each time, so that what was revoked anywhere is refused at once everywhere.
//
// Kind: loop-confined.

final class AdminGate {
    typealias Admitted = (Result<AdminIdentity?, ProblemDocument>) -> Void

    private let desk: AdminDesk
    private let loop: EventLoop
    /// Who may come in by the clients' door.
    var allow: [AddressRange]

    init(_ desk: AdminDesk, _ loop: EventLoop, allow: [AddressRange]) {
        self.desk = desk
        self.loop = loop
        self.allow = allow
    }

    private var now: Int64 { Int64(loop.wallNanoseconds / 1_000_000) }

    /// - Parameter match: nil identity comes out of open routes only.
    func admit(_ request: AdminRequest, _ match: AdminRouter.Match, at door: Door, _ done: @escaping Admitted) {
        if case .local(let actor) = door {
            return done(.success(AdminIdentity(actor: actor, role: .admin, source: "local", proof: .local)))
        }
        if door == .clients, !(request.peer.map { allow.contains($0) } ?? false) {
            return done(
                .failure(
                    ProblemDocument(403, "this address may not reach the admin interface; admin.allow in the configuration lists who may")))
        }
        var needed = AdminRole.viewer
        if case .route(let route, _) = match {
            guard let role = route.role else { return done(.success(nil)) }
            needed = role
        }
        identify(request) { identity in
            switch identity {
            case .failure(let problem): done(.failure(problem))
            case .success(let identity): done(AdminGate.judge(identity, request, needed))
            }
        }
    }

    /// Whether somebody who is known may do what is asked.
    static func judge(
        _ identity: AdminIdentity, _ request: AdminRequest, _ needed: AdminRole
    ) -> Result<AdminIdentity?, ProblemDocument> {
        if case .session(_, let expected, _) = identity.proof, !request.isReading,
            !AdminKeys.isEqual(request.csrfToken ?? "", expected)
        {
            return .failure(
                ProblemDocument(
                    403, "a change made with the session's cookie needs its CSRF token in x-csrf-token; GET /admin/v1/session tells it"))
        }
        guard identity.role >= needed else { return .failure(.forbidden(needed, has: identity.role)) }
        return .success(identity)
    }

    private func identify(_ request: AdminRequest, _ done: @escaping (Result<AdminIdentity, ProblemDocument>) -> Void) {
        switch request.credential {
        case .none, .malformed: done(.failure(.unauthenticated))
        case .token(let token): identify(token: token, request, done)
        case .session(let cookie): identify(cookie, request, done)
        }
    }

    private func identify(
        token: String, _ request: AdminRequest, _ done: @escaping (Result<AdminIdentity, ProblemDocument>) -> Void
    ) {
        let hash = desk.keys.hash(ofToken: token)
        let reply = LoopReply<Result<StoredRecord?, StorageFault>>(loop) { [self] result in
            done(
                AdminGate.read(result) { document in
                    guard AdminKeys.isEqual(document["token_hash"]?.string ?? "", hash), document["enabled"]?.bool ?? true,
                        let name = document["name"]?.string, let role = AdminRole(rawValue: document["role"]?.string ?? "")
                    else { return nil }
                    if let expires = document["expires"]?.string {
                        guard let end = AdminTime.milliseconds(expires), now < end else { return nil }
                    }
                    return AdminIdentity(actor: "token:\(name)", role: role, source: request.clientAddress, proof: .token)
                })
        }
        desk.storage.find(
            AdminTokens.name, UniqueValue(field: AdminTokens.hashField, value: hash), { reply.deliver($0) })
    }

    private func identify(
        _ cookie: SessionCookie, _ request: AdminRequest, _ done: @escaping (Result<AdminIdentity, ProblemDocument>) -> Void
    ) {
        let reply = LoopReply<Result<StoredRecord?, StorageFault>>(loop) { [self] result in
            let session = AdminGate.read(result) { AdminSession($0) }
            switch session {
            case .failure(let problem): done(.failure(problem))
            case .success(let session):
                guard AdminKeys.isEqual(session.hash, desk.keys.hash(of: cookie)), now < session.expires else {
                    return done(.failure(.unauthenticated))
                }
                identify(session, cookie, request, done)
            }
        }
        desk.storage.get(AdminSession.collection, cookie.id, { reply.deliver($0) })
    }

    /// A session is as good as its user is now.
    private func identify(
        _ session: AdminSession, _ cookie: SessionCookie, _ request: AdminRequest,
        _ done: @escaping (Result<AdminIdentity, ProblemDocument>) -> Void
    ) {
        let csrfToken = desk.keys.csrfToken(of: cookie)
        let reply = LoopReply<Result<StoredRecord?, StorageFault>>(loop) { result in
            done(
                AdminGate.read(result) { user in
                    guard user["enabled"]?.bool ?? true, session.began >= user["sessions_since"]?.int ?? 0,
                        let name = user["name"]?.string, let role = AdminRole(rawValue: user["role"]?.string ?? "")
                    else { return nil }
                    return AdminIdentity(
                        actor: "user:\(name)", role: role, source: request.clientAddress,
                        proof: .session(id: cookie.id, csrfToken: csrfToken, expires: session.expires))
                })
        }
        desk.storage.get(AdminUsers.name, session.user, { reply.deliver($0) })
    }

    /// A record that is not there, or not what it should be, is no proof.
    private static func read<Value>(
        _ result: Result<StoredRecord?, StorageFault>, _ body: (JSONObject) -> Value?
    ) -> Result<Value, ProblemDocument> {
        switch result {
        case .failure(let fault):
            log.error("the admin interface cannot look up who asks", .field("reason", "\(fault)"))
            return .failure(.unavailable("the gateway's store does not answer now; its log says why"))
        case .success(let record):
            guard let record, let document = try? AdminDesk.document(of: record), let value = body(document) else {
                return .failure(.unauthenticated)
            }
            return .success(value)
        }
    }
}
