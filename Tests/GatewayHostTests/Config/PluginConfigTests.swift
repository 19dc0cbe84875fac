import Testing

@testable import GatewayHost

@Suite struct PluginConfigTests {
    /// The shape of AccountPicker's and Auth's schemas, with every keyword we understand.
    private static let schema = """
        { "type": "object", "additionalProperties": false, "required": ["accounts"],
          "properties": {
            "accounts": { "type": "array", "minItems": 1, "maxItems": 3, "items": {
                "type": "object", "additionalProperties": false, "required": ["name", "type"],
                "properties": {
                  "name": { "type": "string", "minLength": 1, "maxLength": 8 },
                  "type": { "enum": ["api-key", "oauth"] },
                  "api_key": { "type": "string" },
                  "weight": { "type": "integer", "minimum": 1, "maximum": 100, "default": 1 },
                  "share": { "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 },
                  "proxy": { "oneOf": [
                      { "type": "object", "required": ["type", "host", "port"], "additionalProperties": false,
                        "properties": { "type": { "const": "socks5" }, "host": { "type": "string" },
                                        "port": { "type": "integer", "default": 1080 } } },
                      { "type": "object", "required": ["type", "url"], "additionalProperties": false,
                        "properties": { "type": { "const": "http" }, "url": { "type": "string" } } } ] }
                } } },
            "strategy": { "enum": ["round-robin", "least-loaded"], "default": "round-robin" },
            "limits": { "type": "object", "default": {},
                        "properties": { "burst": { "type": "integer", "default": 5 } } },
            "labels": { "type": "object", "additionalProperties": { "type": "string" } },
            "mode": { "anyOf": [ { "type": "boolean" }, { "type": "string" } ] }
          } }
        """

    private func json(
        _ config: String, _ variables: [String: String] = [:], schema: String? = Self.schema
    ) throws(ConfigFaults) -> String {
        let loaded = try ConfigFixture.load(
            "chain:\n  - plugin: P\n    config:\n      \(config.replacingLineBreaks)\n", variables)
        return try PluginConfig.json(of: loaded.chain[0], schema: schema, file: "gateway.yaml")
    }

    private func faults(_ config: String, _ variables: [String: String] = [:]) -> [String] {
        do {
            return ["accepted: \(try json(config, variables))"]
        } catch {
            return error.faults.map(\.description)
        }
    }

    @Test func defaultsAreFilledInAndTypesAreYAMLs() throws {
        #expect(
            try json("accounts: [ { name: \"12\", type: api-key, share: 0.5 } ]\nmode: yes") == """
                {"accounts":[{"name":"12","type":"api-key","share":0.5,"weight":1}],"mode":"yes","strategy":"round-robin","limits":{"burst":5}}
                """)
        #expect(
            try json("accounts: [ { name: a, type: oauth, proxy: { type: socks5, host: h, port: 1 } } ]")
                .contains("\"proxy\":{\"type\":\"socks5\",\"host\":\"h\",\"port\":1}"))
        #expect(
            try json("a: [1, 0x10, 1.5, true, ~, \"1\", 'x', {}]", schema: nil)
                == "{\"a\":[1,16,1.5,true,null,\"1\",\"x\",{}]}")
    }

    @Test func referencesTakeTheTypeTheSchemaAsksFor() throws {
        let text = try json(
            "accounts: [ { name: \"${N}\", type: api-key, api_key: \"${K}\", weight: \"${W}\" } ]\nmode: ${M}",
            ["N": "12", "K": "12345", "W": "7", "M": "true"])
        #expect(text.contains("\"name\":\"12\",\"type\":\"api-key\",\"api_key\":\"12345\",\"weight\":7"))
        #expect(text.contains("\"mode\":\"true\""))
        #expect(try json("accounts: [ { name: a, type: oauth, api_key: \"${K:-}\" } ]").contains("\"api_key\":\"\""))
    }

    @Test(arguments: [
        (
            "acounts: []",
            [
                "gateway.yaml:4:7: chain[0].config.acounts: unknown key \"acounts\". Did you mean \"accounts\"?"
            ]
        ),
        (
            "strategy: least-loaded",
            ["gateway.yaml:4:7: chain[0].config: the key \"accounts\" is missing. It takes a list."]
        ),
        (
            "accounts: []",
            ["gateway.yaml:4:17: chain[0].config.accounts: must have at least 1 entry, has 0"]
        ),
        (
            "accounts: [ { name: a, type: api_key } ]",
            [
                "gateway.yaml:4:36: chain[0].config.accounts[0].type: must be one of api-key, oauth, is the text \"api_key\". Did you mean \"api-key\"?"
            ]
        ),
        (
            "accounts: [ { name: 12, type: oauth } ]",
            ["gateway.yaml:4:27: chain[0].config.accounts[0].name: must be a text, is 12. Put it in quotes."]
        ),
        (
            "accounts: [ { name: a, type: oauth, api_key: 12 } ]",
            [
                "gateway.yaml:4:52: chain[0].config.accounts[0].api_key: must be a text, is another value. Put it in quotes."
            ]
        ),
        (
            "accounts: [ { name: abcdefghij, type: oauth, weight: 0, share: 1 } ]",
            [
                "gateway.yaml:4:27: chain[0].config.accounts[0].name: must have at most 8 characters, has 10",
                "gateway.yaml:4:60: chain[0].config.accounts[0].weight: must be at least 1, is 0",
                "gateway.yaml:4:70: chain[0].config.accounts[0].share: must be less than 1, is 1",
            ]
        ),
        (
            "accounts: [ { name: a, type: oauth, weight: 1.5 } ]",
            ["gateway.yaml:4:51: chain[0].config.accounts[0].weight: must be an integer, is 1.5"]
        ),
        (
            "accounts: [ { name: a, type: oauth, proxy: { type: socks5, hots: h, port: 1 } } ]",
            [
                "gateway.yaml:4:66: chain[0].config.accounts[0].proxy.hots: unknown key \"hots\". Did you mean \"host\"?"
            ]
        ),
        (
            "accounts: [ { name: a, type: oauth, proxy: 127.0.0.1 } ]",
            [
                "gateway.yaml:4:50: chain[0].config.accounts[0].proxy: must be a mapping, is the text \"127.0.0.1\""
            ]
        ),
        (
            "accounts: { name: a }",
            ["gateway.yaml:4:17: chain[0].config.accounts: must be a list, is a mapping"]
        ),
    ])
    func faultsAreAtTheirLines(config: String, lines: [String]) {
        #expect(faults(config) == lines)
    }

    @Test func secretsAreNotShown() {
        let lines = faults("accounts: [ { name: a, type: oauth, weight: \"${W}\" } ]", ["W": "hunter2"])
        #expect(
            lines == [
                "gateway.yaml:4:51: chain[0].config.accounts[0].weight: must be an integer, is a value from a reference"
            ])
    }

    @Test(arguments: [
        ("{", "#: is not JSON: line 1, column 2: the text ends before the value is complete"),
        ("[]", "#: must be an object, is a list"),
        ("{\"type\": \"text\"}", "#/type: \"text\" is no type of JSON"),
        (
            "{\"properties\": {\"a\": {\"not\": {}}}}",
            "#/properties/a/not: the gateway does not check this keyword; leave it out"
        ),
        ("{\"minItems\": -1}", "#/minItems: must be a whole number, 0 or more"),
        (
            "{\"properties\": {\"a\": {}}, \"required\": [\"b\"], \"additionalProperties\": false}",
            "#: requires \"b\", which it does not allow"
        ),
    ])
    func schemasThatCannotBeKeptAreRefused(text: String, sentence: String) {
        do {
            _ = try ConfigSchema(text)
            Issue.record("accepted")
        } catch {
            #expect(error.description == "the schema of the plugin's configuration, " + sentence)
        }
    }

    @Test func faultsAreBounded() {
        let many = String(repeating: "{ nam: a }, ", count: 1000)
        #expect(faults("strategy: x\nlabels: { \((0..<100).map { "k\($0): 1" }.joined(separator: ", ")) }").count == 50)
        #expect(faults("accounts: [ \(many) ]").count == 50)
        #expect(ConfigFixture.faults("chain: [ \(String(repeating: "\"${X}\", ", count: 1000)) ]").count == 50)
    }

    @Test func aWholeNumberMayBeWrittenWithAFraction() throws {
        let schema = try ConfigSchema("{\"type\":\"integer\",\"maximum\":700}")
        #expect(SchemaCheck.check(655.0, schema).0 == .int(655))
        #expect(SchemaCheck.check(655.0, schema).1.isEmpty)
        #expect(SchemaCheck.check(655.5, schema).1.count == 1)
        #expect(SchemaCheck.check(701.0, schema).1.count == 1)
        #expect(SchemaCheck.check(655.0, try ConfigSchema("{\"type\":\"number\"}")).0 == .double(655))
    }

    @Test func exactlyOneFormMustFit() throws {
        let schema = try ConfigSchema("{\"oneOf\": [{\"type\": \"integer\"}, {\"type\": \"number\", \"minimum\": 5}]}")
        #expect(SchemaCheck.check(3, schema).1.isEmpty)
        #expect(SchemaCheck.check(5.5, schema).1.isEmpty)
        #expect(SchemaCheck.check(7, schema).1.map(\.sentence).first?.hasPrefix("fits more than one form") == true)
    }
}

extension String {
    /// Further lines of a configuration, at the indentation of the first.
    fileprivate var replacingLineBreaks: String {
        split(separator: "\n").joined(separator: "\n      ")
    }
}
