// What a plugin's declaration becomes, and which sentence its author reads when it is wrong.

import Testing

@testable import GatewayHost

@Suite struct DeclarationTests {
    static func document(_ properties: String, required: String = #""name""#, more: String = "") -> String {
        """
        {"resources":[{"name":"doors","singular":"door","title":"Doors","id_prefix":"door","label":"/name",
          "schema":{"type":"object","additionalProperties":false,"required":[\(required)],
                    "properties":{"name":{"type":"string","minLength":1},\(properties)}}\(more)}]}
        """
    }

    static func read(_ properties: String, required: String = #""name""#, more: String = "") throws -> ResourceDeclaration {
        try #require(try ResourceDeclaration.read(document(properties, required: required, more: more)).first)
    }

    @Test func fieldsAreReadWithTheirMarks() throws {
        let door = try Self.read(
            """
            "code":{"type":"string","writeOnly":true},
            "limits":{"type":"object","additionalProperties":false,"properties":{
                "opens":{"type":"integer","title":"Openings","x-unit":"a day","x-flag":"limit","default":3}}},
            "seen":{"type":"string","format":"date-time","readOnly":true},
            "house":{"type":"string","x-reference":"houses"},
            "keys":{"type":"array","items":{"type":"string","x-reference":"keys"}},
            "bells":{"type":"array","items":{"type":"object","additionalProperties":false,
                "properties":{"tone":{"enum":["high","low"]},"pin":{"type":"string","writeOnly":true}}}}
            """,
            more: #","columns":["/name","/limits/opens"],"unique":["/name"]"#)
        #expect(
            door.fields.map(\.pointer) == ["/name", "/code", "/limits/opens", "/seen", "/house", "/keys", "/bells"])
        #expect(door.secrets == [["code"], ["bells", nil, "pin"]])
        #expect(door.references.map(\.collection) == ["houses", "keys"])
        #expect(door.references.map(\.pattern) == [["house"], ["keys", nil]])
        let opens = door.fields[2]
        #expect(opens.title == "Openings" && opens.unit == "a day" && opens.flag == "limit" && opens.initial == 3)
        #expect(door.fields[0].isRequired && !opens.isRequired && door.fields[3].isReadOnly && door.fields[1].isSecret)
        #expect(door.fields[5].reference == "keys" && door.fields[5].elements == [.string])
    }

    @Test func actionsHaveARoleAndAnInput() throws {
        let door = try Self.read(
            #""open":{"type":"boolean"}"#,
            more: """
                ,"actions":[{"name":"knock","title":"Knock","role":"viewer"},
                 {"name":"lock-all","title":"Lock all","on":"resource",
                  "input":{"type":"object","additionalProperties":false,"properties":{"pin":{"type":"string","writeOnly":true}}}}]
                """)
        #expect(door.actions.map(\.role) == [.viewer, .operator])
        #expect(door.actions.map(\.isOnRecord) == [true, false])
        #expect(door.actions[0].check([:]).1.isEmpty)
        #expect(door.actions[0].check(["a": 1]).1.map(\.pointer) == ["/a"])
        let (_, faults) = door.actions[1].check(["pin": 1234])
        #expect(faults.count == 1 && !faults[0].sentence.contains("1234"))
    }

    @Test func anActionMayHaveASequel() throws {
        let input = #"{"type":"object","additionalProperties":false,"properties":{"code":{"type":"string"}}}"#
        let enter = #"{"name":"enter","title":"Enter","input":\#(input)}"#
        func read(_ actions: String...) throws -> ResourceDeclaration {
            try Self.read(#""open":{"type":"boolean"}"#, more: ",\"actions\":[\(actions.joined(separator: ","))]")
        }
        let ring = #"{"name":"ring","title":"Ring","then":{"action":"enter","field":"/code","show":"/link"}}"#
        #expect(try read(ring, enter).actions[0].then == ResourceActionSequel(action: "enter", field: "/code", show: "/link"))
        for wrong in [
            ring.replacing("/code", with: "/pin"), ring.replacing("enter", with: "ring"), ring.replacing("enter", with: "leave"),
            ring.replacing(#","show":"/link""#, with: ""), ring.replacing(#""title""#, with: #""live":true,"title""#),
            ring.replacing(#""title""#, with: #""on":"resource","title""#),
        ] {
            #expect(throws: DeclarationFault.self, "\(wrong)") { try read(wrong, enter) }
        }
        #expect(throws: DeclarationFault.self) { try read(ring, enter.replacing("\"title\"", with: "\"on\":\"resource\",\"title\"")) }
    }

    @Test func liveActionsSaySo() throws {
        let door = try Self.read(
            #""open":{"type":"boolean"}"#,
            more: """
                ,"actions":[{"name":"knock","title":"Knock","live":true},
                 {"name":"status","title":"Status","on":"resource","live":true,"list_columns":["state","visitors"]}]
                """)
        #expect(door.actions.map(\.isLive) == [true, true])
        #expect(door.actions.map(\.listColumns) == [[], ["state", "visitors"]])
        for wrong in [
            #"{"name":"a","title":"A","live":"yes"}"#, #"{"name":"a","title":"A","live":true,"list_columns":["b"]}"#,
            #"{"name":"a","title":"A","on":"resource","list_columns":["b"]}"#,
        ] {
            #expect(throws: DeclarationFault.self) { try Self.read(#""open":{"type":"boolean"}"#, more: ",\"actions\":[\(wrong)]") }
        }
    }

    @Test(arguments: [
        ("{", "#: is not JSON"),
        (#"{"resource":[]}"#, "#/resource: is not known here; Did you mean \"resources\"?"),
        (#"{"resources":{}}"#, "#/resources: must be a list"),
        (document("\"a\":{}").replacing("doors", with: "Doors"), "#/resources/0/name: must begin with a small letter"),
        (document("\"a\":{}").replacing("doors", with: "audit"), "#/resources/0/name: \"audit\" means something"),
        (document("\"a\":{}").replacing("\"title\":\"Doors\",", with: ""), "#/resources/0/title: is missing"),
        (document("\"a\":{}").replacing("\"id_prefix\":\"door\"", with: "\"id_prefix\":\"do-or\""), "#/resources/0/id_prefix: must begin"),
        (
            document("\"a\":{}").replacing("\"additionalProperties\":false,", with: ""),
            "#/resources/0/schema: must have \"additionalProperties\""
        ),
        (document("\"a\":{}").replacing("\"type\":\"object\",", with: ""), "#/resources/0/schema: must have \"type\""),
        (document("\"a\":{\"$ref\":\"#\"}"), "#/resources/0/schema/properties/a/$ref: the gateway does not check"),
        (
            document("\"a\":{}").replacing("\"label\":\"/name\"", with: "\"label\":\"/nam\""),
            "#/resources/0/label: the schema has no field \"/nam\"; Did you mean \"/name\"?"
        ),
        (document("\"a\":{}", required: ""), "#/resources/0/label: must be a text that the schema requires"),
        (document("\"a\":{\"type\":\"integer\",\"writeOnly\":true}"), "#/resources/0/schema/properties/a/writeOnly: only a text"),
        (
            document("\"a\":{\"anyOf\":[{\"type\":\"string\",\"writeOnly\":true}]}"),
            "#/resources/0/schema/properties/a/anyOf: writeOnly does not hold"
        ),
        (
            document("\"a\":{\"type\":\"object\",\"additionalProperties\":{\"x-reference\":\"b\"}}"),
            "#/resources/0/schema/properties/a/additionalProperties: x-reference"
        ),
        (
            document("\"a\":{\"type\":\"object\",\"writeOnly\":true,\"properties\":{}}"),
            "#/resources/0/schema/properties/a/writeOnly: belongs to the members"
        ),
        (
            document("\"a\":{\"type\":\"string\",\"readOnly\":true}", required: #""name","a""#),
            "#/resources/0/schema/properties/a/readOnly: only the plugin"
        ),
        (
            document("\"a\":{\"type\":\"string\",\"writeOnly\":true}", more: ",\"columns\":[\"/a\"]"),
            "#/resources/0/columns/0: is writeOnly"
        ),
        (document("\"a\":{\"type\":\"integer\"}", more: ",\"unique\":[\"/a\"]"), "#/resources/0/unique/0: must be a text"),
        (
            document("\"a\":{\"type\":\"integer\",\"x-reference\":\"b\"}"),
            "#/resources/0/schema/properties/a/x-reference: belongs to a text"
        ),
        (
            document("\"a\":{}", more: ",\"actions\":[{\"name\":\"delete\",\"title\":\"D\"}]"),
            "#/resources/0/actions/0/name: \"delete\" is what"
        ),
        (
            document("\"a\":{}", more: ",\"actions\":[{\"name\":\"go\",\"title\":\"G\",\"role\":\"king\"}]"),
            "#/resources/0/actions/0/role: must be"
        ),
        (
            document("\"a\":{}", more: ",\"actions\":[{\"name\":\"go\",\"title\":\"G\",\"input\":{\"type\":\"string\"}}]"),
            "#/resources/0/actions/0/input: must have"
        ),
        (document("\"a\":{}", more: ",\"colums\":[]"), "#/resources/0/colums: is not known here; Did you mean \"columns\"?"),
    ])
    func anAuthorReadsWhatIsWrongAndWhere(text: String, fault: String) {
        do {
            _ = try ResourceDeclaration.read(text)
            Issue.record("accepted")
        } catch {
            #expect("\(error)".contains("resources, " + fault), "\(error)")
        }
    }

    @Test func theHostsOwnResourcesMayHaveReservedNames() throws {
        let text = Self.document("\"a\":{}").replacing("doors", with: "users")
        #expect(throws: DeclarationFault.self) { try ResourceDeclaration.read(text) }
        #expect(try ResourceDeclaration.read(text, isHosts: true).first?.name == "users")
    }
}

extension String {
    /// Foundation is not here.
    fileprivate func replacing(_ old: String, with new: String) -> String {
        var result = ""
        var rest = self[...]
        while let range = rest.firstRange(of: old) {
            result += rest[..<range.lowerBound] + new
            rest = rest[range.upperBound...]
        }
        return result + rest
    }
}
