// How plugins' keys and limits are shared with other gateways: the Redis, and what every loop's client of it needs.
//
// Kind: value of constants, and the shared health of the connections.

struct SharedStoreSettings: Sendable {
    let client: RedisClient.Settings
    /// Before the names of all keys.
    let prefix: String
    /// Names this process among the nodes.
    let node: String
    let health = RedisHealth()
    /// How often a connection came back, of all loops together.
    let returns = SharedReturns()

    /// nil when the store is in the data folder.
    init?(_ config: GatewayConfig, node: String) {
        guard case .redis(var address) = config.store else { return nil }
        if let password = config.redis.password { address.password = password }
        self.init(
            RedisClient.Settings(
                address: address, connectTimeout: config.redis.connectTimeout, commandTimeout: config.redis.commandTimeout),
            prefix: config.redis.prefix, node: node)
    }

    init(_ client: RedisClient.Settings, prefix: String, node: String) {
        self.client = client
        self.prefix = prefix
        self.node = node
    }

    /// All keys of one instance have one hash tag, because one operation may take several of them.
    func key(_ instance: String, _ kind: StaticString, _ name: Bytes) -> [UInt8] {
        var key: [UInt8] = []
        key.reserveCapacity(prefix.utf8.count + instance.utf8.count + name.count + 8)
        key.append(contentsOf: prefix.utf8)
        key.append(contentsOf: [0x3a, 0x7b])
        // A brace in a name would end the tag early, which is harmless: the same name gives the same tag.
        key.append(contentsOf: instance.utf8)
        key.append(contentsOf: [0x7d, 0x3a])
        key.append(contentsOf: UnsafeBufferPointer(start: kind.utf8Start, count: kind.utf8CodeUnitCount))
        key.append(0x3a)
        key.append(contentsOf: name.buffer)
        return key
    }
}
