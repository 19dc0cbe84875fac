// The documents made from the options table: docs/CONFIG.md for people, docs/gateway.schema.json for editors.
//
// A test compares both with what is committed, so they cannot drift from the code.
//
// Kind: value. Pure.

enum ConfigDocument {
    // MARK: For people

    static var markdown: String {
        var text = opening
        let initial = GatewayConfig()
        let groups = Options.gateway.groups
        let single = groups.filter { !$0.rows[0].key.contains(".") }
        text += "\n## Top level\n\n" + table(single.flatMap(\.rows), initial)
        for group in groups where group.rows[0].key.contains(".") {
            text += "\n## `\(group.key)`\n\n" + table(group.rows, initial)
        }
        let entry = ChainEntry(
            config: .emptyMapping(at: YAMLMark(line: 1, column: 1), path: .root),
            mark: YAMLMark(line: 1, column: 1), path: .root)
        text += "\n## An entry of `chain`\n\n" + table(Options.chain.rows, entry)
        text += "\n## Long forms\n\n`listen` also takes, for each address, a mapping:\n\n"
        text += table(Options.listenerMapping.rows, nil)
        text += "\nwith `tls`:\n\n" + table(Options.tls.rows, nil)
        text += "\nand `upstream`:\n\n" + table(Options.upstreamMapping.rows, UpstreamConfig())
        return text + closing
    }

    private static func table<Root>(_ rows: [Option<Root>], _ initial: Root?) -> String {
        var text = "| Key | Takes | Default | What and why |\n|---|---|---|---|\n"
        for row in rows {
            var shown = initial.map { row.show($0) } ?? ""
            if row.isRequired { shown = "**required**" } else if !shown.isEmpty { shown = "`\(shown)`" }
            if shown == "`\"\"`" { shown = "" }
            text += "| `\(row.key)` | \(row.noun) | \(shown) | \(row.doc) |\n"
        }
        return text
    }

    private static let opening = """
        # Configuration

        <!-- Written by the gateway from its table of options (Sources/GatewayHost/Config/Options.swift);
             `gateway config docs` prints it. Change it there. -->

        One YAML file, `gateway.yaml` unless `--config` names another. `gateway check` reads it as the gateway would and
        tells everything that is wrong, with line, column and advice; `gateway config show` prints it with
        all defaults. Unknown keys are refused. For completion in an editor, begin the file with

        ```yaml
        # yaml-language-server: $schema=docs/gateway.schema.json
        ```

        A file that works:

        ```yaml
        listen: 127.0.0.1:3000
        chain:
          - plugin: Auth
            config: { keys: [ { name: laptop, key: "${LAPTOP_KEY}" } ] }
          - plugin: RateLimit
            config: { per_key: { requests_per_minute: 600, concurrency: 32 } }
          - plugin: AccountPicker
            config: { accounts: [ { name: main, type: api-key, api_key: "${ANTHROPIC_API_KEY}" } ] }
          - plugin: SOCKSProxy
          - plugin: Metrics
        ```

        **Values.** Durations are numbers with `ms`, `s`, `m`, `h` or `d`: `500ms`, `1h30m`. Sizes are numbers with `KB`, `MB` or
        `GB`, which count by 1024. Relative paths are relative to the folder of the configuration. YAML is read as version 1.2:
        `true` and `false` are the only truth values, and what is in quotes is text. Anchors, aliases, tags and merge keys are refused.

        **References.** `${NAME}` stands for an environment variable, and it is a fault if that is not set; `${NAME:-default}` has a
        default for a variable that is not set or empty; `$${` is a plain `${`. Inside braces or brackets
        a reference needs quotes: `{ key: "${NAME}" }`. A value `file:PATH` stands for the contents of that file, without
        the white space at their end. References are resolved after the file is read, so a variable never becomes syntax. A file
        `.env` in the working directory (`NAME=value` lines) supplies variables that the environment does not have. In the
        configuration of a plugin, values that came through a reference take the type that its schema asks for, and are printed as
        `[redacted]`.

        **Changing it.** `gateway reload` or SIGHUP apply a changed file as a whole, or refuse it as a whole and say why; running
        exchanges end on the configuration they began with. `gateway config diff` shows what a reload would change.
        `listen`, `threads`, `data`, `upstream.ca_file`, `pool`, `limits.connections` and `limits.buffered_total` change with a
        restart only; a reload says so.

        """

    private static let closing = """

        ## Exit codes of the commands

        | Code | Meaning |
        |---|---|
        | 0 | done |
        | 1 | failed; standard error says why |
        | 2 | the command line is wrong |
        | 3 | the configuration is invalid, or was refused by the running gateway |
        | 4 | no gateway runs with this configuration |

        """

    // MARK: For editors

    /// JSON Schema (draft 7). Wherever a value is no text, a reference may stand too.
    static var schema: String {
        var root = JSONObject([
            ("$schema", "http://json-schema.org/draft-07/schema#"),
            ("title", "gateway.yaml"),
            ("$defs", ["reference": ["type": "string", "pattern": "^(file:.+|.*\\$\\{.+\\}.*)$"]]),
        ])
        let described = withDefaults(Options.gateway.schema, Options.gateway, GatewayConfig())
        for member in withReferences(described).object ?? [:] { root[member.name] = member.value }
        return String(decoding: JSONValue.object(root).pretty, as: UTF8.self)
    }

    /// Adds `default` to the options whose default an editor can insert.
    private static func withDefaults<Root>(_ schema: JSONValue, _ table: OptionTable<Root>, _ initial: Root)
        -> JSONValue
    {
        guard var object = schema.object, let properties = object["properties"]?.object else { return schema }
        var described = JSONObject()
        for (name, property) in properties {
            let inner = table.part(name)
            described[name] = property
            if !inner.rows.isEmpty {
                described[name] = withDefaults(property, inner, initial)
            } else if let row = table.rows.first(where: { $0.key == name }), !row.isRequired,
                var members = property.object
            {
                members["default"] = .string(row.show(initial))
                if let simple = try? YAMLReader.read(Array("v: \(row.show(initial))".utf8), file: ""),
                    let node = simple["v"]
                {
                    members["default"] = PluginConfig.value(of: node, nil)
                }
                described[name] = .object(members)
            }
        }
        object["properties"] = .object(described)
        return .object(object)
    }

    /// Puts "or a reference" beside every schema of a value that is no text.
    private static func withReferences(_ schema: JSONValue) -> JSONValue {
        guard var object = schema.object else { return schema }
        if let properties = object["properties"]?.object {
            var inner = JSONObject()
            for (name, property) in properties { inner[name] = withReferences(property) }
            object["properties"] = .object(inner)
            return .object(object)
        }
        if let items = object["items"] {
            object["items"] = withReferences(items)
            return .object(object)
        }
        let reference: JSONValue = ["$ref": "#/$defs/reference"]
        if let branches = object["anyOf"]?.array {
            object["anyOf"] = .array(
                branches.map {
                    $0["items"] != nil || $0["properties"] != nil || $0["anyOf"] != nil ? withReferences($0) : $0
                } + [reference])
            return .object(object)
        }
        if object["additionalProperties"] != nil || object["type"]?.string == "object" { return schema }
        if object["type"]?.string == "string", object["pattern"] == nil { return schema }
        var rest = JSONObject()
        var described = JSONObject()
        for (name, value) in object {
            if name == "description" || name == "default" { described[name] = value } else { rest[name] = value }
        }
        described["anyOf"] = [.object(rest), reference]
        return .object(described)
    }
}
