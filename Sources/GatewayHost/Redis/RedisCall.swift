// One command on its way, and whom to tell.
//
// Kind: loop-confined.

/// Why there is no answer. Whoever asked decides what that means.
enum RedisFault: Error, Equatable {
    /// There is no connection; nothing was sent.
    case unavailable
    /// So many commands wait for answers that no other is sent.
    case busy
    /// No answer in time; one may still come.
    case timeout
    /// The connection broke; the command may have been carried out.
    case lost
}

protocol RedisAsker: AnyObject {
    /// - Parameter reply: good for this call only; may be an error.
    /// - Thread: the loop's.
    func redisAnswered(_ reply: RedisReply)
    /// There is no answer in time.
    func redisFailed(_ fault: RedisFault)
    /// An answer after all, behind `redisFailed(.timeout)`.
    func redisAnsweredLate(_ reply: RedisReply)
}

extension RedisAsker {
    func redisAnsweredLate(_ reply: RedisReply) {}
}

final class RedisCall {
    enum State { case waiting, timedOut, ended }

    let asker: any RedisAsker
    let began: Instant
    let deadline: Instant
    var state = State.waiting
    /// What to send once there is a connection; nil: it was sent.
    var unsent: [UInt8]?
    /// To be sent once more with its text if Redis does not know the script.
    var script: RedisScriptCall?
    unowned(unsafe) let client: RedisClient
    var next: RedisCall?

    init(_ client: RedisClient, _ asker: any RedisAsker, began: Instant, deadline: Instant) {
        self.client = client
        self.asker = asker
        self.began = began
        self.deadline = deadline
    }
}
