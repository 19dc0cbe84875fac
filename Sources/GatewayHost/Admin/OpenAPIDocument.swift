// What the admin interface can do, as OpenAPI 3.1: made from the routes that serve it and the declarations that
// they come from, so that neither can say what the other does not.
//
// Kind: value. Pure.

struct OpenAPIDocument {
    private let router: AdminRouter
    private let problems = AdminRoute.anywhere + [401, 404, 409, 412, 413, 415, 422, 429, 502]

    static func make(_ router: AdminRouter) -> JSONValue { OpenAPIDocument(router: router).document }

    private init(router: AdminRouter) { self.router = router }

    private var document: JSONValue {
        var paths = JSONObject()
        for route in router.routes {
            var path = paths[route.path]?.object ?? JSONObject()
            path[route.method.rawValue.lowercased()] = operation(route)
            paths[route.path] = .object(path)
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Gateway administration", "version": .string(HostTable.version),
                "description": "Keys, accounts and whatever else the plugins of this gateway declare, its users and tokens, and its state.",
            ],
            "paths": .object(paths),
            "components": [
                "schemas": .object(schemas), "responses": .object(responses),
                "securitySchemes": [
                    "token": ["type": "http", "scheme": "bearer", "description": "An admin token: gwa_ and 64 hexadecimal digits."],
                    "session": ["type": "apiKey", "in": "cookie", "name": .string(SessionCookie.name)],
                    "csrf": [
                        "type": "apiKey", "in": "header", "name": "x-csrf-token",
                        "description": "Needed beside the session for everything but GET and HEAD; POST and GET /admin/v1/session tell it.",
                    ],
                ],
            ],
        ]
    }

    // MARK: Operations

    private func operation(_ route: AdminRoute) -> JSONValue {
        var operation: JSONObject = [
            "operationId": .string(identifier(route)), "summary": .string(summary(route)),
            "tags": [.string(route.resource ?? "gateway")],
        ]
        if let action = action(route), !action.description.isEmpty { operation["description"] = .string(action.description) }
        if let role = route.role {
            operation["x-role"] = .string(role.rawValue)
            let session: JSONValue = route.method == .get ? ["session": []] : ["session": [], "csrf": []]
            operation["security"] = [["token": []], session]
        } else {
            operation["security"] = []
        }
        let parameters = parameters(route)
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if let schema = bodySchema(route) {
            var content: JSONObject = ["application/json": ["schema": schema]]
            if route.operation == .update { content["application/merge-patch+json"] = ["schema": schema] }
            var isRequired = true
            if case .act = route.operation { isRequired = !(action(route)?.inputDocument["required"]?.array ?? []).isEmpty }
            operation["requestBody"] = ["required": .bool(isRequired), "content": .object(content)]
        }
        var answers = JSONObject()
        for status in route.success { answers["\(status)"] = success(route, status) }
        for status in Set(route.failures + AdminRoute.anywhere).sorted() {
            answers["\(status)"] = ["$ref": .string("#/components/responses/problem\(status)")]
        }
        operation["responses"] = .object(answers)
        return .object(operation)
    }

    private func action(_ route: AdminRoute) -> ResourceActionDeclaration? {
        guard case .act(let name) = route.operation else { return nil }
        return router.resource(route.resource)?.actions.first { $0.name == name }
    }

    private func identifier(_ route: AdminRoute) -> String {
        let name =
            switch route.operation {
            case .login: "session.create"
            case .session: "session.get"
            case .logout: "session.delete"
            case .openAPI: "openapi.get"
            case .status: "status.get"
            case .reload: "reload"
            case .audit: "audit.list"
            case .usage: "usage.get"
            case .usageRows: "usage.rows"
            case .list: "list"
            case .create: "create"
            case .get: "get"
            case .update: "update"
            case .delete: "delete"
            case .act(let name): name
            }
        return route.resource.map { "\($0).\(name)" } ?? name
    }

    private func summary(_ route: AdminRoute) -> String {
        let resource = router.resource(route.resource)
        let one = resource?.singular ?? ""
        return switch route.operation {
        case .login: "Log in with user and password"
        case .session: "Who the credential is, and the session's CSRF token"
        case .logout: "Log out"
        case .openAPI: "This document"
        case .status: "The chain that serves, its plugins and their failures"
        case .reload: "Apply the configuration file again"
        case .audit: "Who did what, newest first"
        case .usage: "What was used and what it cost, of all gateways that share a Redis"
        case .usageRows: "The requests that this gateway answered, oldest first"
        case .list: "List \(resource?.title.lowercased() ?? "")"
        case .create: "Create a \(one)"
        case .get: "One \(one)"
        case .update: "Change a \(one): a JSON merge patch (RFC 7396); a secret that is not named stays"
        case .delete: "Delete a \(one)"
        case .act: action(route)?.title ?? ""
        }
    }

    private func parameters(_ route: AdminRoute) -> [JSONValue] {
        var parameters: [JSONValue] = []
        if route.path.contains("{id}") {
            parameters.append(
                ["name": "id", "in": "path", "required": true, "schema": ["type": "string", "minLength": 1, "maxLength": 100]])
        }
        for name in route.queryNames {
            let (schema, description): (JSONValue, String) =
                switch name {
                case "limit":
                    (
                        ["type": "integer", "minimum": 1, "maximum": .int(Int64(RecordQuery.pageLimit)), "default": 100],
                        "How many at most."
                    )
                case "cursor": (["type": "string", "maxLength": 120], "next_cursor of the page before.")
                case "search": (["type": "string", "maxLength": 200], "Only those whose label contains this, in capital letters or not.")
                case "since" where route.operation == .audit:
                    (["type": "string", "format": "date-time"], "Only what happened from then on.")
                case "since": (["type": "string", "maxLength": 40], "From this day on: 2026-11-01, or 30d; for rows also a moment in UTC.")
                case "until": (["type": "string", "maxLength": 40], "Up to this day, itself included; for rows also up to a moment.")
                case "by":
                    (
                        ["type": "string", "maxLength": 60],
                        "Any of \(UsageDimension.allCases.map(\.rawValue).joined(separator: ",")), with commas; without it one sum of all."
                    )
                case "node": (["type": "string", "maxLength": 200], "Only this one: its name or id, this, or all.")
                case "id": (["type": "string", "maxLength": 40], "The row of this request, as x-gateway-request-id names it.")
                default: (["type": "string", "maxLength": 200], "Only entries of this \(name).")
                }
            parameters.append(["name": .string(name), "in": "query", "schema": schema, "description": .string(description)])
        }
        if route.isConditional {
            parameters.append([
                "name": "If-Match", "in": "header", "schema": ["type": "string"],
                "description": "The entity tag of the revision that is meant; 412 when it is another by now.",
            ])
        }
        if route.operation == .get {
            parameters.append([
                "name": "If-None-Match", "in": "header", "schema": ["type": "string"],
                "description": "An entity tag that is known already; 304 when it still holds.",
            ])
        }
        return parameters
    }

    private func bodySchema(_ route: AdminRoute) -> JSONValue? {
        let name = router.resource(route.resource)?.singular ?? ""
        switch route.operation {
        case .login: return AdminLogin.schemaDocument
        case .create: return ["$ref": .string("#/components/schemas/\(name).create")]
        case .update: return ["$ref": .string("#/components/schemas/\(name).update")]
        case .act: return action(route)?.inputDocument
        case .session, .logout, .openAPI, .status, .reload, .audit, .usage, .usageRows, .list, .get, .delete: return nil
        }
    }

    // MARK: Answers

    private func success(_ route: AdminRoute, _ status: Int) -> JSONValue {
        let one = JSONValue.string("#/components/schemas/\(router.resource(route.resource)?.singular ?? "")")
        let tag: JSONValue = ["etag": ["schema": ["type": "string"]]]
        func json(_ description: String, _ schema: JSONValue, headers: JSONValue? = nil) -> JSONValue {
            var answer: JSONObject = [
                "description": .string(description), "content": ["application/json": ["schema": schema]],
            ]
            answer["headers"] = headers
            return .object(answer)
        }
        switch (route.operation, status) {
        case (_, 204): return ["description": "Done."]
        case (_, 304): return ["description": "What is known still holds."]
        case (.login, _), (.session, _): return json("Who is logged in.", ["$ref": "#/components/schemas/session"])
        case (.list, _): return json("A page.", OpenAPIDocument.page(of: ["$ref": one]))
        case (.audit, _): return json("A page.", OpenAPIDocument.page(of: ["$ref": "#/components/schemas/audit-entry"]))
        case (.usage, _): return json("Sums, in the order of `by`.", ["$ref": "#/components/schemas/usage"])
        case (.usageRows, _): return json("A page.", OpenAPIDocument.page(of: ["$ref": "#/components/schemas/usage-row"]))
        case (.create, _):
            return json(
                "Created. What stands in `revealed` is told this once.", ["$ref": one],
                headers: ["etag": ["schema": ["type": "string"]], "location": ["schema": ["type": "string"]]])
        case (.get, _), (.update, _): return json("The record, without its secrets.", ["$ref": one], headers: tag)
        case (.act, _):
            return [
                "description": "What the plugin that performs it answered.",
                "content": ["application/json": ["schema": .object(JSONObject())]],
            ]
        default: return json("Done.", ["type": "object"])
        }
    }

    private static func page(of element: JSONValue) -> JSONValue {
        [
            "type": "object", "required": ["data", "next_cursor"],
            "properties": [
                "data": ["type": "array", "items": element],
                "next_cursor": ["type": ["string", "null"], "description": "For the next page; null: this was the last."],
            ],
        ]
    }

    private var responses: JSONObject {
        var responses = JSONObject()
        let problem: JSONValue = ["schema": ["$ref": "#/components/schemas/problem"]]
        for status in Set(problems).sorted() {
            var content: JSONObject = ["application/problem+json": problem]
            // What is refused before it is known where it leads has the shape of the API's errors.
            if AdminRoute.anywhere.contains(status) || status == 413 { content["application/json"] = ["schema": ["type": "object"]] }
            responses["problem\(status)"] = [
                "description": .string(String(describing: StatusLine.reason(UInt16(status)))), "content": .object(content),
            ]
        }
        return responses
    }

    // MARK: Schemas

    private var schemas: JSONObject {
        var schemas = OpenAPISchemas.fixed
        for resource in router.resources {
            schemas[resource.singular] = OpenAPISchemas.record(resource)
            schemas["\(resource.singular).create"] = OpenAPISchemas.create(resource.schemaDocument)
            schemas["\(resource.singular).update"] = OpenAPISchemas.patch(resource.schemaDocument)
        }
        return schemas
    }
}
