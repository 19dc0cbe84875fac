// Whether the Redis that `store` names can be used, would keep what it is given, and has the same time as this machine.
//
// `findings` is what the facts mean; `all` asks for them.
//
// Kind: free of state; `all` blocks.

import CLinux

enum RedisFindings {
    /// What was asked of a Redis.
    struct Look {
        var facts: RedisFacts
        /// How long the fastest of a few PINGs took.
        var microseconds = 0
        /// Its clock less ours, in milliseconds; nil: it was not told.
        var skewMilliseconds: Int?
        /// `appendfsync` and `save` of its configuration; nil: this user may not ask.
        var sync: String?
        var snapshots: String?
        /// Why it does not run scripts of ours; nil: it does.
        var scriptRefusal: String?
    }

    private static let subject = "redis"
    /// Windows of limits and of the ledger are compared by people; nothing breaks by it.
    private static let skewMilliseconds = 2000
    private static let pings = 5

    static func all(_ config: GatewayConfig) -> [Finding] {
        guard let target = RedisTarget(config) else { return [] }
        do throws(RedisFailure) {
            let connection = try RedisConnection(target.address, target.limits)
            return findings(try look(connection, target), config)
        } catch {
            return [unreachable(error, target)]
        }
    }

    // MARK: Asking

    private static func look(_ connection: RedisConnection, _ target: RedisTarget) throws(RedisFailure) -> Look {
        func ask(_ words: String...) throws(RedisFailure) -> RedisValue {
            connection.append(words.map { Array($0.utf8) })
            return try connection.answer()
        }
        func setting(_ name: String) throws(RedisFailure) -> String? { try ask("CONFIG", "GET", name).array?.last?.string }
        var look = Look(facts: RedisFacts(try ask("INFO").string ?? ""))
        look.microseconds = .max
        for _ in 0..<pings {
            let begun = gwl_monotonic_ns()
            _ = try ask("PING")
            look.microseconds = min(look.microseconds, Int((gwl_monotonic_ns() - begun) / 1000))
        }
        let before = gwl_wall_ns()
        let time = try ask("TIME").array?.compactMap { $0.string.flatMap { Int64($0) } } ?? []
        let after = gwl_wall_ns()
        if time.count == 2 {
            // It said it somewhere between.
            let ours = Int64(before / 2 + after / 2) / 1_000_000
            look.skewMilliseconds = Int(time[0] * 1000 + time[1] / 1000 - ours)
        }
        look.sync = try setting("appendfsync")
        look.snapshots = try setting("save")
        look.scriptRefusal = try ask("EVAL", "return redis.call('EXISTS', KEYS[1])", "1", RedisKeys(prefix: target.prefix).headName).error
        return look
    }

    private static func unreachable(_ failure: RedisFailure, _ target: RedisTarget) -> Finding {
        let place = target.address.description
        let words = failure.description
        if words.hasPrefix("NOAUTH") || words.contains("Authentication required") {
            return Finding(.fault, subject, "\(place) wants a password", mend: "Set redis.password, or write it into store.")
        }
        if words.hasPrefix("WRONGPASS") || words.contains("invalid password") || words.contains("without any password") {
            return Finding(
                .fault, subject, "\(place) does not take this user and password (\(words))",
                mend: "Compare redis.password and the user in store with its ACL (\"redis-cli ACL LIST\").")
        }
        if failure.isRefusal {
            return Finding(
                .fault, subject, "\(place) refuses the connection: \(words)", mend: "Its log says more; OPERATIONS lists the rights.")
        }
        return Finding(
            .fault, subject, "\(place) cannot be reached: \(words)",
            mend: "Is it running, does it listen there (bind, port, protected-mode), and does a firewall let this machine in?")
    }

    // MARK: Judging

    static func findings(_ look: Look, _ config: GatewayConfig) -> [Finding] {
        let facts = look.facts
        var findings: [Finding] = []
        func add(_ verdict: Finding.Verdict, _ sentence: String, _ mend: String) {
            findings.append(Finding(verdict, subject, sentence, mend: mend))
        }
        if facts.isTooOld {
            add(.fault, "it is version \(facts.version ?? "?"); the gateway needs \(RedisFacts.oldestMajor) or newer", "Upgrade it.")
        }
        if facts.isReplica {
            add(.fault, "it is a replica, which takes no changes", "Name the primary in store, or a name that follows it.")
        }
        if let refusal = look.scriptRefusal {
            add(.fault, "it does not run the gateway's scripts (\(refusal))", "Give its user the rights that OPERATIONS lists.")
        }
        if facts.evictsRecords {
            add(
                .fault, "it throws any key away when its memory is full (maxmemory-policy \(facts.evictionPolicy)), keys and accounts too",
                "Set maxmemory-policy noeviction, and watch its memory.")
        } else if facts.evictsLimits {
            add(
                .warning,
                "it throws keys away when its memory is full (maxmemory-policy \(facts.evictionPolicy)): such a limit forgets what was used",
                "Set maxmemory-policy noeviction, and watch its memory.")
        }
        if facts.memoryLimit > 0, facts.memoryUsed > facts.memoryLimit / 10 * 9 {
            add(.warning, "over nine tenths of its maxmemory are used; full, it takes no changes", "Raise maxmemory.")
        }
        findings += persistence(look)
        if let skew = look.skewMilliseconds, abs(skew) > skewMilliseconds {
            add(
                .warning,
                "its clock is \(Spoken.length(seconds: abs(skew) / 1000)) \(skew > 0 ? "ahead of" : "behind") this machine's: limits go by its, the ledger by ours",
                "Run systemd-timesyncd or chrony on both.")
        }
        if look.microseconds > config.redis.commandTimeout.milliseconds * 1000 / 4 {
            add(
                .warning,
                "an answer takes \(look.microseconds / 1000) ms, and redis.command_timeout is \(config.redis.commandTimeout.milliseconds) ms",
                "Bring it nearer, or raise redis.command_timeout.")
        }
        if !findings.contains(where: { $0.verdict == .fault }) {
            let version = facts.version.map { "Redis \($0)" } ?? "it"
            findings.insert(Finding(.ok, subject, "\(version) answers in \(look.microseconds) µs and runs the gateway's scripts"), at: 0)
        }
        return findings
    }

    private static func persistence(_ look: Look) -> [Finding] {
        if look.facts.failsToSave {
            return [
                Finding(
                    .fault, subject, "it fails to save to its disk, and may take no changes",
                    mend: "Look at its log, its disk and its folder.")
            ]
        }
        if look.facts.appendsToDisk {
            if look.sync == "no" {
                return [
                    Finding(
                        .warning, subject, "it leaves it to the kernel when changes reach the disk (appendfsync no)",
                        mend: "Set appendfsync everysec, or always.")
                ]
            }
            return []
        }
        return look.snapshots == ""
            ? [
                Finding(
                    .warning, subject, "it keeps nothing on its disk: started anew it is empty, keys and accounts gone",
                    mend: "Set appendonly yes.")
            ]
            : [
                Finding(
                    .warning, subject, "it writes snapshots only: when it dies, what was changed since the last one is lost",
                    mend: "Set appendonly yes.")
            ]
    }
}
