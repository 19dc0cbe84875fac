// The one list of what there is below /admin, and which of it a request means.
//
//   /admin/openapi.json                  /admin/v1/<resource>                     GET POST
//   /admin/v1/session   GET POST DELETE  /admin/v1/<resource>:<action>            POST
//   /admin/v1/status    GET              /admin/v1/<resource>/<id>                GET PATCH DELETE
//   /admin/v1/reload    POST             /admin/v1/<resource>/<id>:<action>       POST
//   /admin/v1/audit     GET              /admin/v1/usage       GET
//                                        /admin/v1/usage/rows  GET
//
// Paths are compared as they came, byte by byte; only what stands for an id is decoded. So nothing that
// is not spelt `/admin` reaches anything here, and nothing here is reached by another spelling.
//
// Kind: value; made once for each chain.

struct AdminRouter: Sendable {
    enum Match: Sendable {
        case route(AdminRoute, id: String)
        /// The path is there, with these methods.
        case otherMethods([String])
        case nothing
    }

    let routes: [AdminRoute]
    let resources: [ResourceDeclaration]
    private let hosts: Set<String>

    static let root = "/admin"
    private static let base = "/admin/v1/"

    /// - Parameter hosts: names of the resources that are the host's own; only admins see them.
    /// - Parameter openAPIIsOpen: everybody who reaches the port may read the description.
    init(resources: [ResourceDeclaration], hosts: Set<String>, openAPIIsOpen: Bool) {
        self.resources = resources
        self.hosts = hosts
        var routes = [
            AdminRoute(method: .get, path: "/admin/openapi.json", operation: .openAPI, role: openAPIIsOpen ? nil : .viewer),
            AdminRoute(method: .post, path: "/admin/v1/session", operation: .login),
            AdminRoute(method: .get, path: "/admin/v1/session", operation: .session, role: .viewer),
            AdminRoute(method: .delete, path: "/admin/v1/session", operation: .logout, role: .viewer),
            AdminRoute(method: .get, path: "/admin/v1/status", operation: .status, role: .viewer),
            AdminRoute(method: .post, path: "/admin/v1/reload", operation: .reload, role: .admin),
            AdminRoute(method: .get, path: "/admin/v1/audit", operation: .audit, role: .admin),
            AdminRoute(method: .get, path: "/admin/v1/usage", operation: .usage, role: .viewer),
            AdminRoute(method: .get, path: "/admin/v1/usage/rows", operation: .usageRows, role: .viewer),
        ]
        for resource in resources {
            let sees: AdminRole = hosts.contains(resource.name) ? .admin : .viewer
            let changes: AdminRole = hosts.contains(resource.name) ? .admin : .operator
            let all = AdminRouter.base + resource.name
            let one = "\(all)/{id}"
            func add(_ method: AdminRoute.Method, _ path: String, _ operation: AdminRoute.Operation, _ role: AdminRole) {
                routes.append(
                    AdminRoute(method: method, path: path, operation: operation, resource: resource.name, role: role))
            }
            add(.get, all, .list, sees)
            add(.post, all, .create, changes)
            add(.get, one, .get, sees)
            add(.patch, one, .update, changes)
            add(.delete, one, .delete, changes)
            for action in resource.actions {
                add(.post, "\(action.isOnRecord ? one : all):\(action.name)", .act(action.name), max(action.role, sees))
            }
        }
        self.routes = routes
    }

    /// The path is below /admin, whether or not there is anything at it.
    static func isBelowRoot(_ path: Bytes) -> Bool {
        path.hasPrefix(Bytes("/admin")) && (path.count == 6 || path[6] == 0x2f)
    }

    func resource(_ name: String?) -> ResourceDeclaration? { resources.first { $0.name == name } }

    /// - Parameter method: nil: one that no route has.
    func match(_ method: AdminRoute.Method?, _ path: String) -> Match {
        let (template, id) = pattern(of: path)
        let here = routes.filter { $0.path == template }
        if here.isEmpty { return .nothing }
        if let route = here.first(where: { $0.method == method }) { return .route(route, id: id) }
        let methods = here.map(\.method.rawValue)
        return .otherMethods(methods.contains("GET") ? ["HEAD"] + methods : methods)
    }

    /// The path as a route spells it, and what stands for `{id}`.
    private func pattern(of path: String) -> (template: String, id: String) {
        guard path.hasPrefix(AdminRouter.base) else { return (path, "") }
        let rest = path.dropFirst(AdminRouter.base.count)
        guard let slash = rest.firstIndex(of: "/"), let resource = resource(String(rest[..<slash])) else { return (path, "") }
        let segment = rest[rest.index(after: slash)...]
        guard !segment.isEmpty, !segment.contains("/"), let id = PercentEncoding.decode(segment) else { return (path, "") }
        let one = "\(AdminRouter.base)\(resource.name)/{id}"
        // Ids may have colons of their own (`config:main`), so only an action that there is ends one.
        for action in resource.actions where action.isOnRecord && id.hasSuffix(":\(action.name)") {
            let id = String(id.dropLast(action.name.count + 1))
            if !id.isEmpty { return ("\(one):\(action.name)", id) }
        }
        return (one, id)
    }
}

/// `%41` for A (RFC 3986 section 2.1).
enum PercentEncoding {
    /// nil: a percent sign without two digits, or bytes that are not UTF-8.
    static func decode(_ text: some StringProtocol, plusIsBlank: Bool = false) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case 0x25:
                guard let high = rest.popFirst().flatMap(JSONString.hexadecimalDigit),
                    let low = rest.popFirst().flatMap(JSONString.hexadecimalDigit)
                else { return nil }
                bytes.append(high << 4 | low)
            case 0x2b where plusIsBlank: bytes.append(0x20)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// Everything but letters, digits and `-._~:` as its bytes.
    static func encode(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e, 0x3a: encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default: encoded += "%\(Hexadecimal.pair(byte))"
            }
        }
        return encoded
    }
}

extension Hexadecimal {
    static func pair(_ byte: UInt8) -> String {
        let digits = Array("0123456789ABCDEF")
        return "\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
    }
}
