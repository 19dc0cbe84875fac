// Sealed texts are found wherever they stand in a document, and nothing else of it changes.

import Testing

@testable import GatewayHost

@Suite struct SealedFieldsTests {
    private let sealed = "gws1.0123456789abcdef.AAECAw"

    private func replacing(_ document: String, _ replace: (SealedText, String) -> String?) -> String? {
        SealedFields.replacing(in: Array(document.utf8), replace).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func eachIsShownWithItsPointer() {
        let document = """
            { "a" : "\(sealed)",
              "b~/c": {"": ["x", 1.50, "\(sealed)", {"\\u00e4\\n": "\(sealed)"}]}, "d": "\(sealed) ", "e": "gws1.short.AA", "\(sealed)": null }
            """
        var pointers: [String] = []
        let result = replacing(document) { text, pointer in
            #expect(text.keyID == "0123456789abcdef" && text.sealed == [0, 1, 2, 3])
            pointers.append(pointer)
            return pointer == "/a" ? nil : "new"
        }
        #expect(pointers == ["/a", "/b~0~1c//2", "/b~0~1c//3/ä\n"])
        let expected = document.replacing("\"x\", 1.50, \"\(sealed)\"", with: "\"x\", 1.50, \"new\"")
            .replacing("\\n\": \"\(sealed)\"", with: "\\n\": \"new\"")
        #expect(result == expected)
        #expect(replacing(document) { _, _ in nil } == nil)
        #expect(replacing(document) { text, _ in text.text } == document)
        #expect(replacing("\"\(sealed)\"") { _, pointer in pointer.isEmpty ? "x" : nil } == "\"x\"")
    }

    @Test func documentsThatAreNoneAreLeftAlone() {
        let document = #"{"a":["\#(sealed)",{"b":"\#(sealed)"}]}"#
        for count in 0..<document.utf8.count {
            #expect(replacing(String(document.prefix(count))) { _, _ in "x" } == nil)
        }
        let deep = String(repeating: "[", count: 500) + "\"\(sealed)\"" + String(repeating: "]", count: 500)
        #expect(replacing(deep) { _, _ in "x" } == nil)
    }

    @Test func aSealedTextIsReadAsItWasWritten() {
        let text = SealedText(keyID: "0123456789abcdef", sealed: [1, 2, 255])
        #expect(SealedText(text.text)?.sealed == [1, 2, 255])
        for other in [
            "", "gws1", "gws1..", "gws1.0123456789abcdef", "gws1.0123456789abcdef.A", "gws1.0123456789abcdef.AA=",
            "gws2.0123456789abcdef.AA", "gws1.0123456789abcdef.AA.AA",
        ] {
            #expect(SealedText(other) == nil, "\(other)")
        }
    }

    @Test func noTwoPlacesHaveTheSameBytes() {
        let places = [
            SealPlace("a", "b", "c"), SealPlace("ab", "", "c"), SealPlace("", "ab", "c"), SealPlace("a", "", "bc"),
            SealPlace("a", "bc", ""),
        ]
        #expect(Set(places.map(\.bytes)).count == places.count)
    }
}
