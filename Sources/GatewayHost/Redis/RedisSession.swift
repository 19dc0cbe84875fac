// A connection that is made when it is needed and made again when it broke, for a thread that may block.
//
// What had no answer when a connection closed is sent once more on a fresh one, so whatever is asked here must do the
// same when it is done twice. After a failure nobody is made to wait again: until the pause is over every request fails at
// once with the same words.
//
// Kind: confined to the thread that made it.

import CLinux

final class RedisSession {
    /// Pauses between attempts double from the first to the last.
    private static let pauseMilliseconds = (first: 50, last: 1000)

    let target: RedisTarget
    private var connection: RedisConnection?
    private var failure: RedisFailure?
    private var again = Instant(nanoseconds: 0)
    private var pause = pauseMilliseconds.first

    init(_ target: RedisTarget) { self.target = target }

    /// One command, one answer.
    func ask(_ words: [[UInt8]]) throws(RedisFailure) -> RedisValue { try ask(all: [words])[0] }

    func ask(_ words: String...) throws(RedisFailure) -> RedisValue { try ask(words.map { Array($0.utf8) }) }

    /// Commands in one go; an answer for each, which may be an error.
    func ask(all commands: [[[UInt8]]]) throws(RedisFailure) -> [RedisValue] {
        var answers: [RedisValue] = []
        let wasConnected = connection != nil
        do throws(RedisFailure) {
            try converse(commands, &answers)
        } catch {
            // A connection that was kept may have been closed while it was idle, or Redis started anew.
            guard wasConnected, !error.isTimeout else { throw error }
            again = Instant(nanoseconds: 0)
            try converse(commands, &answers)
        }
        return answers
    }

    private func converse(_ commands: [[[UInt8]]], _ answers: inout [RedisValue]) throws(RedisFailure) {
        do throws(RedisFailure) {
            if connection == nil { try connect() }
            for command in commands.dropFirst(answers.count) { connection?.append(command) }
            while answers.count < commands.count {
                guard let answer = try connection?.answer() else { break }
                answers.append(answer)
                // Somebody else is the master now; another connection may find it.
                if let words = answer.error, ["READONLY", "MASTERDOWN"].contains(RedisErrorText.kind(words)) { connection = nil }
            }
            guard answers.count == commands.count else {
                throw RedisFailure(description: answers.last?.error ?? "the connection closed")
            }
            pause = Self.pauseMilliseconds.first
        } catch {
            connection = nil
            rest(error)
            throw error
        }
    }

    private func connect() throws(RedisFailure) {
        if let failure, Instant.read() < again { throw failure }
        connection = try RedisConnection(target.address, target.limits)
        failure = nil
    }

    private func rest(_ error: RedisFailure) {
        guard failure != error || Instant.read() >= again else { return }
        failure = error
        // Up to half of it less, so that nodes do not come back all at once.
        again = Instant.read().adding(milliseconds: pause - Int.random(in: 0...(pause / 2)))
        pause = min(pause * 2, Self.pauseMilliseconds.last)
    }

    /// The next request makes a new connection.
    func drop() { connection = nil }
}

extension RedisFailure {
    var isTimeout: Bool { description == Self.timeout }
    static let timeout = "no answer in time"
}
