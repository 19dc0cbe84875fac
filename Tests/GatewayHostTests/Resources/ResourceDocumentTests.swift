// Faults by pointer, secrets in and out of a document, references, what changed; and merge patches.

import Testing

@testable import GatewayHost

@Suite struct ResourceDocumentTests {
    private func door() throws -> ResourceDeclaration {
        try DeclarationTests.read(
            """
            "code":{"type":"string","writeOnly":true,"minLength":4},
            "limits":{"type":"object","additionalProperties":false,"properties":{
                "opens":{"type":"integer","minimum":1,"default":3}}},
            "seen":{"type":"string","readOnly":true},
            "house":{"type":"string","x-reference":"houses"},
            "keys":{"type":"array","items":{"type":"string","x-reference":"keys"}},
            "bells":{"type":"array","items":{"type":"object","additionalProperties":false,
                "properties":{"tone":{"enum":["high","low"]},"pin":{"type":"string","writeOnly":true}}}},
            "a/b":{"type":"boolean"}
            """, more: #","unique":["/name"]"#)
    }

    private func object(_ text: String) throws -> JSONObject { try #require(try JSONParser.parse(text).object) }

    @Test func defaultsAreFilledIn() throws {
        let (filled, faults) = try door().check(try object(#"{"name":"front","limits":{}}"#))
        #expect(faults.isEmpty)
        #expect(filled == (try object(#"{"name":"front","limits":{"opens":3}}"#)))
    }

    @Test(arguments: [
        (#"{}"#, "/name", "is missing. It takes a text."),
        (#"{"name":1}"#, "/name", "must be a text, is 1. Put it in quotes."),
        (#"{"name":""}"#, "/name", "must not be empty"),
        (#"{"name":"n","limits":{"opens":0}}"#, "/limits/opens", "must be at least 1, is 0"),
        (#"{"name":"n","limits":{"open":1}}"#, "/limits/open", "unknown key \"open\". Did you mean \"opens\"?"),
        (
            #"{"name":"n","bells":[{"tone":"high"},{"tone":"lo"}]}"#, "/bells/1/tone",
            "must be one of high, low, is \"lo\". Did you mean \"low\"?"
        ),
        (#"{"name":"n","a/b":3}"#, "/a~1b", "must be true or false, is 3"),
        (#"{"name":"n","code":4711}"#, "/code", "must be a text. Put it in quotes."),
        (#"{"name":"n","bells":[{"pin":4711}]}"#, "/bells/0/pin", "must be a text. Put it in quotes."),
        (#"{"name":"n","bells":"4711"}"#, "/bells", "must be a list"),
    ])
    func aFaultNamesItsFieldAndNeverShowsASecret(text: String, pointer: String, sentence: String) throws {
        let (_, faults) = try door().check(try object(text))
        #expect(faults == [.init(pointer: pointer, sentence: sentence)])
    }

    @Test func whatOnlyTheOwnerSetsIsRefused() throws {
        #expect(try door().readOnlyFaults(in: try object(#"{"name":"n","seen":"x"}"#)).map(\.pointer) == ["/seen"])
        #expect(try door().readOnlyFaults(in: try object(#"{"seen":null}"#)).map(\.pointer) == ["/seen"])
        #expect(try door().readOnlyFaults(in: try object(#"{"name":"n"}"#)).isEmpty)
    }

    @Test func secretsAreSealedOpenedAndLeftOut() throws {
        let door = try door()
        let clear = try object(#"{"name":"n","code":"1234","bells":[{"tone":"low"},{"tone":"high","pin":"77"}]}"#)
        var places: [String] = []
        let sealed = door.replacingSecrets(in: clear) { place, text in
            places.append(place)
            return "sealed(\(place),\(text))"
        }
        #expect(places == ["/code", "/bells/1/pin"])
        #expect(JSONValue.object(sealed).value(at: "/bells/1/pin") == "sealed(/bells/1/pin,77)")
        #expect(sealed["name"] == "n")
        let opened = door.replacingSecrets(in: sealed) { String($1.dropFirst("sealed(,)".count + $0.utf8.count - 1).dropLast()) }
        #expect(opened == clear)
        #expect(door.withoutSecrets(clear) == (try object(#"{"name":"n","bells":[{"tone":"low"},{"tone":"high"}]}"#)))
        struct Closed: Error {}
        #expect(throws: Closed.self) { try door.replacingSecrets(in: sealed) { (_, _) throws(Closed) in throw Closed() } }
    }

    @Test func theStoreIsToldLabelUniqueValuesAndReferences() throws {
        let door = try door()
        let document = try object(#"{"name":"n","house":"house_1","keys":["key_1","config:spare"]}"#)
        let change = door.change(id: "door_1", sealed: document, expected: .absent)
        #expect(change.collection == "doors" && change.id == "door_1" && change.label == "n")
        #expect(change.unique == [UniqueValue(field: "/name", value: "n")])
        #expect(
            change.references == [
                RecordReference(field: "/house", collection: "houses", id: "house_1"),
                RecordReference(field: "/keys/0", collection: "keys", id: "key_1"),
            ])
        #expect(door.references(of: document).map(\.id) == ["house_1", "key_1", "config:spare"])
        let deletion = door.change(id: "door_1", sealed: nil, expected: .revision(7))
        #expect(deletion.document == nil && deletion.unique.isEmpty && deletion.expected == .revision(7))
    }

    @Test func whatChangedIsNamedByField() throws {
        let before = try object(#"{"name":"n","code":"1234","limits":{"opens":3}}"#)
        let after = try object(#"{"name":"n","code":"5678","limits":{"opens":4}}"#)
        #expect(try door().changedFields(before, after) == ["/code", "/limits/opens"])
        #expect(try door().changedFields(nil, after) == ["/name", "/code", "/limits/opens"])
        #expect(try door().changedFields(after, nil) == ["/name", "/code", "/limits/opens"])
    }

    /// - Source: RFC 7396 appendix A.
    @Test(arguments: [
        (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
        (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
        (#"{"a":"b"}"#, #"{"a":null}"#, #"{}"#),
        (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
        (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
        (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
        (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
        (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#),
        (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#),
        (#"{"a":"b"}"#, #"["c"]"#, #"["c"]"#),
        (#"{"a":"foo"}"#, #"null"#, #"null"#),
        (#"{"a":"foo"}"#, #""bar""#, #""bar""#),
        (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
        (#"[1,2]"#, #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
        (#"{}"#, #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
    ])
    func aMergePatchDoesWhatTheStandardSays(target: String, patch: String, result: String) throws {
        #expect(try JSONParser.parse(target).patched(by: try JSONParser.parse(patch)) == (try JSONParser.parse(result)))
    }
}
