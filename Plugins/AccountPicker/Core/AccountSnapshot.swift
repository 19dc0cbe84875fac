// What a new generation of the chain learns from the old one: which accounts cool, and until when.
//
// JSON with a version, because the two may be different binaries. Monotonic time is the same for
// both, since they live in one process. Accounts are found by name; those that are gone are skipped.
//
// Kind: pure but for the accounts' atomics; runs on the control thread.

import PluginKit

enum AccountSnapshot {
    private static let version: Int64 = 1

    static func save(_ accounts: [Account]) -> [UInt8] {
        let entries = accounts.compactMap { account -> String? in
            let cooling = account.cooling
            guard let reason = cooling.reason else { return nil }
            return "{\"name\":\(JSON.quoted(account.label)),\"until\":\(cooling.until),"
                + "\"failures\":\(cooling.failures),\"reason\":\(reason.rawValue)}"
        }
        return Array("{\"version\":\(version),\"accounts\":[\(entries.joined(separator: ","))]}".utf8)
    }

    static func load(_ bytes: Bytes, into accounts: [Account]) throws {
        let document = Settings(try JSON(parsing: bytes))
        guard document["version"].value == .integer(version) else {
            throw document["version"].invalid("not the version that this plugin writes")
        }
        for entry in try document["accounts"].list() {
            let name = try entry["name"].text()
            guard let account = accounts.first(where: { $0.label == name }) else { continue }
            let number = try entry["reason"].integer(in: 0...255)
            guard let reason = CoolingReason(rawValue: UInt8(number)) else { continue }
            let cooling = Cooling(
                until: UInt64(try entry["until"].integer()),
                failures: UInt8(try entry["failures"].integer(in: 0...255)), reason: reason)
            account.changeCooling { $0 = cooling }
        }
    }
}
