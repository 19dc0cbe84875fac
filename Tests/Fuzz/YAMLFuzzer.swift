// Fuzzes the configuration from bytes to values: the YAML reader, references, the options table, a plugin's
// schema, and what is printed of all of them. Whatever is accepted can be printed and read again with the same
// meaning; whatever is refused is refused in one line that names a place inside the file.

@testable import GatewayHost

private let fileName = "gateway.yaml"
private let environment = Environment(["NAME": "value", "EMPTY": "", "N": "12", "URL": "http://127.0.0.1:1/x"])
private let pluginSchema = """
    { "type": "object", "required": ["a"], "additionalProperties": false, "properties": {
        "a": { "type": ["string", "integer"], "minLength": 1, "maxLength": 8, "minimum": 0 },
        "b": { "type": "array", "maxItems": 3, "items": { "oneOf": [
            { "type": "object", "required": ["type"], "properties": { "type": { "const": "x" }, "n": { "default": 1 } } },
            { "type": "object", "required": ["type"], "properties": { "type": { "const": "y" } } } ] } },
        "c": { "type": "object", "default": {}, "additionalProperties": { "type": "boolean" } },
        "d": { "enum": ["one", 2, null] } } }
    """

private func checkFaults(_ faults: ConfigFaults, of input: Bytes) {
    let lines = input.buffer.reduce(2) { $1 == 0x0a || $1 == 0x0d ? $0 + 1 : $0 }
    require(faults.faults.count <= ConfigReading.faultLimit, "faults are bounded")
    for fault in faults.faults {
        let text = fault.description
        require(!fault.sentence.isEmpty, "a fault says what is wrong")
        require(
            text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f }, "a fault is one line: \(text)")
        require(text.utf8.count < 20_000, "a fault is not a file")
        // libyaml also counts NEL, LS and PS as breaks, so a line may exceed those of the bytes by them.
        if let mark = fault.mark {
            require(mark.line >= 1 && mark.column >= 1, "places count from one")
            require(mark.line <= lines + input.count / 2, "the place is inside the file")
        }
    }
}

/// What the tree means, if it holds neither a reference nor something that is printed as redacted.
private func check(_ node: YAMLNode, depth: Int, isPlain: inout Bool, nodes: inout Int) {
    nodes += 1
    require(depth <= YAMLReader.depthLimit && nodes <= YAMLReader.nodeLimit, "the tree is bounded")
    switch node.content {
    case .scalar(let scalar):
        if scalar.text.contains("$") || scalar.text.hasPrefix("file:") { isPlain = false }
        // Numbers are read from the text again, so only their spelling may differ.
        _ = scalar.spoken
    case .sequence(let items): for item in items { check(item, depth: depth + 1, isPlain: &isPlain, nodes: &nodes) }
    case .mapping(let entries):
        require(Set(entries.map(\.key)).count == entries.count, "keys are unique")
        for entry in entries {
            if YAMLWriter.speaksOfSecret(entry.key) || entry.key == "<<" { isPlain = false }
            check(entry.value, depth: depth + 1, isPlain: &isPlain, nodes: &nodes)
        }
    }
}

private func hasFileReference(_ node: YAMLNode) -> Bool {
    switch node.content {
    case .scalar(let scalar): scalar.text.hasPrefix("file:")
    case .sequence(let items): items.contains(where: hasFileReference)
    case .mapping(let entries): entries.contains { hasFileReference($0.value) }
    }
}

private func checkWriting(_ tree: YAMLNode) {
    let meaning = PluginConfig.value(of: tree, nil)
    for text in [YAMLWriter.inline(tree), YAMLWriter.block(tree, indent: 0).joined(separator: "\n")] {
        // One scalar as a whole document is no configuration, and keys are at most 1024 characters for libyaml.
        guard let again = try? YAMLReader.read(Array(("v:\n" + text.indented).utf8), file: fileName) else {
            require(text.utf8.count > 1000, "what is written can be read: \(text)")
            continue
        }
        require(
            again["v"].map { PluginConfig.value(of: $0, nil) } == meaning, "what is written means the same: \(text)"
        )
    }
}

extension String {
    var indented: String { split(separator: "\n").map { "  \($0)\n" }.joined() }
}

private func checkPlugins(_ config: GatewayConfig, _ input: Bytes) {
    for entry in config.chain {
        do {
            let json = try PluginConfig.json(of: entry, schema: pluginSchema, file: fileName)
            var text = json
            require(text.withUTF8 { JSONValidator.isValid(Bytes(UnsafeRawBufferPointer($0))) }, "plugins get JSON")
        } catch {
            checkFaults(error, of: input)
        }
    }
}

func fuzzYAML(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Bytes(base: data, count: count)
    let bytes = Array(input.buffer)
    let tree: YAMLNode
    do {
        tree = try YAMLReader.read(bytes, file: fileName)
    } catch {
        checkFaults(error, of: input)
        return 0
    }
    var isPlain = true
    var nodes = 0
    check(tree, depth: 0, isPlain: &isPlain, nodes: &nodes)
    if isPlain { checkWriting(tree) }
    // A fuzzer reads no files.
    if hasFileReference(tree) { return 0 }
    do {
        let config = try ConfigLoader.read(bytes, file: fileName, environment: environment)
        let listing = ConfigListing.text(config)
        if let again = try? ConfigLoader.read(Array(listing.utf8), file: fileName, environment: environment) {
            require(ConfigListing.text(again) == listing, "a listing lists as itself: \(listing)")
        }
        require(ConfigDifference.lines(from: config, to: config).isEmpty, "nothing differs from itself")
        checkPlugins(config, input)
    } catch {
        checkFaults(error, of: input)
    }
    return 0
}
