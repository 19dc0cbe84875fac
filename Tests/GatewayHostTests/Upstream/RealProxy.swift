import CLinux
import Glibc
import Testing

@testable import GatewayHost

/// A proxy program of the system, run for one test.
final class RealProxy {
    let port: UInt16
    private var process: pid_t = 0
    private var configuration: String?

    /// microsocks, a SOCKS5 server, wanting these credentials.
    static func socks(user: String, password: String) throws -> RealProxy {
        let port = try freePort()
        return try RealProxy(
            "microsocks", ["-i", "127.0.0.1", "-p", "\(port)", "-u", user, "-P", password], port: port)
    }

    /// tinyproxy, an HTTP proxy, wanting these credentials.
    static func http(user: String, password: String) throws -> RealProxy {
        let port = try freePort()
        var template = Array("/tmp/gateway-tinyproxy-XXXXXX".utf8CString)
        let file = mkstemp(&template)
        let text =
            "Port \(port)\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nLogLevel Critical\nBasicAuth \(user) \(password)\n"
        #expect(write(file, text, text.utf8.count) == text.utf8.count)
        close(file)
        let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        chmod(path, 0o644)
        let proxy = try RealProxy("tinyproxy", ["-d", "-c", path], port: port)
        proxy.configuration = path
        return proxy
    }

    private init(_ program: String, _ arguments: [String], port: UInt16) throws {
        self.port = port
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        let code = posix_spawnp(&process, program, &actions, nil, &words, Glibc.environ)
        try #require(code == 0, "\(program) cannot be started; install it: apt-get install \(program)")
        waitUntilListening()
    }

    deinit {
        if process > 0 {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
        if let configuration { unlink(configuration) }
    }

    /// A port that was free a moment ago: neither program can report one that the kernel chose.
    private static func freePort() throws -> UInt16 {
        let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(probe) }
        _ = SocketAddress.loopback(port: 0).withSystemAddress { bind(probe, $0, $1) }
        return try SocketAddress.local(of: probe).port
    }

    private func waitUntilListening() {
        let deadline = Instant.read().adding(seconds: 10)
        while Instant.read() < deadline {
            let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(probe) }
            if SocketAddress.loopback(port: port).withSystemAddress({ connect(probe, $0, $1) }) == 0 { return }
            sched_yield()
        }
        Issue.record("the proxy does not listen on port \(port)")
    }
}
