// What a new generation of the chain learns from the old one: who rests, until when and why, and which
// conversation is with whom.
//
// JSON with a version, because the two may be different binaries. Monotonic time is the same for both, since
// they live in one process. Accounts are found by id; those that are gone hold nobody. Conversations are one
// text of fixed columns, because there may be many; they are taken over if the table's secret key is the same.
//
// Kind: pure but for the standings' atomics; runs on the control thread.

import PluginKit

enum PoolSnapshot {
    private static let version: Int64 = 3
    /// tag 32 | serial 8 | end 16 | cached tokens 8 | long 1
    private static let columns = 65

    static func save(_ pool: AccountPool) -> [UInt8] {
        let accounts = pool.all.map { standing in
            let healths = LimitScope.allCases.compactMap { scope -> String? in
                let health = standing.health(scope)
                guard let trouble = health.trouble else { return nil }
                return "{\"scope\":\(scope.rawValue),\"phase\":\(health.phase.rawValue),\"until\":\(health.until),"
                    + "\"failures\":\(health.failures),\"trouble\":\(trouble.rawValue),\"source\":\(health.source.rawValue)}"
            }
            return "{\"id\":\(JSON.quoted(standing.id)),\"serial\":\(standing.serial),"
                + "\"health\":[\(healths.joined(separator: ","))]}"
        }
        var bindings = ""
        pool.sticky.forEach { tag, binding, end, isLong in
            for (number, width) in [
                (tag.low, 16), (tag.high, 16), (UInt64(binding.account), 8), (end, 16),
                (UInt64(binding.cachedTokens), 8),
            ] {
                bindings += hexadecimal(number, width)
            }
            bindings += isLong ? "1" : "0"
        }
        return Array(
            "{\"version\":\(version),\"accounts\":[\(accounts.joined(separator: ","))],\"key\":\"\(check(pool))\",\"conversations\":\"\(bindings)\"}"
                .utf8)
    }

    static func load(_ bytes: Bytes, into pool: AccountPool) throws {
        let document = Settings(try JSON(parsing: bytes))
        guard document["version"].value == .integer(version) else {
            throw document["version"].invalid("not a version that this plugin reads")
        }
        var serials: [UInt64: UInt32] = [:]
        for entry in try document["accounts"].list() {
            let id = try entry["id"].text()
            let standing = pool.known(id) ?? pool.standing(id)
            serials[UInt64(try entry["serial"].integer(in: 0...Int(UInt32.max)))] = standing.serial
            for place in try entry["health"].list() {
                func number(_ name: String) throws -> UInt8 { UInt8(try place[name].integer(in: 0...255)) }
                guard let scope = LimitScope(rawValue: try number("scope")),
                    let phase = Health.Phase(rawValue: try number("phase")),
                    let trouble = Trouble(rawValue: try number("trouble")),
                    let source = EndSource(rawValue: try number("source"))
                else { continue }
                let until = UInt64(try place["until"].integer(in: 0...Int(Int64.max)))
                let failures = try number("failures")
                standing.change(scope) {
                    $0 = Health(phase: phase, until: until, failures: failures, trouble: trouble, source: source)
                }
            }
        }
        guard try document["key"].text() == check(pool) else { return }
        try document["conversations"].text().withBytes { restore($0, serials, into: pool.sticky) }
    }

    private static func restore(_ text: Bytes, _ serials: [UInt64: UInt32], into table: StickyTable) {
        var start = 0
        while start + columns <= text.count {
            let row = text.slice(start, start + columns)
            start += columns
            guard let low = number(row, 0, 16), let high = number(row, 16, 16), let old = number(row, 32, 8),
                let end = number(row, 40, 16), let cached = number(row, 56, 8), let account = serials[old]
            else { continue }
            table.restore(
                SipTag(low: low, high: high),
                StickyBinding(account: account, cachedTokens: UInt32(truncatingIfNeeded: cached)), end: end,
                isLong: row[64] == 0x31)
        }
    }

    /// Tells one secret key from another, and nothing about it.
    private static func check(_ pool: AccountPool) -> String {
        let tag = pool.sticky.tag(tenant: "", conversation: "check")
        return hexadecimal(tag.low, 16) + hexadecimal(tag.high, 16)
    }

    private static func hexadecimal(_ number: UInt64, _ width: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private static func number(_ row: Bytes, _ start: Int, _ count: Int) -> UInt64? {
        var number: UInt64 = 0
        for byte in row.slice(start, start + count).buffer {
            guard let digit = Character(UnicodeScalar(byte)).hexDigitValue else { return nil }
            number = number << 4 | UInt64(digit)
        }
        return number
    }
}
