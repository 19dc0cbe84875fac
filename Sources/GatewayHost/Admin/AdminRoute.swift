// One thing that the admin interface does: where, who may, and what may come of it.
//
// Routes are values that AdminRouter makes once for each chain. Finding a request's route, asking for its
// role, and describing it in OpenAPI all use the same ones, so that none of the three can forget one.
//
// Kind: value.

struct AdminRoute: Sendable {
    enum Operation: Sendable, Equatable {
        case login, session, logout
        case openAPI, status, reload, audit, usage, usageRows
        case list, create, get, update, delete
        /// The action's name.
        case act(String)
    }

    enum Method: String, Sendable, CaseIterable {
        case get = "GET"
        case post = "POST"
        case patch = "PATCH"
        case delete = "DELETE"

        /// HEAD is GET without the body.
        init?(_ method: HTTPMethod) {
            switch method {
            case .get, .head: self = .get
            case .post: self = .post
            case .patch: self = .patch
            case .delete: self = .delete
            case .other, .put, .options, .connect, .trace: return nil
            }
        }
    }

    var method: Method
    /// `/admin/v1/keys/{id}:rotate`.
    var path: String
    var operation: Operation
    /// nil for what belongs to no resource.
    var resource: String?
    /// The least role; nil: everybody who may reach the port.
    var role: AdminRole?

    /// The request has a body that means something.
    var takesBody: Bool {
        switch operation {
        case .login, .create, .update, .act: true
        case .session, .logout, .openAPI, .status, .reload, .audit, .usage, .usageRows, .list, .get, .delete: false
        }
    }

    /// `If-Match` says which revision is meant.
    var isConditional: Bool {
        switch operation {
        case .update, .delete: true
        default: false
        }
    }

    /// Names of query parameters; others are refused.
    var queryNames: [String] {
        switch operation {
        case .list: ["limit", "cursor", "search"]
        case .audit: ["limit", "cursor", "actor", "resource", "record", "since"]
        case .usage: ["by", "since", "until", "node"]
        case .usageRows: ["limit", "cursor", "since", "until", "id"]
        default: []
        }
    }

    /// The status when all went well.
    var success: [Int] {
        switch operation {
        case .login, .create: [201]
        case .logout, .delete: [204]
        case .reload: [200]
        case .get: [200, 304]
        case .session, .openAPI, .status, .audit, .usage, .usageRows, .list, .update: [200]
        case .act: [200]
        }
    }

    /// Every other status of this route's own; those that any request may get are AdminRoute.anywhere.
    var failures: [Int] {
        var statuses: [Int] = []
        if takesBody { statuses += [413, 415, 422] }
        switch operation {
        case .login: statuses += [401, 429]
        case .get: statuses += [404]
        case .update: statuses += [404, 409, 412]
        case .delete: statuses += [404, 409, 412]
        case .create: statuses += [409]
        case .act: statuses += [404, 409, 429, 502, 504]
        case .reload: statuses += [409]
        case .logout: statuses += [409]
        case .session, .openAPI, .status, .audit, .usage, .usageRows, .list: break
        }
        if role != nil { statuses += [401] }
        return statuses
    }

    /// What any request may be refused with, whoever sends it: malformed or slow heads and bodies, an address that
    /// may not come in, too much under way, a store that does not answer.
    static let anywhere = [400, 403, 408, 414, 417, 431, 500, 501, 503, 504, 505, 529]
}
