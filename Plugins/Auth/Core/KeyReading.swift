// A key as it stands in the configuration or in a stored record, and what becomes of it.
//
// Both are checked by a schema before; what a schema cannot say is checked here, and the place is named.
//
// Kind: pure.

import PluginKit

extension KeyRecord {
    /// - Parameter id: of the stored record; nil for a key of the configuration.
    convenience init(_ settings: Settings, id: String? = nil) throws(PluginError) {
        var addresses: [AddressRange] = []
        for place in try settings["addresses"].list() {
            guard let range = AddressRange(try place.text()) else {
                throw place.invalid("an address or a range like 10.0.0.0/8 is needed here")
            }
            addresses.append(range)
        }
        self.init(
            name: try settings["name"].text(),
            tenant: try settings["tenant"].ifPresent?.text(),
            isEnabled: try settings["enabled"].ifPresent?.bool() ?? true,
            expires: try KeyRecord.time(settings["expires"]),
            models: try ModelPatterns(settings["models"]),
            addresses: addresses,
            previousUntil: try KeyRecord.time(settings["previous_until"]),
            terms: try id.flatMap { id throws(PluginError) in try KeyTerms(settings, id: id) })
    }

    private static func time(_ place: Settings) throws(PluginError) -> Timestamp? {
        guard let text = try place.ifPresent?.text() else { return nil }
        guard let time = text.withBytes({ Timestamp(rfc3339: $0) }) else {
            throw place.invalid("a time like 2026-12-31T23:59:59Z is needed here (RFC 3339)")
        }
        return time
    }
}

enum LimitReading {
    /// gw.limits of what a record says under `limits`; nil if it says nothing.
    static func text(_ limits: Settings, owner: String) throws(PluginError) -> String? {
        let numbers = [
            try limits["requests_per_minute"].ifPresent?.integer() ?? 0, try limits["concurrency"].ifPresent?.integer() ?? 0,
            try limits["token_limit"].ifPresent?.integer() ?? 0,
        ]
        var words = [numbers.map { String($0) }.joined(separator: " ") + " " + owner]
        for place in try limits["budgets"].list() {
            let text = try place.text()
            guard BudgetText(text) != nil else {
                throw place.invalid(
                    "an amount like \"5.00 usd per day\", \"20000 output_tokens per minute\" or \"1000000 tokens in all\" is needed here; "
                        + "only usd has decimals, at most nine; behind it may stand stop_streams (not for requests) and without_redis allow"
                )
            }
            words.append(text)
        }
        if try limits["unpriced"].ifPresent?.text() == "refuse" { words.append("unpriced refuse") }
        return words.count > 1 || numbers.contains { $0 > 0 } ? words.joined(separator: ";") : nil
    }
}

extension KeyTerms {
    convenience init?(_ settings: Settings, id: String) throws(PluginError) {
        // A key with an account of its own never falls through to a group.
        let account = try settings["account"].ifPresent?.text()
        let groups = try settings["groups"].texts()
        self.init(
            limits: try LimitReading.text(settings["limits"], owner: id),
            accounts: account ?? (groups.isEmpty ? nil : groups.joined(separator: " ")),
            clientGone: try settings["client_gone"].ifPresent?.text())
    }
}

extension KeyEntry {
    /// A stored record.
    /// - Parameter tag: what stands for a key with this digest.
    init(_ record: Record, tag: (Digest) -> Digest) throws {
        let settings = try record.settings()
        self.record = try KeyRecord(settings, id: record.id.string)
        pepper = try settings["legacy_pepper"].ifPresent.map { Array(try $0.text().utf8) }
        // One that was taken over, and not rotated since.
        current =
            settings["key_hash"].isAbsent && !settings["legacy_hash"].isAbsent
            ? tag(try KeyEntry.tag(settings["legacy_hash"])) : try KeyEntry.tag(settings["key_hash"])
        previous = try settings["previous_hash"].ifPresent.map { try KeyEntry.tag($0) }
    }

    private static func tag(_ place: Settings) throws(PluginError) -> Digest {
        guard let tag = Digest(hexadecimal: try place.text()) else { throw place.invalid("64 hexadecimal digits are needed here") }
        return tag
    }
}
