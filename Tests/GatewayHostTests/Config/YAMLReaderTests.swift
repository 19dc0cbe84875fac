import Testing

@testable import GatewayHost

@Suite struct YAMLReaderTests {
    @Test func everyNodeKnowsItsPlace() throws {
        let tree = try ConfigFixture.tree(
            """
            listen: 127.0.0.1:3000
            chain:
              - plugin: Auth
                config: { keys: [ { name: "ä", key: x } ] }
            """)
        let key = try #require(tree["chain"]?[0]?["config"]?["keys"]?[0]?["key"])
        #expect(key.path.description == "chain[0].config.keys[0].key")
        #expect(key.mark == YAMLMark(line: 4, column: 41))
        #expect(tree["listen"]?.mark == YAMLMark(line: 1, column: 9))
    }

    @Test func plainScalarsAreTypedAsYAML12SaysAndQuotedOnesAreTexts() throws {
        let cases: [(String, YAMLValue)] = [
            ("", .null), ("~", .null), ("null", .null), ("true", .bool(true)), ("FALSE", .bool(false)),
            ("12", .integer(12)), ("-3", .integer(-3)), ("+7", .integer(7)), ("0x1F", .integer(31)),
            ("0o17", .integer(15)), ("017", .integer(17)), ("1.5", .number(1.5)), ("1e3", .number(1000)),
            (".5", .number(0.5)), ("1.", .number(1)), ("yes", .text("yes")), ("on", .text("on")),
            (".inf", .text(".inf")), ("1e999", .text("1e999")), ("nan", .text("nan")),
            ("0x", .text("0x")), ("1_000", .text("1_000")), ("12:30", .text("12:30")),
            ("99999999999999999999", .number(1e20)), ("\"12\"", .text("12")), ("'true'", .text("true")),
            ("\"\"", .text("")),
        ]
        for (written, expected) in cases {
            let tree = try ConfigFixture.tree("value: \(written)\n")
            guard case .scalar(let scalar)? = tree["value"]?.content else {
                Issue.record("no scalar for \(written)")
                continue
            }
            #expect(scalar.resolved == expected, "\(written)")
        }
    }

    @Test(arguments: [
        (
            "a: &x 1\n",
            "gateway.yaml:1:4: a: anchors (&name) are not supported. Remove it. If it is a text that begins with &, put it in quotes."
        ),
        (
            "a: *x\n",
            "gateway.yaml:1:4: a: aliases (*name) are not supported. Write the value out, or put it into the environment and write ${NAME}. If it is a text that begins with *, put it in quotes."
        ),
        (
            "a: !!str 1\n",
            "gateway.yaml:1:4: a: tags (!name) are not supported. Remove it; a value in quotes is always a text."
        ),
        (
            "a:\n  <<: {b: 1}\n",
            "gateway.yaml:2:3: a: merge keys (<<) are not supported. Write the shared keys out here."
        ),
        (
            "a: 1\nb: 2\na: 3\n",
            "gateway.yaml:3:1: a: the key \"a\" was already given on line 1. Keep one of the two."
        ),
        (
            "a: 1\n---\nb: 2\n",
            "gateway.yaml:2:1: a second document begins here. Keep everything in one: remove the line \"---\"."
        ),
        (
            "# nothing\n",
            "gateway.yaml:1:1: the file is empty. It needs at least a chain; \"gateway config docs\" describes every key."
        ),
        (
            "[a]: 1\n",
            "gateway.yaml:1:1: a key must be a word, not a list or a mapping. If this is a text that begins with { or [, put it in quotes."
        ),
        (
            "a:\n\t- b\n",
            "gateway.yaml:2:1: a value cannot begin with this character. Indent with blanks, not tabs; put a text that begins with @, ` or % in quotes."
        ),
        (
            "a: b: c\n",
            "gateway.yaml:1:5: a colon followed by a blank stands where no key can begin. Check the indentation of this line; a text with \": \" in it needs quotes."
        ),
        (
            "a: [1, 2\nb: 3\n",
            "gateway.yaml:2:2: the list is not closed here. Put a comma between entries and ] at the end; ${NAME} needs quotes inside brackets."
        ),
        (
            "a: { b: ${NAME}, c: 1 }\n",
            "gateway.yaml:1:10: the mapping is not closed here. Put a comma between entries and } at the end; ${NAME} needs quotes inside braces."
        ),
        (
            "a: \"open\nb: 1\n",
            "gateway.yaml:3:1: the file ends inside a quoted text. A closing quote is missing."
        ),
        (
            "a: 1\n b: 2\n",
            "gateway.yaml:2:3: a colon followed by a blank stands where no key can begin. Check the indentation of this line; a text with \": \" in it needs quotes."
        ),
        (
            "a:\n  b: 1\n c: 2\n",
            "gateway.yaml:3:2: this is neither a key nor the end of the mapping before it. Keys of one mapping begin in the same column; a closing } or a comma may be missing."
        ),
    ])
    func refusalsSayWhatToWrite(text: String, line: String) {
        #expect(ConfigFixture.faults(text) == [line])
    }

    @Test func invalidUTF8IsPlaced() {
        #expect(throws: ConfigFaults.self) {
            _ = try YAMLReader.read(Array("a: 1\nbä: ".utf8) + [0xff, 0x0a], file: "f")
        }
        do {
            _ = try YAMLReader.read(Array("a: 1\nbä: ".utf8) + [0xff, 0x0a], file: "f")
        } catch {
            #expect(
                error.description
                    == "f:2:5: the file is not UTF-8 here: invalid leading UTF-8 octet. Save it as UTF-8.")
        }
    }

    @Test func depthIsBounded() {
        let text = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        #expect(ConfigFixture.faults(text).first?.contains("more than 64 levels inside one another") == true)
    }

    @Test func deepNestingOfManyBracketsEndsSoon() {
        let text = String(repeating: "[", count: 200_000)
        #expect(ConfigFixture.faults(text).count == 1)
    }

    @Test func valuesAreCounted() {
        let text = "a: [" + String(repeating: "1,", count: 210_000) + "]"
        #expect(ConfigFixture.faults(text).first?.contains("more than 200000 values") == true)
    }
}
