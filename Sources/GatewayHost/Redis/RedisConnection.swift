// One connection to Redis that is waited for: the edge to hiredis' blocking functions.
//
// For threads that may block: storage, ledger-ship, the command line. Never for a loop. Every wait ends
// by a time-out. After a failure the connection is worth nothing; RedisSession makes another.
//
// Kind: confined to the thread that made it.

import CHiredis
import CLinux

/// Why there is no answer.
struct RedisFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// hiredis' sentence or Redis's; never what was sent.
    let description: String
    /// Redis answered, and refuses: the password is wrong, the database does not exist.
    var isRefusal = false
}

final class RedisConnection {
    struct Limits: Sendable, Equatable {
        var connectMilliseconds = 2000
        /// For each answer.
        var answerMilliseconds = 5000
    }

    private let context: UnsafeMutablePointer<redisContext>

    /// Connects, says who we are, and chooses the database.
    init(_ address: RedisAddress, _ limits: Limits) throws(RedisFailure) {
        // hiredis writes with write(2), which raises SIGPIPE when the other side is gone.
        gwl_ignore_signal(SIGPIPE)
        let wait = Self.time(limits.connectMilliseconds)
        let made =
            switch address.place {
            case .unix(let path): redisConnectUnixWithTimeout(path, wait)
            case .tcp(let host, let port): redisConnectWithTimeout(host, Int32(port), wait)
            }
        guard let made else { throw RedisFailure(description: "no memory for a connection") }
        context = made
        guard made.pointee.err == 0 else { throw failure }
        _ = gwl_set_close_on_exec(made.pointee.fd)
        redisSetTimeout(made, Self.time(limits.answerMilliseconds))
        // On a unix socket it fails, and would spoil the connection.
        if case .tcp = address.place { redisEnableKeepAlive(made) }
        if let password = address.password {
            let words = address.user.map { ["AUTH", $0, password.reveal()] } ?? ["AUTH", password.reveal()]
            try accept(words.map { Array($0.utf8) })
        }
        if address.database != 0 { try accept([Array("SELECT".utf8), Array(String(address.database).utf8)]) }
        // Also tells a server that wants a password from one that does not.
        try accept([Array("PING".utf8)])
    }

    deinit { redisFree(context) }

    var descriptor: Int32 { context.pointee.fd }

    /// Puts a command into the buffer of what will be sent.
    func append(_ words: [[UInt8]]) {
        var lengths = words.map(\.count)
        // The words stand one behind the other in one block, so that one pointer keeps them all.
        var block: [UInt8] = []
        block.reserveCapacity(lengths.reduce(0, +))
        for word in words { block += word }
        block.withUnsafeBufferPointer { block in
            // An empty block has no address; all words are empty then, and any address will do.
            let base = block.baseAddress.map { UnsafeRawPointer($0) } ?? UnsafeRawPointer(context)
            var place = 0
            var pointers: [UnsafePointer<CChar>?] = lengths.map { length in
                defer { place += length }
                return (base + place).assumingMemoryBound(to: CChar.self)
            }
            redisAppendCommandArgv(context, Int32(words.count), &pointers, &lengths)
        }
    }

    /// The next answer, after everything that waits was sent.
    func answer() throws(RedisFailure) -> RedisValue {
        var reply: UnsafeMutableRawPointer?
        guard redisGetReply(context, &reply) == REDIS_OK, let reply else { throw failure }
        defer { freeReplyObject(reply) }
        return RedisValue(reply.assumingMemoryBound(to: redisReply.self))
    }

    private func accept(_ words: [[UInt8]]) throws(RedisFailure) {
        append(words)
        if let words = try answer().error { throw RedisFailure(description: words, isRefusal: true) }
    }

    private var failure: RedisFailure {
        let words = withUnsafeBytes(of: &context.pointee.errstr) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return RedisFailure(description: words == "Resource temporarily unavailable" ? RedisFailure.timeout : words)
    }

    private static func time(_ milliseconds: Int) -> timeval {
        timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
    }
}
