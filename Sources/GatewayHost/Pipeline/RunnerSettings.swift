// What the driver of an exchange needs of the configuration, resolved once per generation.
//
// Kind: value without references, because every exchange copies it. Times in milliseconds, sizes in bytes.

struct RunnerSettings: Sendable {
    var attemptLimit = 3
    /// A request that the upstream may have executed is sent again.
    var repeatsSent = true
    /// After the first attempt began, no other begins later than this.
    var retryMilliseconds = 60_000
    /// What is read of an error answer before on_attempt, so that hooks see the reason.
    var errorBodyBytes = 16 * 1024
    /// And how long it is waited for.
    var errorBodyMilliseconds = 2_000
    /// Of one event of a stream that hooks look at; longer ones pass as pieces.
    var eventBytes = 4 << 20
    var batchBytes = 256 << 20
    var fileBytes = 500 << 20
    var messageBytes = 32 << 20
    /// A body for on_admin.
    var adminBytes = 1 << 20
    var clientGone = ClientGoneConfig.Policy.drain
    var drainMilliseconds = 300_000
    /// Upstreams that are read at one time although their client is gone, over all loops.
    var drainLimit = 1000
    /// nil: never.
    var pingMilliseconds: Int?
    /// The last bytes of an answer wait until its row is durable.
    var sealsRows = true
    /// Of the whole exchange; nil: unbounded.
    var totalMilliseconds: Int?
    var showsAccount = false
    var showsAttempts = false
    var showsOverhead = false

    /// Response bytes waiting inside the gateway for hooks at which the upstream is paused.
    static let heldHighWater = 256 * 1024

    /// Of the end of an answer that waits for its row; the bytes behind message_stop are a few.
    static let heldEndBytes = 64 * 1024

    init() {}

    init(_ config: GatewayConfig) {
        attemptLimit = config.limits.attempts
        repeatsSent = config.limits.repeatsSent
        retryMilliseconds = config.limits.retryTime.milliseconds
        eventBytes = config.limits.eventBytes
        batchBytes = config.limits.batchBytes
        fileBytes = config.limits.fileBytes
        messageBytes = config.limits.bodyMemoryBytes
        sealsRows = config.ledger.durability == .sealed
        clientGone = config.clientGone.policy
        drainMilliseconds = config.clientGone.drainTime.milliseconds
        drainLimit = config.clientGone.drains
        pingMilliseconds = config.pingInterval?.milliseconds
        totalMilliseconds = config.timeouts.total?.milliseconds
        showsAccount = config.responseHeaders.account
        showsAttempts = config.responseHeaders.attempts
        showsOverhead = config.responseHeaders.overhead
    }
}
