// How often a proxy is looked after on a clock, and what it is to connect to: one member `check`, in the configuration, at one
// of its proxies, and in a record.
//
// Kind: pure value.

import PluginKit

struct CheckRule: Equatable, Sendable {
    var everyMilliseconds: UInt64 = 30_000
    /// For the connection, and for TLS with the target.
    var timeoutMilliseconds: UInt32 = 5_000
    /// scheme://host[:port]; nil: the upstream of the gateway.
    var target: String?

    /// nil: it is not checked.
    /// - Parameter general: what holds where nothing else is said.
    init?(_ place: Settings, general: CheckRule?) throws(PluginError) {
        guard let place = place.ifPresent else {
            guard let general else { return nil }
            self = general
            return
        }
        guard try place["enabled"].ifPresent?.bool() ?? true else { return nil }
        self = general ?? CheckRule()
        if let every = place["every_seconds"].ifPresent { everyMilliseconds = UInt64(try every.integer(in: 1...86_400)) * 1000 }
        if let timeout = place["timeout_seconds"].ifPresent { timeoutMilliseconds = UInt32(try timeout.integer(in: 1...60)) * 1000 }
        guard let given = place["target"].ifPresent else { return }
        let text = try given.text()
        guard Self.isOrigin(text) else { throw given.invalid("an origin like https://api.example.com is needed here, without a path") }
        target = text
    }

    private init() {}

    private static func isOrigin(_ text: String) -> Bool {
        let scheme = ["https://", "http://"].first { text.hasPrefix($0) }
        guard let scheme, text.utf8.count <= 300 else { return false }
        let rest = text.dropFirst(scheme.count)
        return !rest.isEmpty && rest.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !Array("/?#@".utf8).contains($0) }
    }

    static let schema = """
        {
          "title": "Check", "description": "Connect through it on a clock, so that it rests before a request meets it; nothing is asked of the target.",
          "type": "object", "additionalProperties": false,
          "properties": {
            "enabled": { "title": "Checked", "description": "Off: never, whatever holds for other proxies.", "type": "boolean", "default": true },
            "every_seconds": { "title": "Every", "x-unit": "seconds", "description": "From one check to the next.", "type": "integer",
              "minimum": 1, "maximum": 86400, "default": 30 },
            "timeout_seconds": { "title": "Time", "x-unit": "seconds", "description": "For the connection, and for TLS with the target.",
              "type": "integer", "minimum": 1, "maximum": 60, "default": 5 },
            "target": { "title": "Target", "description": "An origin like https://api.example.com; none: the upstream of the gateway.",
              "type": "string", "minLength": 8, "maxLength": 300 }
          }
        }
        """
}
