// One admitted request on its way through the interface.
//
// Kind: loop-confined. After every hop to another thread look at `isOpen`: the client may have left, and then
// the owner, which belongs to the exchange, must not be asked any more.

final class AdminCall {
    /// A part of the chain, or the host: whose the resource is, asked for this request.
    struct Owned {
        var declaration: ResourceDeclaration
        var owner: any ResourceOwner
        /// Position in the chain; nil for the host's own.
        var entry: Int?
        /// Where its fixed records stand, for people.
        var place: String
    }

    let request: AdminRequest
    let identity: AdminIdentity
    let route: AdminRoute
    /// What stands for `{id}`.
    let id: String
    let parameters: [String: String]
    /// The body, where the route takes one.
    var body = JSONObject()
    /// The exchange has not ended.
    private(set) var isOpen = true
    private let resolve: (String) -> Owned?
    private let answered: (Result<LocalAnswer, ProblemDocument>) -> Void
    private let acting: (PluginAction, Int) -> Void
    /// What becomes of a plugin's answer.
    var actionEnded: (_ status: Int, _ contentType: String, _ body: [UInt8]) -> Void = { _, _, _ in }

    init(
        _ request: AdminRequest, _ identity: AdminIdentity, _ route: AdminRoute, id: String,
        parameters: [String: String], resolve: @escaping (String) -> Owned?,
        act: @escaping (PluginAction, Int) -> Void, answer: @escaping (Result<LocalAnswer, ProblemDocument>) -> Void
    ) {
        self.request = request
        self.identity = identity
        self.route = route
        self.id = id
        self.parameters = parameters
        self.resolve = resolve
        answered = answer
        acting = act
    }

    func owned(_ resource: String) -> Owned? { isOpen ? resolve(resource) : nil }

    func act(_ action: PluginAction, entry: Int) {
        if isOpen { acting(action, entry) }
    }

    func answer(_ answer: LocalAnswer) {
        if isOpen { answered(.success(answer)) }
    }

    func refuse(_ problem: ProblemDocument) {
        if isOpen { answered(.failure(problem)) }
    }

    func close() { isOpen = false }

    /// An entry of the audit trail for what this call does.
    func audit(_ action: String, _ resource: String, _ record: String, fields: [String] = [], now: Int64) -> AuditEntry {
        AuditEntry(
            time: now, actor: identity.actor, source: identity.source, action: action, resource: resource, record: record,
            fields: fields, requestID: request.requestID)
    }
}

extension LocalAnswer {
    static func json(_ status: Int, _ value: JSONValue, headers: [(name: String, value: String)] = []) -> LocalAnswer {
        LocalAnswer(status: status, headers: [("content-type", "application/json")] + headers, body: value.compact)
    }
}
