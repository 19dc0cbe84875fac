import Glibc
import Testing

@testable import GatewayHost

/// What a command printed, kept in memory.
final class MemoryTerminal: Sendable {
    private let lines = Locked<(out: [String], problems: [String])>(([], []))

    var terminal: Terminal {
        Terminal(
            out: { [self] line in lines.withLock { $0.out.append(line) } },
            problem: { [self] line in lines.withLock { $0.problems.append(line) } })
    }

    var out: String { lines.withLock { $0.out.joined(separator: "\n") } }
    var problems: String { lines.withLock { $0.problems.joined(separator: "\n") } }
}

@Suite struct CommandLineTests {
    private func run(
        _ words: String..., services: CommandServices = .idle
    ) -> (ExitCode, MemoryTerminal) {
        let memory = MemoryTerminal()
        return (runCommand(words, terminal: memory.terminal, services: services), memory)
    }

    @Test(arguments: [
        (["serv"], "gateway: unknown command \"serv\". Did you mean serve?"),
        (["config", "sho"], "gateway: unknown command \"config sho\". Did you mean show?"),
        (["serve", "--confg", "x"], "gateway: unknown flag \"--confg\". Did you mean --config?"),
        (["serve", "--port=1"], "gateway: unknown flag \"--port\". \"gateway serve --help\" lists them."),
        (
            ["serve", "--config"],
            "gateway: --config needs a value. Write --config FILE: the configuration; gateway.yaml unless given."
        ),
        (["serve", "--config=a", "--config=b"], "gateway: --config is given twice. Keep one of the two."),
        (["serve", "x.yaml"], "gateway: gateway serve takes no \"x.yaml\". Did you mean --config x.yaml?"),
        (["status", "--json=1"], "gateway: --json takes no value. Write --json alone."),
        (["completion"], "gateway: gateway completion needs SHELL. \"gateway completion --help\" explains it."),
        (
            ["completion", "bash", "zsh"],
            "gateway: gateway completion takes no \"zsh\". \"gateway completion --help\" lists what it takes."
        ),
        (["completion", "tcsh"], "gateway: no script for tcsh. There are bash, zsh and fish."),
        (["logs", "--level", "loud"], "gateway: --level loud is none of trace, debug, info, warning, error."),
        (["logs", "-n", "many"], "gateway: --lines many is no number from 0 to 1000000."),
        (["logs", "--since", "soon"], "gateway: --since soon is no time. Write 10m for ten minutes ago, or 2025-11-23T18:00:00Z."),
    ])
    func aWrongCommandLineIsExplained(words: [String], line: String) {
        let memory = MemoryTerminal()
        #expect(runCommand(words, terminal: memory.terminal, services: .idle) == .usage)
        #expect(memory.problems == line)
    }

    @Test func everyVerbHasHelp() {
        for verb in Verbs.all {
            let memory = MemoryTerminal()
            let words = verb.name.split(separator: " ").map(String.init) + ["--help"]
            #expect(runCommand(words, terminal: memory.terminal, services: .idle) == .done)
            #expect(memory.out.hasPrefix("Usage: gateway \(verb.name)"))
            #expect(memory.out.contains(verb.summary) && verb.summary.hasSuffix("."))
            for flag in verb.flags { #expect(memory.out.contains("--\(flag.shownName)")) }
        }
        #expect(run("help").1.out.contains("config diff"))
        #expect(run().0 == .done)
        #expect(run("help", "config").1.out.contains("config show"))
        #expect(run("config").1.out.contains("config show"))
        #expect(run("--version").1.out == Verbs.version)
        let codes = run("help", "exit-codes").1.out
        for code in ExitCode.allCases { #expect(codes.contains("\(code.rawValue)  \(code.meaning)")) }
        #expect(run("version", "--json").1.out == "{\n  \"version\": \"0.1.0\"\n}")
    }

    @Test func checkAsksThePluginsToo() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/gateway.yaml"
        #expect(FileBytes.replace(path, with: Array("chain: [ { plugin: Auth } ]\n".utf8), mode: 0o600) == nil)
        let (good, memory) = run("check", "--config", path)
        #expect(good == .done)
        #expect(
            memory.out == """
                \(path) is valid
                  listens on  http://127.0.0.1:3000
                  upstream    https://api.anthropic.com
                  chain       Auth
                """)
        let (_, json) = run("check", "--config", path, "--json")
        #expect(try JSONParser.parse(json.out)["chain"] == ["Auth"])
        let services = CommandServices(
            serve: { _, _ in 0 },
            checkPlugins: { config in
                throw ConfigFaults(config.chain[0].fault(in: config.file, "the plugin is missing"))
            }, administration: { _ in throw GatewayFault("no administration") })
        let (bad, complaint) = run("check", "--config", path, services: services)
        #expect(bad == .invalid)
        #expect(complaint.problems == "\(path):1:10: chain[0]: the plugin is missing\ngateway: \(path) is not valid")
        let (missing, none) = run("check", "--config", folder.path + "/other.yaml")
        #expect(missing == .invalid)
        #expect(
            none.problems.hasPrefix(
                "\(folder.path)/other.yaml: the file \(folder.path)/other.yaml cannot be read: No such file or directory. Name another with --config, or let \"gateway run\" write one."
            ))
    }

    @Test func whatKeepsItFromServingIsTold() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/gateway.yaml"
        #expect(FileBytes.replace(path, with: Array("chain: [ { plugin: Auth } ]\n".utf8), mode: 0o600) == nil)
        let (failed, memory) = run(
            "serve", "--config", path,
            services: CommandServices(
                serve: { _, _ in throw GatewayFault("no port") }, checkPlugins: { _ in },
                administration: { _ in throw GatewayFault("none") }))
        #expect(failed == .failed)
        #expect(memory.problems == "gateway: no port")
        let (invalid, _) = run(
            "serve", "--config", path,
            services: CommandServices(
                serve: { config, _ in throw ConfigFaults(config.chain[0].fault(in: config.file, "bad")) },
                checkPlugins: { _ in }, administration: { _ in throw GatewayFault("none") }))
        #expect(invalid == .invalid)
    }

    @Test func aGatewayIsFoundByTheLockOfItsFolder() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/gateway.yaml"
        let text = "chain: [ { plugin: Auth } ]\ndata: .\n"
        #expect(FileBytes.replace(path, with: Array(text.utf8), mode: 0o600) == nil)
        let pid = folder.path + "/gateway.pid"
        let (none, complaint) = run("status", "--config", path)
        #expect(none == .notRunning)
        #expect(complaint.problems == "gateway: none runs with its data in \(folder.path)/.")
        // A number without a lock is what a crash leaves behind.
        #expect(FileBytes.replace(pid, with: Array("\(getpid())\n".utf8), mode: 0o600) == nil)
        #expect(run("status", "--config", path).0 == .notRunning)
        let lock = open(pid, O_RDWR)
        #expect(lockFile(lock) == 0)
        defer { close(lock) }
        let (running, status) = run("status", "--config", path)
        #expect(running == .done)
        #expect(status.out.hasPrefix("running: process \(getpid()), for "))
        #expect(status.out.hasSuffix("\nstarting"))
        let report = ReloadReport(generation: 3, refusal: "gateway.yaml:1:1: no", needsRestart: []).json
        #expect(FileBytes.replace(folder.path + "/reload.json", with: Array(report.utf8), mode: 0o600) == nil)
        let listen = "{\"addresses\":[\"127.0.0.1:3000\"],\"pid\":1}"
        #expect(FileBytes.replace(folder.path + "/listen.json", with: Array(listen.utf8), mode: 0o600) == nil)
        let (_, more) = run("status", "--data", folder.path)
        #expect(
            more.out.hasSuffix("\nlistening: 127.0.0.1:3000\nlast reload: refused: gateway.yaml:1:1: no"))
        let (_, json) = run("status", "--data", folder.path, "--json")
        let value = try JSONParser.parse(json.out)
        #expect(value["process"]?.int == Int64(getpid()) && value["last_reload"]?["generation"] == 3)
    }

    @Test func theConfigurationInForceIsComparedWithTheFile() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/gateway.yaml"
        #expect(FileBytes.replace(path, with: Array("chain: []\ndata: .\n".utf8), mode: 0o600) == nil)
        let (unknown, complaint) = run("config", "diff", "--config", path)
        #expect(unknown == .invalid)
        #expect(complaint.problems.contains("No gateway has served from this folder yet."))
        #expect(AppliedConfig.record(try ConfigLoader.load(path)) == nil)
        #expect(run("config", "diff", "--config", path).0 == .done)
        #expect(FileBytes.replace(path, with: Array("chain: []\ndata: .\nping: 5s\n".utf8), mode: 0o600) == nil)
        let (differs, lines) = run("config", "diff", "--config", path)
        #expect(differs == .failed)
        #expect(lines.out == "- ping: off\n+ ping: 5s")
    }

    @Test func secretsThatOthersMayReadAreWarnedOf() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/gateway.yaml"
        let text = "chain: [ { plugin: Auth, config: { keys: [ { key: \"${K:-x}\" } ], n: 1 } } ]\n"
        func warnings(_ text: String, _ mode: UInt32) throws -> [String] {
            #expect(FileBytes.replace(path, with: Array(text.utf8), mode: mode) == nil)
            chmod(path, mode)
            return try ConfigLoader.load(path, environment: Environment([:])).warnings.map(\.description)
        }
        #expect(try warnings(text, 0o644).isEmpty)
        let literal = text.replacing("${K:-x}", with: "cr_1")
        #expect(try warnings(literal, 0o600).isEmpty)
        #expect(
            try warnings(literal, 0o640) == [
                "\(path): holds secrets, and other users of this machine may read it. chmod 600 \(path), or put the secrets into the environment."
            ])
    }

    @Test func theFirstConfigurationIsValidAndPrivate() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/gateway.yaml"
        let key = FirstConfig.newKey()
        #expect(key.hasPrefix("cr_") && key.utf8.count == 67 && key != FirstConfig.newKey())
        #expect(FirstConfig.write(path, key: key) == nil)
        #expect(FirstConfig.write(path, key: key) == "File exists")
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        let config = try ConfigLoader.load(
            path, environment: Environment(["ANTHROPIC_API_KEY": "k", "GATEWAY_UPSTREAM": "http://127.0.0.1:9"]))
        #expect(config.chain.map(\.name) == ["Auth", "RateLimit", "AccountPicker", "SOCKSProxy", "Metrics"])
        #expect(config.upstream.url.description == "http://127.0.0.1:9")
        #expect(config.warnings.isEmpty)
        let banner = RunBanner.lines(config, addresses: ["*:3000"], usesDemonstration: true).joined(separator: "\n")
        #expect(banner.contains("curl -N http://127.0.0.1:3000/v1/messages -H 'x-api-key: \(key)'"))
        #expect(banner.contains("DEMONSTRATION"))
    }
}

extension CommandServices {
    static let idle = CommandServices(
        serve: { _, _ in 0 }, checkPlugins: { _ in },
        administration: { _ in throw GatewayFault("no administration") })
}

private func lockFile(_ descriptor: Int32) -> Int32 { flock(descriptor, LOCK_EX | LOCK_NB) }
