// The documents name every option and every metric, and every schema is JSON.

import Glibc
import PluginKit
import Testing

@testable import AccountPickerCore
@testable import AuthCore
@testable import MetricsCore
@testable import RateLimitCore
@testable import SOCKSProxyCore

@Suite struct DocumentationTests {
    private func document(_ name: String) throws -> String {
        let root = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined()
        let file = try #require(fopen("\(root)/docs/\(name)", "r"))
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Names of all properties of a schema, at every depth.
    private func options(_ schema: JSON) -> Set<String> {
        var names: Set<String> = []
        guard case .map(let members) = schema else { return names }
        for member in members {
            if member.name == "properties", case .map(let properties) = member.value {
                names.formUnion(properties.map(\.name))
                for property in properties { names.formUnion(options(property.value)) }
            } else if case .list(let elements) = member.value {
                for element in elements { names.formUnion(options(element)) }
            } else {
                names.formUnion(options(member.value))
            }
        }
        return names
    }

    @Test(arguments: [
        AuthOptions.schema, RateLimitOptions.schema, AccountPickerOptions.schema, SOCKSProxyOptions.schema,
        MetricsOptions.schema,
    ])
    func everyOptionIsDescribed(schema: String) throws {
        let names = options(try #require(schema.withBytes { try? JSON(parsing: $0) }))
        #expect(!names.isEmpty)
        let text = try document("BUNDLED-PLUGINS.md")
        for name in names {
            let spellings = ["`\(name)`", "`\(name).", ".\(name)`", ", \(name),", "{ \(name):", ", \(name) }"]
            let isThere = spellings.contains { text.contains($0) }
            #expect(isThere, "docs/BUNDLED-PLUGINS.md does not describe `\(name)`")
        }
    }

    @Test func everyMetricIsDescribed() throws {
        let host = try FakeHost(Metrics.self, #"{"by_key":true}"#)
        let text = try document("METRICS.md")
        #expect(host.metrics.names.count == 12)
        for name in host.metrics.names {
            #expect(text.contains("`\(name)`"), "docs/METRICS.md does not describe `\(name)`")
        }
    }
}
