import Testing

@testable import GatewayHost

@Suite struct AdminRouterTests {
    private let router: AdminRouter
    private static let declaration = """
        {"resources": [{
          "name": "things", "singular": "thing", "title": "Things", "id_prefix": "thi", "label": "/name", "description": "Things.",
          "schema": {"type": "object", "additionalProperties": false, "required": ["name"], "properties": {
            "name": {"type": "string"}, "secret": {"type": "string", "writeOnly": true},
            "hint": {"type": "string", "readOnly": true}}},
          "actions": [{"name": "test", "title": "Test"}, {"name": "sweep", "title": "Sweep", "on": "resource", "role": "admin"},
            {"name": "peek", "title": "Peek", "role": "viewer"}]
        }]}
        """

    init() throws {
        router = AdminRouter(
            resources: try ResourceDeclaration.read(Self.declaration) + AdminDesk.declarations, hosts: ["users", "tokens"],
            openAPIIsOpen: false)
    }

    private func found(_ method: AdminRoute.Method?, _ path: String) -> String {
        switch router.match(method, path) {
        case .route(let route, let id): "\(route.method.rawValue) \(route.path)\(id.isEmpty ? "" : " \(id)")"
        case .otherMethods(let methods): "405 \(methods.joined(separator: " "))"
        case .nothing: "404"
        }
    }

    @Test func pathsLeadToTheirRoutes() {
        #expect(found(.get, "/admin/v1/things") == "GET /admin/v1/things")
        #expect(found(.post, "/admin/v1/things") == "POST /admin/v1/things")
        #expect(found(.get, "/admin/v1/things/thi_1") == "GET /admin/v1/things/{id} thi_1")
        #expect(found(.patch, "/admin/v1/things/config%3Aa") == "PATCH /admin/v1/things/{id} config:a")
        #expect(found(.get, "/admin/v1/things/config:a") == "GET /admin/v1/things/{id} config:a")
        #expect(found(.post, "/admin/v1/things/thi_1:test") == "POST /admin/v1/things/{id}:test thi_1")
        #expect(found(.post, "/admin/v1/things/config:a:test") == "POST /admin/v1/things/{id}:test config:a")
        #expect(found(.post, "/admin/v1/things:sweep") == "POST /admin/v1/things:sweep")
        #expect(found(.get, "/admin/openapi.json") == "GET /admin/openapi.json")
        #expect(found(.post, "/admin/v1/session") == "POST /admin/v1/session")
    }

    @Test func otherMethodsAreToldApartFromNothing() {
        #expect(found(.patch, "/admin/v1/things") == "405 HEAD GET POST")
        #expect(found(nil, "/admin/v1/things/x") == "405 HEAD GET PATCH DELETE")
        #expect(found(.post, "/admin/v1/things/x") == "405 HEAD GET PATCH DELETE")
        #expect(found(.post, "/admin/v1/things/x:none") == "405 HEAD GET PATCH DELETE")
        #expect(found(.get, "/admin/v1/things/x:test") == "405 POST")
    }

    @Test(arguments: [
        "/admin", "/admin/", "/admin/v1", "/admin/v1/", "/admin/v1/nothing", "/admin/v1/things/", "/admin/v1/things/a/b",
        "/admin/v1/things/%zz", "/admin/v1/things/%ff", "/admin/v1/THINGS", "/admin/v1//things", "/admin/v2/things",
        "/admin/v1/things:none", "/admin/v1/{id}", "/admin/openapi.json/", "/admin/v1/sessions",
    ])
    func nothingElseIsThere(path: String) { #expect(found(.get, path) == "404") }

    @Test func onlyWhatIsSpeltAdminIsBelowIt() {
        for path: StaticString in ["/admin", "/admin/", "/admin/v1/x"] { #expect(AdminRouter.isBelowRoot(Bytes(path))) }
        for path: StaticString in ["/administration", "/Admin/v1", "//admin", "/%61dmin", "/", "/v1/messages"] {
            #expect(!AdminRouter.isBelowRoot(Bytes(path)))
        }
    }

    @Test func everyRouteButTheLoginAsksForARole() {
        let open = router.routes.filter { $0.role == nil }
        #expect(open.map(\.path) == ["/admin/v1/session"] && open.map(\.method) == [.post])
        let described = AdminRouter(resources: [], hosts: [], openAPIIsOpen: true).routes.filter { $0.role == nil }
        #expect(Set(described.map(\.path)) == ["/admin/v1/session", "/admin/openapi.json"])
    }

    @Test func rolesAreThoseOfTheThingAndTheDeed() {
        func role(_ method: AdminRoute.Method, _ path: String) -> AdminRole? {
            router.routes.first { $0.method == method && $0.path == path }?.role
        }
        #expect(role(.get, "/admin/v1/things") == .viewer)
        #expect(role(.post, "/admin/v1/things") == .operator)
        #expect(role(.delete, "/admin/v1/things/{id}") == .operator)
        #expect(role(.post, "/admin/v1/things/{id}:test") == .operator)
        #expect(role(.post, "/admin/v1/things/{id}:peek") == .viewer)
        #expect(role(.post, "/admin/v1/things:sweep") == .admin)
        for host in ["users", "tokens"] {
            for route in router.routes where route.resource == host { #expect(route.role == .admin) }
        }
    }

    @Test func everyRouteIsDescribedWithItsStatuses() throws {
        let document = OpenAPIDocument.make(router)
        for route in router.routes {
            let operation = try #require(document["paths"]?[route.path]?[route.method.rawValue.lowercased()])
            let statuses = Set(operation["responses"]?.object?.names ?? [])
            for status in route.success + route.failures + AdminRoute.anywhere { #expect(statuses.contains("\(status)")) }
            #expect((operation["security"]?.array?.isEmpty ?? true) == (route.role == nil))
        }
        let count = document["paths"]?.object?.reduce(0) { $0 + ($1.value.object?.count ?? 0) }
        #expect(count == router.routes.count)
        for response in document["paths"]?.object?.compactMap(\.value.object).flatMap({ $0.map(\.value) }) ?? [] {
            for (_, value) in response["responses"]?.object ?? JSONObject() {
                guard let reference = value["$ref"]?.string else { continue }
                #expect(document.value(at: String(reference.dropFirst())) != nil)
            }
        }
    }

    @Test func secretsAreSentAndNeverShown() throws {
        let schemas = try #require(OpenAPIDocument.make(router)["components"]?["schemas"])
        #expect(schemas["thing"]?["properties"]?["secret"] == nil)
        #expect(schemas["thing"]?["properties"]?["hint"] != nil)
        #expect(schemas["thing.create"]?["properties"]?["secret"] != nil)
        #expect(schemas["thing.create"]?["properties"]?["hint"] == nil)
        #expect(schemas["thing.update"]?["required"] == nil)
        #expect(schemas["thing.update"]?["properties"]?["secret"]?["anyOf"]?[1] == ["type": "null"])
        #expect(schemas["user"]?["properties"]?["password"] == nil)
    }
}
