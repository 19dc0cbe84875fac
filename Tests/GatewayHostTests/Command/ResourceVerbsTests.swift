import Glibc
import Testing

@testable import GatewayHost

/// The verbs of a declared resource, against an admin interface that the test scripts.
@Suite struct ResourceVerbsTests {
    private let folder: TemporaryFolder
    private static let first: JSONValue = [
        "id": "key_01jd0000000000000000000001", "revision": 7, "created": "2025-11-23T18:03:04.123Z",
        "updated": "2025-11-23T18:03:04.123Z", "name": "Test Key", "enabled": true, "groups": ["grp_01jd0000000000000000000001"],
        "limits": ["requests_per_minute": 60],
    ]
    private static let fixed: JSONValue = ["id": "config:laptop", "revision": 0, "read_only": true, "name": "laptop", "enabled": false]

    init() throws {
        folder = try TemporaryFolder()
        #expect(
            FileBytes.replace(folder.path + "/gateway.yaml", with: Array("chain: [ { plugin: Auth } ]\n".utf8), mode: 0o600) == nil)
    }

    /// What is there, and what a change answers.
    private func interface(_ change: @escaping ScriptedAdministration.Answer = { _ in (500, nil) }) -> ScriptedAdministration {
        ScriptedAdministration { request in
            if request.method != "GET" { return change(request) }
            if request.target.hasPrefix("/admin/v1/groups?") {
                return (200, ["data": [["id": "grp_01jd0000000000000000000001", "name": "team"]], "next_cursor": .null])
            }
            if request.target.hasPrefix("/admin/v1/keys?") {
                return (200, ["data": [ResourceVerbsTests.fixed, ResourceVerbsTests.first], "next_cursor": .null])
            }
            if request.target == "/admin/v1/keys/key_01jd0000000000000000000001" { return (200, ResourceVerbsTests.first) }
            return (404, ["status": 404, "detail": "there is no key of this id"])
        }
    }

    private func run(
        _ interface: ScriptedAdministration, _ words: String..., answers: String? = nil
    ) throws -> (ExitCode, MemoryTerminal) {
        let memory = MemoryTerminal()
        var terminal = memory.terminal
        if let answers { terminal.ask = { _ in answers } }
        let code = runCommand(
            words + ["--config", folder.path + "/gateway.yaml"], terminal: terminal,
            services: try interface.services(FieldFlagsTests.declaration))
        return (code, memory)
    }

    @Test func recordsAreListed() throws {
        let (code, memory) = try run(interface(), "keys", "list")
        #expect(code == .done)
        #expect(
            memory.out == """
                ID                              NAME      ENABLED  REQUESTS PER MINUTE  GROUPS  EXPIRES
                config:laptop                   laptop    no                         -  -       -
                key_01jd0000000000000000000001  Test Key  yes                       60  team    -
                """)
        let (_, json) = try run(interface(), "keys", "list", "--json")
        #expect(try JSONParser.parse(json.out)["data"]?[1] == ResourceVerbsTests.first)
    }

    @Test func pagesAreFollowed() throws {
        let pages = ScriptedAdministration { request in
            let page = request.target.hasSuffix("cursor=r2") ? (["c"], JSONValue.null) : (["a", "b"], "r2")
            return (200, ["data": .array(page.0.map { ["id": .string($0), "name": .string($0)] }), "next_cursor": page.1])
        }
        let (_, some) = try run(pages, "groups", "list", "--limit", "2")
        #expect(some.out.hasSuffix("a   a\nb   b") && some.problems == "there are more: --all, or --after r2")
        let (_, all) = try run(pages, "groups", "list", "--all", "--search", "ä b")
        #expect(all.out.hasSuffix("a   a\nb   b\nc   c") && all.problems.isEmpty)
        #expect(pages.requests.map(\.target).contains("/admin/v1/groups?limit=500&search=%C3%A4%20b"))
    }

    @Test func aRecordIsFoundByIDOrName() throws {
        for words in [
            ["key_01jd0000000000000000000001"], ["--id", "key_01jd0000000000000000000001"], ["Test Key"], ["--id=Test Key"],
        ] {
            let memory = MemoryTerminal()
            let code = runCommand(
                ["keys", "show"] + words + ["--config", folder.path + "/gateway.yaml"], terminal: memory.terminal,
                services: try interface().services(FieldFlagsTests.declaration))
            #expect(code == .done && memory.out.contains("limits.requests_per_minute  60"))
            #expect(memory.out.contains("groups                      team"))
        }
        let (absent, complaint) = try run(interface(), "keys", "show", "Nobody")
        #expect(absent == .absent && complaint.problems == "gateway: there is no key with the id or name \"Nobody\"")
        #expect(try run(interface(), "keys", "show").0 == .usage)
        #expect(try run(interface(), "keys", "show", "a", "--id", "b").0 == .usage)
        let double = ScriptedAdministration { _ in
            (200, ["data": [["id": "x1", "name": "a"], ["id": "x2", "name": "a"], ["id": "x3", "name": "ab"]], "next_cursor": .null])
        }
        let (ambiguous, which) = try run(double, "keys", "show", "a")
        #expect(ambiguous == .usage && which.problems == "gateway: 2 keys have the name \"a\"; take one of the ids x1, x2")
    }

    @Test func aRecordIsMadeAndItsSecretShownOnce() throws {
        let interface = interface { request in
            var record = ResourceVerbsTests.first.object!
            record["revealed"] = ["key": "cr_abc"]
            return (201, .object(record))
        }
        let (code, memory) = try run(
            interface, "keys", "create", "--name", "Test Key", "--limit", "1000", "--groups", "team", "--expires", "2026-01-01T00:00:00Z")
        #expect(code == .done)
        #expect(
            interface.changes == [
                .init(
                    method: "POST", target: "/admin/v1/keys",
                    body: [
                        "name": "Test Key", "expires": "2026-01-01T00:00:00Z", "groups": ["grp_01jd0000000000000000000001"],
                        "limits": ["token_limit": 1000],
                    ])
            ])
        #expect(memory.out.hasPrefix("created: key key_01jd0000000000000000000001 \"Test Key\"\n"))
        #expect(memory.out.hasSuffix("\n\n  key  cr_abc\n\n  This is shown once. Keep it now: nobody can read it again."))
        let (_, json) = try run(interface, "keys", "create", "--name", "x", "--json")
        #expect(try JSONParser.parse(json.out)["revealed"]?["key"] == "cr_abc")
    }

    @Test func aRefusalNamesTheFlag() throws {
        let interface = interface { _ in
            (
                422,
                [
                    "status": 422, "detail": "2 fields are not valid",
                    "errors": [
                        ["pointer": "/limits/token_limit", "detail": "must be at least 1"], ["pointer": "/name", "detail": "is missing"],
                    ],
                ]
            )
        }
        let (code, memory) = try run(interface, "keys", "create", "--limit", "0")
        #expect(code == .refused)
        #expect(memory.problems == "gateway: --limit: must be at least 1\ngateway: --name: is missing")
        let (unknown, complaint) = try run(self.interface(), "keys", "create", "--name", "x", "--groups", "nobody")
        #expect(unknown == .absent)
        #expect(complaint.problems == "gateway: --groups: there is no group with the id or name \"nobody\"")
    }

    @Test func fieldsAreChangedOneByOne() throws {
        let interface = interface { _ in (200, ResourceVerbsTests.first) }
        let (code, memory) = try run(
            interface, "keys", "update", "Test Key", "--no-enabled", "--unset", "expires", "--revision", "7")
        #expect(code == .done && memory.out.hasPrefix("unchanged: key"))
        #expect(
            interface.changes == [
                .init(
                    method: "PATCH", target: "/admin/v1/keys/key_01jd0000000000000000000001",
                    body: ["enabled": false, "expires": .null], ifMatch: "\"7\"")
            ])
        #expect(try run(interface, "keys", "update", "Test Key").0 == .usage)
        #expect(try run(interface, "keys", "update", "Test Key", "--enabled", "--revision", "x").0 == .usage)
    }

    @Test func nothingIsDeletedUnasked() throws {
        let interface = interface { _ in (204, nil) }
        let (alone, complaint) = try run(interface, "keys", "delete", "Test Key")
        #expect(alone == .usage && complaint.problems.hasSuffix("Add --yes."))
        #expect(try run(interface, "keys", "delete", "Test Key", answers: "n").0 == .failed)
        #expect(interface.changes.isEmpty)
        let (yes, memory) = try run(interface, "keys", "delete", "Test Key", answers: "y")
        #expect(yes == .done && memory.out == "deleted: key key_01jd0000000000000000000001 \"Test Key\"")
        #expect(try run(interface, "keys", "delete", "Test Key", "--yes", "--json").1.out.contains("\"deleted\""))
        #expect(interface.changes.map(\.method) == ["DELETE", "DELETE"])
    }

    @Test func actionsAreVerbs() throws {
        let interface = interface { request in
            (200, ["ok": .bool(request.target.contains("rotate")), "limits": ["left": 5], "revealed": ["key": "cr_new"]])
        }
        let (code, memory) = try run(interface, "keys", "rotate", "--id", "Test Key", "--overlap", "60")
        #expect(code == .done)
        #expect(interface.changes[0].target == "/admin/v1/keys/key_01jd0000000000000000000001:rotate")
        #expect(interface.changes[0].body == ["overlap": 60])
        #expect(memory.out.contains("limits.left  5") && memory.out.contains("key  cr_new"))
        // What says of itself that it did not go well is a failure for scripts.
        let (failed, _) = try run(interface, "keys", "purge", "--json")
        #expect(failed == .failed && interface.changes[1].target == "/admin/v1/keys:purge")
    }

    @Test func helpAndCompletionKnowThem() throws {
        let (_, help) = try run(interface(), "keys", "rotate", "--help")
        #expect(help.out.hasPrefix("Usage: gateway keys rotate [ID-OR-NAME]") && help.out.contains("Overlap (s; 0 unless given)"))
        #expect(try run(interface(), "keys", "update", "x", "--help").1.out.contains("60 unless given") == false)
        let (_, group) = try run(interface(), "keys")
        for verb in ["list", "show", "create", "update", "delete", "rotate", "purge"] { #expect(group.out.contains("keys \(verb)")) }
        let (unknown, near) = try run(interface(), "kyes", "list")
        #expect(unknown == .usage && near.problems == "gateway: unknown command \"kyes\". Did you mean keys?")
        let memory = MemoryTerminal()
        let services = try interface().services(FieldFlagsTests.declaration)
        let words = ["__complete", "--config", folder.path + "/gateway.yaml", "keys", "show", "Te"]
        _ = runCommand(words, terminal: memory.terminal, services: services)
        #expect(memory.out == "Test Key\tkey_01jd0000000000000000000001")
        let all = MemoryTerminal()
        _ = runCommand(["help", "--config", folder.path + "/gateway.yaml"], terminal: all.terminal, services: services)
        #expect(all.out.contains("keys    list, show, create, update, delete, rotate, purge"))
    }

    @Test func withoutAConfigurationItIsSaidWhy() throws {
        let memory = MemoryTerminal()
        let code = runCommand(
            ["keys", "list", "--config", folder.path + "/none.yaml"], terminal: memory.terminal, services: .idle)
        #expect(code == .invalid)
        #expect(memory.problems.contains("\"keys\" is no command that is always there"))
        #expect(memory.problems.contains("No such file or directory"))
    }
}
