// The configuration file as a tree of ours, each node with the place it was written at.
//
// libyaml's types end in YAMLReader; everything after it works on these values. A mapping keeps the
// order of the file and holds each key once (YAMLReader refuses the second).
//
// Kind: value. Immutable after reading, so it may be kept by a generation and read on any thread.

/// Line and column of the file, both from 1; columns count characters.
struct YAMLMark: Sendable, Equatable {
    var line: Int
    var column: Int
}

struct YAMLNode: Sendable {
    var content: Content
    var mark: YAMLMark
    var path: ConfigPath

    enum Content: Sendable {
        case scalar(YAMLScalar)
        case sequence([YAMLNode])
        case mapping([YAMLEntry])
    }
}

struct YAMLEntry: Sendable {
    var key: String
    var keyMark: YAMLMark
    var value: YAMLNode
}

struct YAMLScalar: Sendable, Equatable {
    enum Style: Sendable {
        /// Written without quotes: the YAML 1.2 core schema decides its type.
        case plain
        /// In quotes or as a block: always text.
        case quoted
    }

    /// What it stands for, references resolved.
    var text: String
    var style: Style
    /// The text, or a part of it, came from the environment or a file: not to be shown to anybody.
    var fromReference = false
}

extension YAMLNode {
    /// The value under `key`, if this is a mapping that has it.
    subscript(key: String) -> YAMLNode? {
        guard case .mapping(let entries) = content else { return nil }
        return entries.first { $0.key == key }?.value
    }

    subscript(index: Int) -> YAMLNode? {
        guard case .sequence(let items) = content, items.indices.contains(index) else { return nil }
        return items[index]
    }

    /// An empty mapping that nobody wrote; for an entry that leaves its `config` out.
    static func emptyMapping(at mark: YAMLMark, path: ConfigPath) -> YAMLNode {
        YAMLNode(content: .mapping([]), mark: mark, path: path)
    }

    /// Nothing was written, or `null` or `~`.
    var isNull: Bool {
        guard case .scalar(let scalar) = content else { return false }
        return scalar.resolved == .null
    }

    /// What stands here, with its article, for sentences: "a list", "the text \"x\"". Under a key that
    /// speaks of a secret the value is not shown.
    var spoken: String {
        switch content {
        case .sequence: return "a list"
        case .mapping: return "a mapping"
        case .scalar(let scalar):
            if case .key(let key)? = path.step, YAMLWriter.speaksOfSecret(key), scalar.resolved != .null {
                return "another value"
            }
            return scalar.spoken
        }
    }
}
