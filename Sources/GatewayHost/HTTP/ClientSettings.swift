// The limits and times of client connections, resolved from the configuration once.
//
// Kind: value. Times in milliseconds, sizes in bytes.

struct ClientSettings: Sendable {
    /// From the first byte of a head to its end: a client that dribbles loses its place.
    var headerReadMilliseconds = 30_000
    /// Between two requests on one connection.
    var keepAliveMilliseconds = 75_000
    /// Without a byte of an unfinished body. Clients hold uploads open up to 120 s.
    var bodyIdleMilliseconds = 130_000
    /// Without progress while bytes for the client wait.
    var writeMilliseconds = 120_000
    /// For the rest of a refused body, so that the client reads the refusal before the close.
    var lingerMilliseconds = 2_000
    /// Bodies up to this stay in memory; larger ones are spooled to a file.
    var memoryBodyBytes = 32 << 20
    /// Where large bodies are spooled.
    var spoolDirectory = "/tmp"

    /// Bytes waiting for a slow client at which the upstream is no longer read, and at which it is
    /// read again. Two figures apart, so that the socket does not flap.
    static let outputHighWater = 256 * 1024
    static let outputLowWater = 64 * 1024
    /// Bytes for a client above this are not held until the turn ends.
    static let gatheredBytes = 16 * 1024
    /// An unread rest of a refused body up to this is read and thrown away.
    static let lingerBytes = 1 << 20
}

extension ClientSettings {
    init(_ config: GatewayConfig) {
        headerReadMilliseconds = config.timeouts.headerRead.milliseconds
        keepAliveMilliseconds = config.timeouts.keepAlive.milliseconds
        bodyIdleMilliseconds = config.timeouts.bodyUpload.milliseconds
        writeMilliseconds = config.timeouts.clientWrite.milliseconds
        memoryBodyBytes = config.limits.bodyMemoryBytes
        spoolDirectory = config.data
    }
}

extension HTTPLimits {
    init(_ config: GatewayConfig) {
        self.init()
        headBytes = config.limits.headBytes
    }
}
