// Where records are kept: a file in the data folder, or a Redis that several gateways share.
//
// Kind: value.

enum StorePlace: Sendable, Equatable, CustomStringConvertible {
    case folder(String)
    case redis(RedisTarget)

    init(_ config: GatewayConfig) { self = RedisTarget(config).map { .redis($0) } ?? .folder(config.data) }

    /// For people.
    var description: String {
        switch self {
        case .folder(let folder): StorageFile.path(in: folder)
        case .redis(let target): target.address.description
        }
    }

    /// Whether there is a store already.
    /// - Throws: when a Redis cannot be asked.
    func exists() throws(StorageFault) -> Bool {
        switch self {
        case .folder(let folder): FileBytes.mode(of: StorageFile.path(in: folder)) != nil
        case .redis(let target): try RedisStoreFile.exists(target)
        }
    }
}
