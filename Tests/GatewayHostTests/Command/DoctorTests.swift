import Glibc
import Testing

@testable import GatewayHost

@Suite struct DoctorTests {
    private func config(_ text: String, in folder: TemporaryFolder) throws -> GatewayConfig {
        let path = folder.path + "/gateway.yaml"
        #expect(FileBytes.replace(path, with: Array(text.utf8), mode: 0o600) == nil)
        return try ConfigLoader.load(path, environment: Environment([:]))
    }

    private let nginx = """
        upstream gateway { server 127.0.0.1:3000; keepalive 64; }
        server {
            client_max_body_size 500m;   # big
            location / {
                proxy_pass http://gateway;
                proxy_http_version 1.1;
                proxy_buffering off;
                proxy_read_timeout 700s;
            }
            location = /metrics { return 404; }
        }
        """

    @Test func aGoodProxyInFrontIsGood() throws {
        let folder = try TemporaryFolder()
        let config = try config("chain: [ { plugin: Auth } ]\ntrusted_proxies: [127.0.0.1]\n", in: folder)
        #expect(
            ProxyInFront.findings(in: nginx, file: "n", config) == [Finding(.ok, "nginx", "n passes streams as they come")])
        // One that leads elsewhere is nobody's business.
        #expect(ProxyInFront.findings(in: nginx.replacing(":3000", with: ":3001"), file: "n", config).isEmpty)
    }

    @Test(arguments: [
        ("proxy_buffering off;", "", "streams arrive in lumps"),
        ("proxy_read_timeout 700s;", "", "after 60 s of silence"),
        ("proxy_read_timeout 700s;", "proxy_read_timeout 5m;", "after 300 s of silence"),
        ("client_max_body_size 500m;", "", "bodies above 1MB"),
        ("client_max_body_size 500m;", "client_max_body_size 2048k;", "bodies above 2MB"),
        ("proxy_http_version 1.1;", "", "HTTP/1.0"),
        ("location = /metrics { return 404; }", "", "/metrics is open"),
    ])
    func eachFaultOfAProxyIsNamed(good: String, bad: String, sentence: String) throws {
        let folder = try TemporaryFolder()
        let config = try config("chain: [ { plugin: Auth } ]\ntrusted_proxies: [127.0.0.1]\n", in: folder)
        let findings = ProxyInFront.findings(in: nginx.replacing(good, with: bad), file: "n", config)
        #expect(findings.count == 1)
        #expect(findings[0].verdict == .warning && findings[0].sentence.contains(sentence) && findings[0].mend != nil)
    }

    @Test func openFilesAreFaults() throws {
        let folder = try TemporaryFolder()
        let config = try config("chain: [ { plugin: Auth } ]\ndata: kept\n", in: folder)
        #expect(FileFindings.data(config).map(\.verdict) == [.note])
        mkdir(config.data, 0o700)
        #expect(FileFindings.data(config).first == Finding(.ok, "data folder", "\(config.data) is private and can be written"))
        #expect(FileBytes.replace(config.data + "/master.key", with: [1], mode: 0o600) == nil)
        chmod(config.data + "/master.key", 0o640)
        chmod(config.data, 0o750)
        let faults = FileFindings.data(config).filter { $0.verdict == .fault }
        #expect(faults.map(\.mend) == ["chmod 700 \(config.data)", "chmod 600 \(config.data)/master.key"])
    }

    @Test func namesOfTheEnvironmentAreExplained() throws {
        let folder = try TemporaryFolder()
        let plain = try config("chain: [ { plugin: Auth } ]\n", in: folder)
        let environment = Environment(["PORT": "3001", "REDIS_HOST": "r", "JWT_SECRET": "s", "REDIS_PORT": ""])
        #expect(FileFindings.environment(plain, environment, file: "none").map(\.subject) == ["PORT", "REDIS_HOST", "JWT_SECRET"])
        let using = try config("listen: 127.0.0.1:${PORT:-3000}\nchain: [ { plugin: Auth } ]\n", in: folder)
        #expect(FileFindings.environment(using, environment, file: "none").map(\.subject) == ["REDIS_HOST", "JWT_SECRET"])
    }

    @Test func aTakenPortIsAFault() throws {
        let folder = try TemporaryFolder()
        let taken = try ListeningSocket.open(SocketAddress.parse("127.0.0.1:0"), sharesPort: false, backlog: 1)
        let port = try SocketAddress.local(of: taken.number).port
        let config = try config("listen: 127.0.0.1:\(port)\nchain: [ { plugin: Auth } ]\n", in: folder)
        let findings = PortFindings.all(config, nil, offline: true)
        #expect(findings.map(\.verdict) == [.fault] && findings[0].sentence == "127.0.0.1:\(port) is taken by another program")
    }

    @Test func theVerdictIsTheExitCode() throws {
        let folder = try TemporaryFolder()
        let config = try config("listen: 127.0.0.1:0\nchain: [ { plugin: Auth } ]\n", in: folder)
        func run() throws -> (ExitCode, JSONValue) {
            let memory = MemoryTerminal()
            let code = runCommand(["doctor", "--offline", "--json", "--config", config.file], terminal: memory.terminal, services: .idle)
            return (code, try JSONParser.parse(memory.out))
        }
        let (good, findings) = try run()
        #expect(good == .done && findings["faults"] == 0)
        mkdir(config.data, 0o777)
        chmod(config.data, 0o777)
        let (bad, more) = try run()
        #expect(bad == .failed && more["faults"] == 1)
    }
}
