// A real Redis for one test, and a loop's client of it whose turns the test makes.

import CLinux
import Glibc
import Testing

@testable import GatewayHost

/// A redis-server on a socket in a folder of its own; it ends with this.
final class LoopRedisServer {
    let folder: String
    var path: String { folder + "/r.sock" }
    private let options: [String]
    private var process: pid_t = 0

    init(_ options: [String] = []) throws {
        self.options = options
        var template = Array("/tmp/gateway-redis-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        folder = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        try start()
    }

    deinit {
        stop()
        for name in ["r.sock", "r.log"] { unlink(folder + "/" + name) }
        rmdir(folder)
    }

    func start() throws {
        let words = ["redis-server", "--port", "0", "--unixsocket", path, "--dir", folder, "--save", "", "--logfile", folder + "/r.log"]
        let arguments = (words + options).map { strdup($0) } + [nil]
        defer { for text in arguments { free(text) } }
        unlink(path)
        let result = posix_spawnp(&process, "redis-server", nil, nil, arguments, Glibc.environ)
        try #require(result == 0, "apt-get install redis-server")
        // Ends when it listens or has died.
        while true {
            let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(probe) }
            if SocketAddress(unixPath: path).withSystemAddress({ connect(probe, $0, $1) }) == 0 { return }
            var status: Int32 = 0
            try #require(waitpid(process, &status, WNOHANG) == 0, "redis-server does not start")
            _ = poll(nil, 0, 10)
        }
    }

    func stop() {
        guard process > 0 else { return }
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
        process = 0
    }
}

/// What became of one command.
final class RedisEar: RedisAsker {
    var answer: String?
    var fault: RedisFault?
    var late: String?
    private let read: (RedisReply) -> Void

    init(_ read: @escaping (RedisReply) -> Void = { _ in }) { self.read = read }

    var isDone: Bool { answer != nil || fault != nil }

    func redisAnswered(_ reply: RedisReply) {
        answer = RedisEar.text(reply)
        read(reply)
    }
    func redisFailed(_ fault: RedisFault) { self.fault = fault }
    func redisAnsweredLate(_ reply: RedisReply) { late = RedisEar.text(reply) }

    static func text(_ reply: RedisReply) -> String {
        if let error = reply.error { return "!" + error.string }
        if let number = reply.integer { return "\(number)" }
        if reply.isNothing { return "nothing" }
        if !reply.bytes.isAbsent { return reply.bytes.string }
        return "[" + (0..<reply.count).map { reply[$0].map(text) ?? "" }.joined(separator: " ") + "]"
    }
}

final class LoopRedisLab {
    let server: LoopRedisServer
    let loop: EventLoop
    let client: RedisClient
    let health = RedisHealth()

    init(
        _ options: [String] = [], commandTimeout: Duration = .seconds(60), _ change: (inout RedisAddress) -> Void = { _ in }
    ) throws {
        gwl_ignore_signal(SIGPIPE)
        server = try LoopRedisServer(options)
        loop = try EventLoop(index: 0)
        var address = RedisAddress(place: .unix(path: server.path))
        change(&address)
        client = RedisClient(
            loop: loop,
            settings: .init(address: address, connectTimeout: .seconds(60), commandTimeout: commandTimeout),
            library: SharedScripts.library, metrics: RedisMetrics(HostMetrics(MetricsRegistry()), loop: 0), health: health)
    }

    deinit { client.close() }

    func turn(until isDone: () -> Bool) {
        let deadline = Instant.read().adding(seconds: 60)
        // A loop that was told to stop makes exactly one turn each time it runs, without waiting.
        loop.stop()
        while !isDone(), Instant.read() < deadline { loop.run() }
        if !isDone() { Issue.record("nothing came of it") }
    }

    func up() { turn { client.state == .up } }

    /// Asks and waits.
    @discardableResult
    func ask(_ words: String...) -> String {
        let ear = RedisEar()
        if let fault = client.ask(RedisCommand.words(words), ear) { return "\(fault)" }
        turn { ear.isDone }
        return ear.answer ?? "\(ear.fault!)"
    }

    func ask(_ call: RedisScriptCall, _ read: @escaping (RedisReply) -> Void = { _ in }) -> String {
        let ear = RedisEar(read)
        if let fault = client.ask(call, ear) { return "\(fault)" }
        turn { ear.isDone }
        return ear.answer ?? "\(ear.fault!)"
    }
}

extension RedisCommand {
    /// Any words.
    static func words(_ words: [String]) -> RedisCommand {
        var command = RedisCommand(wordCount: words.count)
        for word in words { command.add(word) }
        return command
    }
}
