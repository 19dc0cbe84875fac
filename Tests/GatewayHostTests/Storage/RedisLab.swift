// A real Redis for one test, and stores of either kind.

import CLinux
import Glibc
import Testing

@testable import GatewayHost

/// A redis-server on a socket in a folder of its own; it ends with this.
final class StoreRedis {
    private let folder = StoreFolder()
    private let options: [String]
    private var process: pid_t = 0

    var target: RedisTarget { RedisTarget(RedisAddress(place: .unix(path: "\(folder.path)/redis.sock"))) }

    init(_ options: [String] = []) throws {
        self.options = options
        try start()
    }

    deinit { kill() }

    /// Returns once it answers.
    func start() throws {
        let words =
            [
                "redis-server", "--port", "0", "--unixsocket", "\(folder.path)/redis.sock", "--dir", folder.path, "--save", "",
                "--appendonly", "yes", "--appendfsync", "always", "--appenddirname", "aof", "--logfile", "\(folder.path)/redis.log",
            ] + options
        let arguments = words.map { strdup($0) } + [nil]
        defer { for text in arguments { free(text) } }
        unlink("\(folder.path)/redis.sock")
        let result = posix_spawnp(&process, "redis-server", nil, nil, arguments, gwl_environ())
        try #require(result == 0, "apt-get install redis-server")
        // Ends when it answers or has died, and after a minute in any case.
        let end = Instant.read().adding(seconds: 60)
        while true {
            try #require(Instant.read() < end, "redis-server does not answer")
            if (try? RedisSession(target).ask("PING")) != nil { return }
            var status: Int32 = 0
            try #require(waitpid(process, &status, WNOHANG) == 0, "redis-server does not start")
            _ = poll(nil, 0, 20)
        }
    }

    func kill() {
        guard process > 0 else { return }
        Glibc.kill(process, SIGKILL)
        var status: Int32 = 0
        waitpid(process, &status, 0)
        process = 0
    }

    func ask(_ words: String...) throws -> RedisValue { try RedisSession(target).ask(words.map { Array($0.utf8) }) }
}

enum StoreKind: String, CaseIterable, Sendable { case sqlite, redis }

/// Where a test has its store.
final class StoreLab {
    let place: StorePlace
    private let folder = StoreFolder()
    let server: StoreRedis?

    init(_ kind: StoreKind) throws {
        switch kind {
        case .sqlite:
            server = nil
            place = .folder(folder.path)
        case .redis:
            let server = try StoreRedis()
            self.server = server
            place = .redis(server.target)
        }
    }

    func open() throws -> Storage { try Storage.open(place) }
}
