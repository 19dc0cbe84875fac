// The document tree: what the parser accepts, where it says the fault is, and what is written back.

import Testing

@testable import GatewayHost

@Suite struct JSONValueTests {
    @Test func documentsAreReadIntoATree() throws {
        let value = try JSONParser.parse(
            " {\"a\":[1,-2,3.5,1e3,true,false,null],\"b\":{\"c\":\"x\\n\\u00e9\\ud83d\\ude00\"},\"big\":9223372036854775808}"
        )
        #expect(value["a"] == [1, -2, 3.5, 1000.0, true, false, nil])
        #expect(value["b"]?["c"] == "x\n\u{e9}\u{1F600}")
        #expect(value["a"]?[3]?.int == 1000)
        #expect(value["big"] == .double(9_223_372_036_854_775_808))
        #expect(value.value(at: "/b/c")?.string == "x\n\u{e9}\u{1F600}")
        #expect(value.object?.names == ["a", "b", "big"])
    }

    @Test func theLastOfEqualMembersCountsAtTheFirstPlace() throws {
        let value = try JSONParser.parse("{\"a\":1,\"b\":2,\"a\":3}")
        #expect(value.object?.names == ["a", "b"])
        #expect(value["a"] == 3)
    }

    @Test func objectsWithManyMembersStayConsistent() {
        var object = JSONObject()
        for index in 0..<100 { object["k\(index)"] = .int(Int64(index)) }
        object["k7"] = nil
        object["k50"] = "x"
        #expect(object.count == 99)
        #expect(object["k7"] == nil)
        #expect(object["k50"] == "x")
        #expect(object["k99"] == 99)
        #expect(object.names[7] == "k8")
        var reversed = JSONObject()
        for member in Array(object).reversed() { reversed[member.name] = member.value }
        #expect(reversed == object)
    }

    static let broken: [(String, JSONError.Reason, line: Int, column: Int)] = [
        ("", .endsEarly, 1, 1), ("{\"a\":", .endsEarly, 1, 6), ("[1,\n 2", .endsEarly, 2, 3),
        ("[1 2]", .missingComma, 1, 4),
        ("{\"a\" 1}", .missingColon, 1, 6), ("{a:1}", .unexpectedByte, 1, 2), ("[1,]", .unexpectedByte, 1, 4),
        ("\"a\nb\"", .controlByte, 1, 3), ("\"\\q\"", .invalidEscape, 1, 2), ("\"\\u12g4\"", .invalidEscape, 1, 2),
        ("[-]", .invalidNumber, 1, 3), ("[1.]", .invalidNumber, 1, 4), ("[1e]", .invalidNumber, 1, 4),
        ("01", .trailingBytes, 1, 2), ("{}\n\n x", .trailingBytes, 3, 2), ("tru", .endsEarly, 1, 4),
        ("trux", .unexpectedByte, 1, 4), ("1e999", .numberTooLarge, 1, 1), ("'a'", .unexpectedByte, 1, 1),
        ("\"abc", .endsEarly, 1, 5), ("\"abc\\", .endsEarly, 1, 6), ("\u{feff}{}", .unexpectedByte, 1, 1),
    ]

    @Test(arguments: broken) func faultsNameTheirPlace(_ row: (String, JSONError.Reason, line: Int, column: Int)) {
        let error = #expect(throws: JSONError.self) { try JSONParser.parse(row.0) }
        #expect(error?.reason == row.1)
        #expect(error?.line == row.line)
        #expect(error?.column == row.column)
    }

    @Test func limitsHold() throws {
        var limits = JSONParser.Limits()
        limits.depth = 3
        #expect(throws: Never.self) { try JSONParser.parse("[[[1]]]", limits: limits) }
        #expect(throws: JSONError.self) { try JSONParser.parse("[[[[1]]]]", limits: limits) }
        limits.bytes = 4
        #expect(throws: JSONError.self) { try JSONParser.parse("[1,2]", limits: limits) }
    }

    @Test func malformedUTF8IsRefusedByBoth() {
        for bytes in [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0x80]]
            as [[UInt8]]
        {
            let wire = WireText([0x22] + bytes + [0x22])
            #expect(!JSONValidator.isValid(wire.bytes))
            #expect(throws: JSONError.self) { try JSONParser.parse(wire.bytes) }
        }
    }

    @Test func loneSurrogatesBecomeReplacementCharacters() throws {
        #expect(try JSONParser.parse("\"\\ud800x\\udc00\\ud83d\\u0041\"").string == "\u{fffd}x\u{fffd}\u{fffd}A")
    }

    @Test func whatIsWrittenReadsBack() throws {
        let value: JSONValue = [
            "text": "quote \" back \\ line \n tab \t bell \u{7} del \u{7f} \u{2028} \u{1F600}", "empty": [],
            "none": [:],
            "numbers": [0, -1, 9_223_372_036_854_775_807, -9_223_372_036_854_775_808, 0.1, 1e300, -0.0, 2.5e-308],
            "deep": [["a": [nil, true, false]]],
        ]
        #expect(try JSONParser.parse(String(decoding: value.compact, as: UTF8.self)) == value)
        #expect(try JSONParser.parse(String(decoding: value.pretty, as: UTF8.self)) == value)
        #expect(value.compact.withUnsafeBytes { JSONValidator.isValid(Bytes($0)) })
    }

    @Test func textIsCompactOrForPeople() {
        let value: JSONValue = ["a": [1, "x:"], "b": [:], "c": ["d": nil]]
        #expect(String(decoding: value.compact, as: UTF8.self) == "{\"a\":[1,\"x:\"],\"b\":{},\"c\":{\"d\":null}}")
        #expect(
            String(decoding: value.pretty, as: UTF8.self)
                == "{\n  \"a\": [\n    1,\n    \"x:\"\n  ],\n  \"b\": {},\n  \"c\": {\n    \"d\": null\n  }\n}\n")
    }

    @Test func anyBytesMakeAValidString() {
        var builder = JSONBuilder()
        let wire = WireText([0x61, 0xff, 0xc3, 0xa9, 0xe2, 0x82, 0x22, 0x00, 0xf0, 0x9f, 0x98, 0x80, 0x80])
        builder.value(wire.bytes)
        #expect(builder.string == "\"a\u{fffd}\u{e9}\u{fffd}\u{fffd}\\\"\\u0000\u{1F600}\u{fffd}\"")
    }

    @Test func numbersThatAreNoneAreNull() {
        var builder = JSONBuilder()
        builder.beginArray()
        builder.value(Double.nan)
        builder.value(Double.infinity)
        builder.value(0.1)
        builder.value(Int64.min)
        builder.raw(Bytes("{\"x\":1}"))
        builder.endArray()
        #expect(builder.string == "[null,null,0.1,-9223372036854775808,{\"x\":1}]")
    }

    @Test(arguments: [
        ("null", true), (" [1 , 2.5e-7,\"\\u0041\\/\"] ", true), ("{\"a\":{}}", true), ("-0", true),
        ("\"\u{e9}\u{1F600}\"", true),
        ("", false), ("[", false), ("]", false), ("[1,]", false), ("{\"a\":1,}", false), ("{\"a\"}", false),
        ("{1:2}", false),
        ("00", false), ("+1", false), (".5", false), ("1.", false), ("1e+", false), ("nul", false), ("[1}", false),
        ("{]", false),
        ("\"\\x\"", false), ("\"\t\"", false), ("1 2", false), ("[1 2]", false), ("{\"a\" 1}", false),
        ("\"\\ud800\"", true),
    ])
    func validatorAndParserAgree(_ text: String, _ isValid: Bool) {
        #expect(withWire(text) { JSONValidator.isValid($0) } == isValid)
        #expect(((try? JSONParser.parse(text)) != nil) == isValid)
    }

    @Test func theValidatorNestsToItsLimit() {
        func nested(_ depth: Int) -> String {
            String(repeating: "[{\"a\":", count: depth / 2) + "1" + String(repeating: "}]", count: depth / 2)
        }
        #expect(withWire(nested(512)) { JSONValidator.isValid($0) })
        #expect(!withWire(nested(514)) { JSONValidator.isValid($0) })
    }
}
