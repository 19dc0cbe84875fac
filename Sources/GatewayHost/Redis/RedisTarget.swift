// The Redis of a configuration, with everything that whoever speaks to it needs.
//
// Kind: value.

struct RedisTarget: Sendable, Equatable {
    var address: RedisAddress
    /// Before the names of all keys.
    var prefix = "gw"
    var limits = RedisConnection.Limits()

    /// nil when the store is in the data folder.
    init?(_ config: GatewayConfig) {
        guard case .redis(var address) = config.store else { return nil }
        if let password = config.redis.password { address.password = password }
        self.init(address, prefix: config.redis.prefix)
        limits.connectMilliseconds = config.redis.connectTimeout.milliseconds
        // What waits here is a thread of its own: it bears more than a request does.
        limits.answerMilliseconds = max(limits.answerMilliseconds, config.redis.commandTimeout.milliseconds)
    }

    init(_ address: RedisAddress, prefix: String = "gw") {
        self.address = address
        self.prefix = prefix
    }
}
