// What is said to Redis before the first command, and what its answers mean.
//
// HELLO (RESP2) says who we are and tells version and role; SELECT follows, and the scripts are loaded. All of it is
// sent at once.
//
// Kind: value. Pure.
// Source: the commands' pages; HELLO exists since 6.0.

struct RedisHandshake {
    static let oldestVersion = 6

    let address: RedisAddress

    var hello: RedisCommand {
        guard let password = address.password else {
            var hello = RedisCommand("HELLO", count: 1)
            hello.add("2")
            return hello
        }
        var hello = RedisCommand("HELLO", count: 4)
        hello.add("2")
        hello.add("AUTH")
        hello.add(address.user ?? "default")
        hello.add(password.reveal())
        return hello
    }

    var select: RedisCommand? {
        if address.database == 0 { return nil }
        var select = RedisCommand("SELECT", count: 1)
        select.add(address.database)
        return select
    }

    static func load(_ script: RedisScript) -> RedisCommand {
        var load = RedisCommand("SCRIPT", count: 2)
        load.add("LOAD")
        load.add(script.text)
        return load
    }

    /// Why this Redis cannot be used; nil: it can. Says nothing of what was sent.
    static func refusal(hello reply: RedisReply) -> String? {
        if let error = reply.error {
            let words = error.string
            if words.contains("unknown command") { return "it is older than Redis \(oldestVersion); use \(oldestVersion) or newer" }
            if words.hasPrefix("NOAUTH") { return "it wants a password: redis.password" }
            if words.hasPrefix("WRONGPASS") { return "it does not take this user and password" }
            return words
        }
        var version: String?
        var role: String?
        for index in stride(from: 0, to: reply.count - 1, by: 2) {
            switch reply[index]?.bytes.string {
            case "version": version = reply[index + 1]?.bytes.string
            case "role": role = reply[index + 1]?.bytes.string
            default: break
            }
        }
        guard let version, let major = Int(version.prefix { $0 != "." }) else { return "it does not say which version it is" }
        if major < oldestVersion { return "it is Redis \(version); use \(oldestVersion) or newer" }
        if role == "replica" || role == "slave" { return "it is a replica, which cannot be written to: name the primary in store" }
        return nil
    }
}
