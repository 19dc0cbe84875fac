import Testing

@testable import GatewayHost

@Suite struct FieldFlagsTests {
    static let declaration = """
        {"resources":[
          {"name":"groups","singular":"group","title":"Groups","id_prefix":"grp","label":"/name","columns":["/name"],
           "schema":{"type":"object","additionalProperties":false,"required":["name"],"properties":{"name":{"type":"string"}}}},
          {"name":"keys","singular":"key","title":"Keys","description":"Who may ask","id_prefix":"key","label":"/name",
           "columns":["/name","/enabled","/limits/requests_per_minute","/groups","/expires"],
           "schema":{"type":"object","additionalProperties":false,"required":["name"],"properties":{
             "name":{"type":"string","title":"Name"},
             "enabled":{"type":"boolean","default":true,"title":"Enabled"},
             "expires":{"type":["string","null"],"format":"date-time","title":"Expires"},
             "models":{"type":"array","items":{"type":"string"},"title":"Models"},
             "weights":{"type":"array","items":{"type":"integer"},"title":"Weights"},
             "groups":{"type":"array","items":{"type":"string","x-reference":"groups"},"title":"Groups"},
             "policy":{"type":"string","enum":["drain","abort"],"title":"Policy"},
             "share":{"type":"number","title":"Share"},
             "secret":{"type":"string","writeOnly":true,"title":"Secret"},
             "config":{"type":"string","title":"A name that is taken"},
             "rules":{"type":"array","items":{"type":"object","additionalProperties":false,"properties":{"a":{"type":"integer"}}}},
             "hint":{"type":"string","readOnly":true},
             "limits":{"type":"object","additionalProperties":false,"properties":{
               "requests_per_minute":{"type":"integer","minimum":1,"title":"Requests","x-unit":"requests a minute","default":60},
               "token_limit":{"type":"integer","x-flag":"limit","title":"Tokens"}}}
           }},
           "actions":[{"name":"rotate","title":"Makes a new key","input":{"type":"object","additionalProperties":false,
               "properties":{"overlap":{"type":"integer","title":"Overlap","x-unit":"s","default":0}}}},
             {"name":"purge","title":"Purges","on":"resource"}]}
        ]}
        """

    private let flags: FieldFlags

    init() throws {
        flags = FieldFlags(try ResourceDeclaration.read(FieldFlagsTests.declaration)[1].fields)
    }

    private func document(_ words: String..., input: String = "", file: String = "") throws -> JSONValue {
        let verb = Verb(name: "x", summary: "", flags: flags.flags() + [.init(name: "unset", value: "F", help: "", isRepeatable: true)]) {
            _ in .done
        }
        guard case .run(_, let arguments) = try CommandLineParser(verbs: [verb]).parse(["x"] + words) else { return .null }
        return .object(
            try flags.document(
                arguments,
                .init(
                    input: { Array(input.utf8) }, file: { _ in .success(Array(file.utf8)) },
                    now: 1_763_920_984_000_000_000)))
    }

    @Test func fieldsHaveFlags() {
        #expect(
            flags.entries.map(\.name) == [
                "name", "enabled", "expires", "models", "weights", "groups", "policy", "share", "secret", "field-config", "rules",
                "limits-requests-per-minute", "limits-token-limit",
            ])
        #expect(flags.shownName(of: "/limits/token_limit") == "--limit")
        #expect(flags.shownName(of: "/models/3") == "--models")
        #expect(flags.shownName(of: "/hint") == nil)
    }

    @Test func valuesTakeTheTypeOfTheirField() throws {
        #expect(try document() == [:])
        #expect(
            try document("--name", "Test Key", "--limit", "1000", "--no-enabled")
                == ["name": "Test Key", "enabled": false, "limits": ["token_limit": 1000]])
        #expect(
            try document("--limits-token-limit=7", "--limits-requests-per-minute=8") == [
                "limits": ["token_limit": 7, "requests_per_minute": 8]
            ])
        #expect(try document("--name", "5") == ["name": "5"])
        #expect(try document("--share", "0.5") == ["share": 0.5])
        #expect(try document("--models", "a, b", "--models", "c") == ["models": ["a", "b", "c"]])
        #expect(try document("--models", #"["a,b"]"#) == ["models": ["a,b"]])
        #expect(try document("--models", "") == ["models": []])
        #expect(try document("--weights", "1,2") == ["weights": [1, 2]])
        #expect(try document("--rules", #"{"a":1}"#, "--rules", #"[{"a":2}]"#) == ["rules": [["a": 1], ["a": 2]]])
        #expect(try document("--expires", "1d") == ["expires": "2025-11-24T18:03:04.000Z"])
        #expect(try document("--expires", "2026-01-02") == ["expires": "2026-01-02T00:00:00.000Z"])
        #expect(try document("--expires", "2026-01-02T03:04:05+01:00") == ["expires": "2026-01-02T03:04:05+01:00"])
        #expect(try document("--field-config", "x") == ["config": "x"])
    }

    @Test func secretsNeedNotStandOnTheLine() throws {
        #expect(try document("--secret", "s") == ["secret": "s"])
        #expect(try document("--secret", "-", input: "from input\n") == ["secret": "from input"])
        #expect(try document("--secret-file", "f", file: "from file\r\n") == ["secret": "from file"])
        #expect(throws: UsageFault.self) { try document("--secret", "s", "--secret-file", "f") }
    }

    @Test func fieldsAreTakenAway() throws {
        #expect(try document("--unset", "limit", "--unset", "expires") == ["limits": ["token_limit": .null], "expires": .null])
        let fault = #expect(throws: UsageFault.self) { try document("--unset", "expire") }
        #expect(fault?.description == "unknown field \"expire\". Did you mean expires?")
    }

    @Test(arguments: [
        (["--limit", "many"], "--limit many is not an integer. Write --limit N."),
        (["--share", "half"], "--share half is not a number. Write --share N."),
        (["--weights", "1,x"], "--weights x is not an integer. Separate values by commas."),
        (["--rules", "1"], "--rules takes objects in JSON. Write one with each flag, or a list: [{…},{…}]."),
        (["--models", "[1"], "--models is no list in JSON. Write a,b or [\"a\",\"b\"]."),
        (["--expires", "never"], "--expires never is no time. Write 30d for thirty days from now, or 2025-11-23T18:00:00Z."),
    ])
    func whatCannotBeMeantIsSaid(words: [String], sentence: String) {
        let fault = #expect(throws: UsageFault.self) {
            let verb = Verb(name: "x", summary: "", flags: flags.flags()) { _ in .done }
            guard case .run(_, let arguments) = try CommandLineParser(verbs: [verb]).parse(["x"] + words) else { return }
            _ = try flags.document(arguments, .init(input: { [] }, file: { _ in .success([]) }, now: 0))
        }
        #expect(fault?.description == sentence)
    }

    @Test func helpSaysWhatAFieldTakes() {
        let help = HelpText(verbs: []).one(Verb(name: "keys create", summary: "Makes one.", flags: flags.flags()) { _ in .done })
        for part in [
            "--enabled, --no-enabled", "--limit N", "--expires WHEN", "--secret SECRET", "--secret-file FILE", "--groups IDS",
            "--policy WORD",
            "drain, abort", "requests a minute; 60 unless given", "required",
        ] { #expect(help.contains(part), "\(part)") }
    }
}
