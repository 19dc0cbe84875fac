// Names of what the store keeps in Redis (StoreScript has the list).
//
// Kind: value.

struct RedisKeys: Sendable {
    private let base: String

    /// - Parameter prefix: `redis.prefix` of the configuration.
    init(prefix: String) { base = "\(prefix):{store}:" }

    /// What scripts are given; they make the other names of it.
    var head: [UInt8] { Array("\(base)head".utf8) }
    var headName: String { "\(base)head" }
    var meta: String { "\(base)meta" }
    /// A pattern for SCAN.
    var all: String { "\(base)*" }
    var channel: String { "\(base)changed" }
}

/// An argument of a script.
enum StoreArgument: Sendable {
    case text(String)
    case blob([UInt8])
    case int(Int64)
    case count(Int)
    case flag(Bool)

    var bytes: [UInt8] {
        switch self {
        case .text(let text): Array(text.utf8)
        case .blob(let bytes): bytes
        case .int(let number): Array(String(number).utf8)
        case .count(let number): Array(String(number).utf8)
        case .flag(let flag): [flag ? 0x31 : 0x30]
        }
    }
}
