import Glibc
import Testing

@testable import GatewayHost

/// `GATEWAY_REWRITE_DOCS=1 swift test --filter Documents` writes what these compare.
@Suite struct DocumentsTests {
    private static let root = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined()

    @Test(arguments: ["CONFIG.md", "gateway.schema.json"])
    func generatedDocumentsSayWhatTheTableSays(name: String) throws {
        let text = name == "CONFIG.md" ? ConfigDocument.markdown : ConfigDocument.schema
        let path = "\(Self.root)/docs/\(name)"
        if getenv("GATEWAY_REWRITE_DOCS") != nil {
            mkdir("\(Self.root)/docs", 0o755)
            #expect(FileBytes.replace(path, with: Array(text.utf8), mode: 0o644) == nil)
        }
        let committed = try String(decoding: FileBytes.read(path, limit: 1 << 20).get(), as: UTF8.self)
        #expect(committed == text, "docs/\(name) is generated; rewrite it with GATEWAY_REWRITE_DOCS=1")
    }

    @Test func theSchemaKnowsEveryOption() throws {
        let schema = try JSONParser.parse(ConfigDocument.schema)
        for row in Options.gateway.rows {
            var place = schema
            for part in row.key.split(separator: ".") {
                place = try #require(place["properties"]?[String(part)], "\(row.key)")
            }
            #expect(place["description"]?.string == row.doc)
        }
    }

    @Test func everyOptionIsExplained() {
        for (key, doc) in Options.gateway.rows.map({ ($0.key, $0.doc) }) + Options.chain.rows.map({ ($0.key, $0.doc) }) {
            #expect(doc.hasSuffix(".") && doc.utf8.count > 15, "\(key)")
            #expect(!doc.contains("|"), "\(key) would break the table")
        }
    }
}
