import Glibc
import Testing

@testable import GatewayHost

@Suite struct SetupTests {
    private static let declaration: String = {
        func resource(_ name: String, _ fields: String) -> String {
            """
            {"name":"\(name)","singular":"\(name.dropLast())","title":"T","id_prefix":"\(name.prefix(3))","label":"/name","schema":{"type":"object",
             "additionalProperties":false,"required":["name"],"properties":{"name":{"type":"string"}\(fields)}}}
            """
        }
        let user = #","role":{"type":"string"},"password":{"type":"string","writeOnly":true}"#
        return "{\"resources\":[\(resource("users", user)),\(resource("keys", "")),\(resource("accounts", ""))]}"
    }()

    /// Remembers what is made.
    private func interface() -> ScriptedAdministration {
        let made = Locked<[String: JSONValue]>([:])
        return ScriptedAdministration { request in
            let name = String(request.target.dropFirst("/admin/v1/".count).prefix { $0 != "?" })
            if request.method == "GET" {
                return (200, ["data": .array([made.withLock { $0[name] }].compactMap(\.self)), "next_cursor": .null])
            }
            var record = request.body?.object ?? [:]
            record["password"] = nil
            made.withLock { $0[name] = .object(record) }
            if name == "keys" { record["revealed"] = ["key": "cr_canary"] }
            return (201, .object(record))
        }
    }

    @Test func everythingIsMadeOnceAndShownOnce() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/gateway.yaml"
        let interface = interface()
        func run(_ words: String...) throws -> (ExitCode, MemoryTerminal) {
            let memory = MemoryTerminal()
            let code = runCommand(
                ["setup", "--config", path] + words, terminal: memory.terminal, services: try interface.services(SetupTests.declaration))
            return (code, memory)
        }
        let (code, memory) = try run("--admin", "ann")
        #expect(code == .done, "\(memory.problems)")
        #expect(FileBytes.mode(of: path) == 0o600 && FileBytes.mode(of: folder.path + "/data/master.key") == 0o600)
        #expect(interface.changes.map(\.target) == ["/admin/v1/users", "/admin/v1/keys"])
        let password = try #require(interface.changes[0].body?["password"]?.string)
        #expect(interface.changes[0].body?["name"] == "ann" && interface.changes[0].body?["role"] == "admin" && password.utf8.count == 27)
        #expect(memory.out.contains("password of ann  \(password)") && memory.out.contains("client key       cr_canary"))
        #expect(memory.out.contains("gateway accounts create --name main"))
        let config = try ConfigLoader.load(path, environment: Environment([:]))
        #expect(config.chain.map(\.name) == ["Auth", "RateLimit", "AccountPicker", "SOCKSProxy", "Metrics"])

        let key = try FileBytes.read(folder.path + "/data/master.key", limit: 4096).get()
        let (again, quiet) = try run("--json")
        #expect(again == .done)
        let report = try JSONParser.parse(quiet.out)
        for part in ["configuration", "master_key", "admin_user", "client_key"] { #expect(report[part]?["made"] == false, "\(part)") }
        #expect(interface.changes.count == 2)
        #expect(try FileBytes.read(folder.path + "/data/master.key", limit: 4096).get() == key)
    }

    @Test func whatSetupPrintsForProgramsHoldsTheSecrets() throws {
        let folder = try TemporaryFolder()
        let memory = MemoryTerminal()
        _ = runCommand(
            ["setup", "--config", folder.path + "/gateway.yaml", "--json"], terminal: memory.terminal,
            services: try interface().services(SetupTests.declaration))
        let report = try JSONParser.parse(memory.out)
        #expect(report["client_key"]?["key"] == "cr_canary" && report["admin_user"]?["password"]?.string?.utf8.count == 27)
        #expect(report["needs_account"] == true)
    }

    @Test func passwordsAreLongAndNeverTheSame() {
        let passwords = Set((0..<100).map { _ in Setup.password() })
        #expect(passwords.count == 100)
        #expect(passwords.allSatisfy { $0.wholeMatch(of: #/[a-z2-9]{6}(-[a-z2-9]{6}){3}/#) != nil })
    }

    @Test func theConfigurationOfADemonstrationIsReadWithoutItsVariables() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/gateway.yaml"
        #expect(FirstConfig.write(path, key: "cr_first") == nil)
        let source = try FileBytes.read(path, limit: 1 << 20).get()
        #expect(Demonstration.isWanted(by: source, Environment([:])))
        #expect(!Demonstration.isWanted(by: source, Environment(["ANTHROPIC_API_KEY": "k"])))
        #expect(!Demonstration.isWanted(by: source, Environment(["GATEWAY_UPSTREAM": "http://x"])))
        #expect(!Demonstration.isWanted(by: Array("upstream: https://x\n".utf8), Environment([:])))
    }
}

@Suite struct AuditTests {
    @Test func theTrailIsATable() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/gateway.yaml"
        #expect(FileBytes.replace(path, with: Array("chain: [ { plugin: Auth } ]\n".utf8), mode: 0o600) == nil)
        let trail = ScriptedAdministration { request in
            let entry: JSONValue = [
                "number": 3, "time": "2025-11-23T18:03:04.123Z", "actor": "cli:root", "source": "local", "action": "update",
                "resource": "keys",
                "record": "key_1", "fields": ["/limits/token_limit", "/name"], "outcome": "done", "request_id": "",
            ]
            return (200, ["data": [entry], "next_cursor": request.target.contains("cursor=3") ? .null : "3"])
        }
        func run(_ words: String...) throws -> (ExitCode, MemoryTerminal) {
            let memory = MemoryTerminal()
            let code = runCommand(
                ["audit", "--config", path] + words, terminal: memory.terminal, services: try trail.services(FieldFlagsTests.declaration))
            return (code, memory)
        }
        let (code, memory) = try run("--by", "cli:root", "--resource", "keys", "--since", "2025-11-23", "--limit", "2")
        #expect(code == .done)
        #expect(
            memory.out.split(separator: "\n").map(String.init) == [
                "TIME                 WHO       FROM   WHAT         RECORD  FIELDS                   OUTCOME",
                "2025-11-23 18:03:04  cli:root  local  keys update  key_1   limits.token_limit name  done",
                "2025-11-23 18:03:04  cli:root  local  keys update  key_1   limits.token_limit name  done",
            ])
        #expect(
            trail.requests.map(\.target) == [
                "/admin/v1/audit?actor=cli:root&resource=keys&since=2025-11-23T00:00:00.000Z&limit=2",
                "/admin/v1/audit?actor=cli:root&resource=keys&since=2025-11-23T00:00:00.000Z&limit=1&cursor=3",
            ])
        #expect(try JSONParser.parse(run("--json", "-n", "1").1.out)["data"]?[0]?["record"] == "key_1")
        #expect(try run("--since", "soon").0 == .usage)
    }
}
