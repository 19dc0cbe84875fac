import Glibc
import Synchronization
import Testing

@testable import GatewayHost

/// What a command printed, kept in memory.
final class MemoryTerminal: Sendable {
    private let lines = Mutex<(out: [String], problems: [String])>(([], []))

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
        _ words: String..., services: CommandServices = CommandServices(serve: { _, _ in 0 }, checkPlugins: { _ in [] })
    ) -> (ExitCode, MemoryTerminal) {
        let memory = MemoryTerminal()
        return (runCommand(words, terminal: memory.terminal, services: services), memory)
    }

    @Test(arguments: [
        (["serv"], "gateway: unknown command \"serv\". Did you mean serve?"),
        (["zzz"], "gateway: unknown command \"zzz\". \"gateway help\" lists them."),
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
    ])
    func aWrongCommandLineIsExplained(words: [String], line: String) {
        let memory = MemoryTerminal()
        let services = CommandServices(serve: { _, _ in 0 }, checkPlugins: { _ in [] })
        #expect(runCommand(words, terminal: memory.terminal, services: services) == .usage)
        #expect(memory.problems == line)
    }

    @Test func everyVerbHasHelp() {
        for verb in Verbs.all {
            let memory = MemoryTerminal()
            let services = CommandServices(serve: { _, _ in 0 }, checkPlugins: { _ in [] })
            let words = verb.name.split(separator: " ").map(String.init) + ["--help"]
            #expect(runCommand(words, terminal: memory.terminal, services: services) == .done)
            #expect(memory.out.hasPrefix("Usage: gateway \(verb.name)"))
            #expect(memory.out.contains(verb.summary))
            for flag in verb.flags { #expect(memory.out.contains("--\(flag.name)")) }
        }
        #expect(run("help").1.out.contains("config diff"))
        #expect(run().0 == .done)
        #expect(run("help", "config").1.out.contains("config show"))
        #expect(run("config").1.out.contains("config show"))
        #expect(run("--version").1.out == Verbs.version)
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
        let services = CommandServices(
            serve: { _, _ in 0 },
            checkPlugins: { config in [config.chain[0].fault(in: config.file, "the plugin is missing")] })
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

    @Test func oneFolderServesOneGateway() throws {
        let folder = try TemporaryFolder()
        let data = folder.path + "/data"
        defer { for name in ["gateway.pid", "applied.yaml", ""] { remove(name.isEmpty ? data : "\(data)/\(name)") } }
        let path = folder.path + "/gateway.yaml"
        #expect(FileBytes.replace(path, with: Array("chain: [ { plugin: Auth } ]\n".utf8), mode: 0o600) == nil)
        #expect(run("status", "--config", path).0 == .notRunning)
        let (code, outer) = run(
            "serve", "--config", path,
            services: CommandServices(
                serve: { config, _ in
                    #expect(DataFolder.holder(of: config.data) == getpid())
                    let inner = MemoryTerminal()
                    let services = CommandServices(serve: { _, _ in 0 }, checkPlugins: { _ in [] })
                    #expect(
                        runCommand(["serve", "--config", path], terminal: inner.terminal, services: services) == .failed
                    )
                    #expect(
                        inner.problems.hasPrefix(
                            "gateway: another gateway, process \(getpid()), already serves from \(config.data)."))
                    #expect(
                        runCommand(["status", "--config", path], terminal: inner.terminal, services: services) == .done)
                    #expect(inner.out.hasPrefix("running: process \(getpid()), for 0s"))
                    return 0
                }, checkPlugins: { _ in [] }))
        #expect(code == .done)
        #expect(outer.problems == "")
        #expect(DataFolder.holder(of: data) == nil)
        #expect(run("config", "diff", "--config", path).0 == .done)
        #expect(run("reload", "--config", path).0 == .notRunning)
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

    @Test func theOutcomeOfAReloadIsReadBack() throws {
        let folder = try TemporaryFolder()
        #expect(ReloadOutcome.read(from: folder.path) == nil)
        #expect(
            ReloadOutcome.record(
                in: folder.path, applied: true, generation: 2, message: "applied: generation 2", remarks: []) == nil)
        #expect(
            ReloadOutcome.record(
                in: folder.path, applied: false, generation: 2, message: "1 fault", remarks: ["a:1:1: \"x\""]) == nil)
        let outcome = try #require(ReloadOutcome.read(from: folder.path))
        #expect(outcome.sequence == 2 && !outcome.applied && outcome.generation == 2)
        #expect(outcome.message == "1 fault" && outcome.remarks == ["a:1:1: \"x\""])
    }
}
