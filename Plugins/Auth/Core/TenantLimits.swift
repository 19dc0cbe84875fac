// The limits of tenants, by name, as they stand in gw.limits.
//
// Kind: confined to its worker.

import PluginKit

final class TenantLimits {
    private var byName: [[UInt8]: [UInt8]] = [:]
    /// Names by record, so that one that is renamed or goes takes its limits along.
    private var names: [String: [UInt8]] = [:]

    var isEmpty: Bool { byName.isEmpty }

    subscript(name: [UInt8]) -> [UInt8]? { byName[name] }

    /// - Parameter settings: of the record; nil if it is gone.
    /// - Throws: when the record's limits are none; then it has none.
    func set(_ id: String, _ settings: Settings?) throws {
        if let name = names.removeValue(forKey: id) { byName[name] = nil }
        guard let settings else { return }
        let name = try settings["name"].text()
        guard let limits = try LimitReading.text(settings["limits"], owner: id) else { return }
        names[id] = Array(name.utf8)
        byName[Array(name.utf8)] = Array(limits.utf8)
    }

    /// What a schema cannot say.
    static func check(_ settings: Settings) throws { _ = try LimitReading.text(settings["limits"], owner: "tenant") }
}
