// Finding values by skipping: places, kinds, pointers, and what counts as no document.

import Testing

@testable import GatewayHost

@Suite struct JSONScannerTests {
    /// `key=value` for each member, or nil when the text is no whole object.
    static func members(_ text: String) -> [String]? {
        withWire(text) { bytes in
            let scanner = JSONScanner(bytes)
            var result: [String] = []
            let isWhole = scanner.forEachTopLevelMember { key, value in
                result.append("\(key.raw.string)=\(scanner.bytes(value).string):\(value.kind)")
            }
            return isWhole ? result : nil
        }
    }

    static func at(_ pointer: String, _ text: String) -> String? {
        withWire(text) { bytes in
            withWire(pointer) { pointer in
                let scanner = JSONScanner(bytes)
                return scanner.value(at: pointer).map { scanner.bytes($0).string }
            }
        }
    }

    @Test func membersComeInOrderWithTheirKinds() {
        #expect(
            Self.members(
                " { \"a\" : 1 ,\"b\":\"x\\\"}\",\"c\":[1,{\"d\":\"]\"}],\"e\":{\"f\":{}},\"g\":true,\"h\":null}\n")
                == [
                    "a=1:number", "b=\"x\\\"}\":string", "c=[1,{\"d\":\"]\"}]:array", "e={\"f\":{}}:object",
                    "g=true:bool", "h=null:null",
                ])
        #expect(Self.members("{}") == [])
        #expect(Self.members("{\"\":-0.5e+3}") == ["=-0.5e+3:number"])
    }

    @Test(arguments: [
        "", " ", "{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{\"a\":\"x",
        "{\"a\":\"x\\", "{\"a\":\"x\\\"}", "{\"a\":[1}", "{\"a\":{}", "{a:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}",
        "{\"a\":1}}", "{\"a\":1}x", "[1]", "1", "{\"a\":}", "{\"a\":,}", "{,}", "\u{feff}{}", "{\"a\":x}",
    ])
    func cutOffOrBrokenTextsAreNoObject(_ text: String) {
        #expect(Self.members(text) == nil)
    }

    @Test func everyPrefixOfAnObjectIsNone() {
        let text = Array("{\"k\\u0061\":\"v\\\\\",\"n\":[{\"a\":[]},\"[\\\"\"],\"z\":false}".utf8)
        for count in 0..<text.count { #expect(Self.members(String(decoding: text[..<count], as: UTF8.self)) == nil) }
        #expect(Self.members(String(decoding: text, as: UTF8.self)) != nil)
    }

    @Test func stringsOfEveryLengthEndWhereTheyEnd() {
        // Lengths around the width of a vector, with the quotation mark and the escape at each place.
        for length in 0..<70 {
            let plain = String(repeating: "x", count: length)
            #expect(Self.members("{\"a\":\"\(plain)\",\"b\":1}")?.count == 2)
            #expect(Self.members("{\"a\":\"\(plain)\\\"\(plain)\",\"b\":1}")?.count == 2)
            #expect(Self.members("{\"a\":[\"\(plain)]\",\"\(plain)Y_y\"],\"b\":1}")?.count == 2)
        }
    }

    @Test func backslashesCountAcrossBlocks() {
        // Runs of backslashes before a quotation mark, at every place around the edges of a block.
        for before in 0..<140 {
            for run in 0..<6 {
                let filler = String(repeating: "x", count: before)
                let slashes = String(repeating: "\\", count: run)
                let ending = run.isMultiple(of: 2) ? "\"" : "\"]\""
                #expect(
                    Self.members("{\"a\":[\"\(filler)\(slashes)\(ending)],\"b\":1}")?.count == 2, "\(before) \(run)")
            }
        }
    }

    @Test func nestingIsLimited() {
        func nested(_ depth: Int) -> String {
            "{\"a\":" + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}"
        }
        #expect(Self.members(nested(JSONNesting.depthLimit)) != nil)
        #expect(Self.members(nested(JSONNesting.depthLimit + 1)) == nil)
    }

    @Test func keysAreComparedAsTheyAreMeant() {
        withWire("{\"m\\u006fdel\":1,\"mode\":2,\"\\ud83d\\ude00\":3,\"m\\q\":4}") { bytes in
            var found: [String] = []
            _ = JSONScanner(bytes).forEachTopLevelMember { key, value in
                if key.equals("model") { found.append("model") }
                if key.equals("mode") { found.append("mode") }
                if key.equals("\u{1F600}") { found.append("smile") }
            }
            #expect(found == ["model", "mode", "smile"])
        }
    }

    // RFC 6901 section 5.
    static let example =
        "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}"

    @Test(arguments: [
        ("", example), ("/foo", "[\"bar\",\"baz\"]"), ("/foo/0", "\"bar\""), ("/", "0"), ("/a~1b", "1"), ("/c%d", "2"),
        ("/e^f", "3"), ("/g|h", "4"), ("/i\\j", "5"), ("/k\"l", "6"), ("/ ", "7"), ("/m~0n", "8"),
    ])
    func pointersOfTheRFC(_ pointer: String, _ value: String) throws {
        #expect(Self.at(pointer, Self.example) == value)
        let document = try JSONParser.parse(Self.example)
        #expect(document.value(at: pointer) == (try JSONParser.parse(value)))
    }

    @Test(arguments: [
        "foo", "/foo/2", "/foo/-", "/foo/01", "/foo/+1", "/foo/0/x", "/nope", "/m~n", "/m~2n", "/m~", "/foo/1/",
        "/foo/99999999999999999999",
    ])
    func pointersToNothing(_ pointer: String) throws {
        #expect(Self.at(pointer, Self.example) == nil)
        #expect(try JSONParser.parse(Self.example).value(at: pointer) == nil)
    }

    @Test func theLastOfEqualMembersCounts() {
        #expect(Self.at("/a/b", "{\"a\":1,\"a\":{\"b\":2,\"\\u0062\":3}}") == "3")
    }

    @Test func nothingIsFoundInABrokenDocument() {
        #expect(Self.at("/a", "{\"a\":1,\"b\":") == nil)
        #expect(Self.at("/a", "{\"a\":1} x") == nil)
        #expect(Self.at("", "12 ") == "12")
    }
}
