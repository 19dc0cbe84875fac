// References in scalars: `${NAME}`, `${NAME:-default}`, and `file:PATH` for the contents of a file.
//
//     api_key: ${ANTHROPIC_API_KEY}          the variable; a fault if it is not set
//     listen: 127.0.0.1:${PORT:-3000}        3000 if PORT is not set or empty
//     key: file:${CREDENTIALS_DIRECTORY}/key the contents, without the white space at their end
//     note: costs $${notes}                  $${ is a plain ${
//
// Resolved once, after the syntax is read: what a variable holds can never become syntax, a second
// reference, or a file name. `file:` counts only where the operator wrote it. Keys are never resolved.
//
// Kind: value.

struct References {
    /// A certificate chain with comments is some kilobytes.
    static let fileLimit = 1 << 20
    /// Of all resolved scalars together: a small file must not grow without bound.
    static let expandedLimit = 32 << 20

    private let file: String
    private let folder: String
    private let environment: Environment
    private var expandedBytes = 0
    private var faults: [ConfigFault] = []

    /// The tree with all references resolved.
    /// - Parameter file: names the place of faults; `file:` paths are relative to its folder.
    static func resolve(_ root: YAMLNode, file: String, environment: Environment) throws(ConfigFaults)
        -> YAMLNode
    {
        var references = References(file: file, environment: environment)
        let resolved = references.resolve(root)
        if !references.faults.isEmpty { throw ConfigFaults(references.faults) }
        return resolved
    }

    private init(file: String, environment: Environment) {
        self.file = file
        self.environment = environment
        folder = FilePath.folder(of: file)
    }

    private mutating func resolve(_ node: YAMLNode) -> YAMLNode {
        var result = node
        switch node.content {
        case .sequence(let items): result.content = .sequence(items.map { resolve($0) })
        case .mapping(let entries):
            result.content = .mapping(
                entries.map { YAMLEntry(key: $0.key, keyMark: $0.keyMark, value: resolve($0.value)) })
        case .scalar(let scalar):
            if scalar.text.utf8.contains(0x24) || scalar.text.hasPrefix("file:") {
                result.content = .scalar(resolve(scalar, node))
            }
        }
        return result
    }

    private mutating func resolve(_ scalar: YAMLScalar, _ node: YAMLNode) -> YAMLScalar {
        var result = scalar
        guard let (text, referred) = expand(scalar.text[...], node) else { return scalar }
        result.text = text
        result.fromReference = referred
        if scalar.text.hasPrefix("file:") {
            result.fromReference = true
            result.text = contents(of: String(text.dropFirst(5)), node) ?? ""
        }
        expandedBytes += result.text.utf8.count
        if expandedBytes > References.expandedLimit {
            // Once is enough, and the text is given back.
            if expandedBytes - result.text.utf8.count <= References.expandedLimit {
                fail(node, "the references up to here stand for more than \(References.expandedLimit) bytes")
            }
            result.text = ""
        }
        return result
    }

    /// The text with its variables, and whether it had any; nil after a fault.
    private mutating func expand(_ written: Substring, _ node: YAMLNode) -> (String, Bool)? {
        var text = ""
        var referred = false
        var rest = written.utf8[...]
        while let dollar = rest.firstIndex(of: 0x24) {
            text += String(Substring(rest[..<dollar]))
            rest = rest[rest.index(after: dollar)...]
            if rest.starts(with: [0x24, 0x7b]) {
                text += "${"
                rest = rest.dropFirst(2)
                continue
            }
            guard rest.first == 0x7b else {
                text += "$"
                continue
            }
            rest = rest.dropFirst()
            guard let end = rest.firstIndex(of: 0x7d) else {
                fail(node, "a reference ${ without its }", "Close it, or write $${ for a plain ${.")
                return nil
            }
            guard let value = value(of: Substring(rest[..<end]), node) else { return nil }
            text += value
            referred = true
            rest = rest[rest.index(after: end)...]
            guard text.utf8.count <= References.expandedLimit else {
                fail(node, "the references of this value stand for more than \(References.expandedLimit) bytes")
                return nil
            }
        }
        return (text + String(Substring(rest)), referred)
    }

    /// What stands between the braces: `NAME` or `NAME:-default`.
    private mutating func value(of reference: Substring, _ node: YAMLNode) -> String? {
        let name: Substring
        var fallback: Substring?
        if let separator = reference.firstRange(of: ":-") {
            name = reference[..<separator.lowerBound]
            fallback = reference[separator.upperBound...]
        } else {
            name = reference
        }
        let shown = ConfigFault.printable(String(name), limit: 60)
        guard Environment.isName(name) else {
            fail(
                node, "\"\(shown)\" is no name of a variable",
                "Write ${NAME} or ${NAME:-default}; names have letters, digits and underscores. "
                    + "Write $${ for a plain ${.")
            return nil
        }
        let value = environment[String(name)]
        if let fallback { return value.flatMap { $0.isEmpty ? nil : $0 } ?? String(fallback) }
        guard let value else {
            let similar = SpellingSuggestion.nearest(to: String(name), in: environment.values.keys.sorted())
            let question = similar.map { "Did you mean ${\($0)}? Otherwise set" } ?? "Set"
            fail(
                node, "the variable \(shown) is not set",
                "\(question) it in the environment or in .env, or give a default: ${\(shown):-value}.")
            return nil
        }
        return value
    }

    private mutating func contents(of path: String, _ node: YAMLNode) -> String? {
        guard !path.isEmpty else {
            fail(node, "file: without a path", "Write file:PATH, relative to the configuration's folder.")
            return nil
        }
        switch FileBytes.read(FilePath.resolve(path, against: folder), limit: References.fileLimit) {
        case .failure(let failure):
            fail(node, failure.sentence)
            return nil
        case .success(var bytes):
            while let last = bytes.last, last == 0x0a || last == 0x0d || last == 0x20 || last == 0x09 {
                bytes.removeLast()
            }
            guard let text = String(validating: bytes, as: UTF8.self) else {
                fail(node, "the file \(ConfigFault.printable(path, limit: 300)) is not UTF-8 text")
                return nil
            }
            return text
        }
    }

    private mutating func fail(_ node: YAMLNode, _ sentence: String, _ suggestion: String? = nil) {
        guard faults.count < ConfigReading.faultLimit else { return }
        faults.append(
            ConfigFault(
                file: file, mark: node.mark, path: node.path.description, sentence: sentence,
                suggestion: suggestion))
    }
}
