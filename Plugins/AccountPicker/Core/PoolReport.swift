// How accounts stand, and why a request got the one it got, as documents for people.
//
// Kind: pure, from what the pool holds.

import PluginKit

enum PoolReport {
    /// - Parameters:
    ///   - members: accounts as they are configured now.
    ///   - now: monotonic milliseconds; wall: seconds since 1970, of the same moment.
    static func status(_ members: [Member], _ pool: AccountPool, _ oauth: OAuth? = nil, now: UInt64, wall: Int) -> JSON {
        JSON.object([
            ("accounts", .list(members.map { account($0, pool, oauth, now: now, wall: wall) })),
            ("waiting", .integer(Int64(pool.room.waiting))),
            ("conversations", .integer(Int64(pool.sticky.count(at: now)))),
        ])
    }

    static func account(_ member: Member, _ pool: AccountPool, _ oauth: OAuth? = nil, now: UInt64, wall: Int) -> JSON {
        let standing = member.standing
        var rests: [JSON] = []
        var worst = Health.Phase.healthy
        var until: String?
        var reason: String?
        for scope in LimitScope.allCases {
            let health = standing.health(scope)
            guard health.phase != .healthy, let trouble = health.trouble else { continue }
            if health.phase.rawValue > worst.rawValue {
                worst = health.phase
                until = time(health.until, now: now, wall: wall)
                reason = words(trouble.word, scope) + (health.source.header.map { ", \($0)" } ?? "")
            }
            rests.append(
                JSON.object([
                    ("of", .text("\(scope.word)")), ("state", .text("\(health.phase.word)")),
                    ("reason", .text("\(trouble.word)")), ("failures", .integer(Int64(health.failures))),
                    ("until", .text(time(health.until, now: now, wall: wall))),
                    ("until_from", .text(health.source.header.map { "\($0)" } ?? "back-off")),
                ]))
        }
        if GrantWord(bits: standing.grant).verdict(at: now) == .missing { (worst, until, reason) = (.needsOperator, nil, "no_credential") }
        var leftAlone: [JSON] = []
        for scope in LimitScope.allCases {
            let forecast = standing.forecast(scope)
            guard forecast.until > now else { continue }
            leftAlone.append(
                JSON.object([
                    ("of", .text("\(scope.word)")), ("requests_left", .integer(Int64(forecast.room / Forecast.unit))),
                    ("until", .text(time(forecast.until, now: now, wall: wall))),
                ]))
            if reason == nil, forecast.leavesAlone(at: now) { reason = words("nearly_exhausted", scope) }
        }
        return JSON.object([
            ("id", .text(standing.id)), ("name", .text(member.label)),
            ("state", .text(member.isEnabled ? "\(worst.word)" : "switched_off")),
            ("until", until.map { .text($0) } ?? .null), ("reason", reason.map { .text($0) } ?? .null),
            ("credential", oauth?.known(standing.id).map { credential($0, now: now) }),
            ("in_flight", .integer(Int64(standing.load))),
            ("concurrency", standing.limit == Standing.unlimited ? .null : .integer(Int64(standing.limit))),
            ("rests", .list(rests)), ("forecast", .list(leftAlone)),
            ("pace", .real((Double(standing.paceRatio) * 100).rounded() / 100)),
        ])
    }

    /// `rate_limited of opus`
    private static func words(_ word: StaticString, _ scope: LimitScope) -> String {
        scope == .account ? "\(word)" : "\(word) of \(scope.word)"
    }

    private static func credential(_ held: HeldGrant, now: UInt64) -> JSON {
        let grant = held.grant
        let use =
            switch GrantWord(bits: held.standing.grant).verdict(at: now) {
            case .ready: "usable"
            case .comes: "refreshing"
            case .missing: "none"
            }
        return JSON.object([
            ("state", .text(grant.state.rawValue)), ("access_token", .text(use)),
            ("valid_until", grant.expires.map { .text(Timestamp(seconds: $0).text) }), ("detail", grant.detail.map { .text($0) }),
        ])
    }

    private static func time(_ moment: UInt64, now: UInt64, wall: Int) -> String {
        let distance = moment >= now ? Int(clamping: (moment - now + 999) / 1000) : -Int(clamping: (now - moment) / 1000)
        return Timestamp(seconds: wall + min(distance, 3_000_000_000)).text
    }

    /// Of the text of a request id, "gw_" with the process's mark and twelve digits: the number of the request.
    static func request(_ text: String) -> UInt64? {
        let digits = text.suffix(12)
        return digits.count == 12 ? UInt64(digits, radix: 16) : nil
    }
}
