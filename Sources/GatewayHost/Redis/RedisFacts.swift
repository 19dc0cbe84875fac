// What a Redis says about itself (INFO), as far as it matters to a gateway.
//
// Kind: value. Pure.
// Source: the page of the command INFO.

struct RedisFacts {
    /// Streams of replies, UNLINK, ACL users: what this gateway is tried with.
    static let oldestMajor = 6

    private var facts: [Substring: Substring] = [:]

    init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { facts[parts[0]] = parts[1] }
        }
    }

    var version: String? { facts["redis_version"].map(String.init) }
    /// It says which version it is, and that is too old.
    var isTooOld: Bool { version.flatMap { Int($0.prefix { $0 != "." }) }.map { $0 < Self.oldestMajor } ?? false }
    var isReplica: Bool { facts["role"] == "slave" }

    /// 0: no limit.
    var memoryLimit: Int { facts["maxmemory"].flatMap { Int($0) } ?? 0 }
    var memoryUsed: Int { facts["used_memory"].flatMap { Int($0) } ?? 0 }
    var evictionPolicy: String { facts["maxmemory_policy"].map(String.init) ?? "noeviction" }
    /// It throws away any key when its memory is full: accounts, too.
    var evictsRecords: Bool { memoryLimit > 0 && evictionPolicy.hasPrefix("allkeys") }
    /// It throws away keys that expire when its memory is full: limits and places.
    var evictsLimits: Bool { memoryLimit > 0 && evictionPolicy != "noeviction" }

    var appendsToDisk: Bool { facts["aof_enabled"] == "1" }
    /// The last write to its disk, or the last snapshot, failed.
    var failsToSave: Bool { facts["aof_last_write_status"] == "err" || facts["rdb_last_bgsave_status"] == "err" }
}
