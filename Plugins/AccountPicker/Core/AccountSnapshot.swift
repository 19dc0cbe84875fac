// What a new generation of the chain learns from the old one: which accounts cool, and until when.
//
// JSON with a version, because the two may be different binaries. Monotonic time is the same for
// both, since they live in one process. Accounts are found by id; those that are gone cool nobody.
//
// Kind: pure but for the accounts' atomics; runs on the control thread.

import PluginKit

enum AccountSnapshot {
    private static let version: Int64 = 2
    /// The first version told accounts of the configuration by name.
    private static let nameVersion: Int64 = 1

    static func save(_ registry: AccountRegistry) -> [UInt8] {
        let entries = registry.all.compactMap { id, state -> String? in
            let cooling = state.cooling
            guard let reason = cooling.reason else { return nil }
            return "{\"id\":\(JSON.quoted(id)),\"until\":\(cooling.until),"
                + "\"failures\":\(cooling.failures),\"reason\":\(reason.rawValue)}"
        }
        return Array("{\"version\":\(version),\"accounts\":[\(entries.joined(separator: ","))]}".utf8)
    }

    /// Also of accounts whose records are not told yet.
    /// - Parameter fixed: ids of the accounts that the configuration has now.
    static func load(_ bytes: Bytes, into registry: AccountRegistry, fixed: Set<String>) throws {
        let document = Settings(try JSON(parsing: bytes))
        let written = document["version"].value
        guard written == .integer(version) || written == .integer(nameVersion) else {
            throw document["version"].invalid("not a version that this plugin writes")
        }
        for entry in try document["accounts"].list() {
            let id = written == .integer(version) ? try entry["id"].text() : "config:" + (try entry["name"].text())
            if id.hasPrefix("config:"), !fixed.contains(id) { continue }
            let number = try entry["reason"].integer(in: 0...255)
            guard let reason = CoolingReason(rawValue: UInt8(number)) else { continue }
            let cooling = Cooling(
                until: UInt64(try entry["until"].integer()),
                failures: UInt8(try entry["failures"].integer(in: 0...255)), reason: reason)
            registry.state(of: id).changeCooling { $0 = cooling }
        }
    }
}
