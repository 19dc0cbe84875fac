// How a connection that is up stands: whether its answers come in time, and whether it takes writes.
//
// Whoever does not send its requests here because of that would never find out that it is over. So a connection that is
// late is asked until it answers in time; that it takes writes again, the limiter's heartbeat finds out.
//
// Kind: loop-confined.

extension RedisClient {
    /// A command was not answered in time.
    func answeredLate() {
        guard state == .up, !isLate else { return }
        isLate = true
        tellStanding()
        askAgain()
    }

    /// A command was answered in time.
    @inline(__always)
    func answeredInTime(_ reply: RedisReply, isScript: Bool) {
        if isLate {
            isLate = false
            tellStanding()
        }
        if let error = reply.error {
            refused(error)
        } else if isScript, writeRefusal != nil {
            writeRefusal = nil
            tellStanding()
        }
    }

    /// Memory, replicas, disk: not what was asked is wrong.
    private static let refusals: [Substring] = ["OOM", "NOREPLICAS", "MISCONF", "READONLY"]

    private func refused(_ error: Bytes) {
        guard writeRefusal == nil else { return }
        let kind = RedisErrorText.kind(error.string)
        guard Self.refusals.contains(kind) else { return }
        writeRefusal = String(kind)
        tellStanding()
    }

    private func tellStanding() {
        health.loopUp(
            loop.index,
            isLate ? "it answers later than redis.command_timeout allows" : writeRefusal.map { "it takes no writes (\($0))" })
    }

    /// One at a time: the next when this one has failed, so one in each command time-out.
    fileprivate func askAgain() {
        guard state == .up, isLate else { return }
        _ = ask(RedisCommand("PING", count: 0), RedisPing(self))
    }
}

private final class RedisPing: RedisAsker {
    private unowned let client: RedisClient

    init(_ client: RedisClient) { self.client = client }

    func redisAnswered(_ reply: RedisReply) {}
    func redisFailed(_ fault: RedisFault) { if fault == .timeout { client.askAgain() } }
}
