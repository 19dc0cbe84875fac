// Which models a key or an account may use: exact ids, or a beginning followed by `*`.
//
// "claude-opus-5-5" is that model and no other; "claude-haiku-*" is every id that begins so. There
// is no other wildcard: a rule about money should be readable. Kind: value, constant.

public struct ModelPatterns: Hashable, Sendable {
    private struct Pattern: Hashable, Sendable {
        let text: [UInt8]
        let isPrefix: Bool
    }
    private let patterns: [Pattern]

    /// True if there is no rule, so that every model is allowed.
    public var allowEverything: Bool { patterns.isEmpty }

    /// No rule.
    public static let all = ModelPatterns(patterns: [])

    private init(patterns: [Pattern]) { self.patterns = patterns }

    /// - Throws: `PluginError` if a `*` stands anywhere but at the end.
    public init(_ settings: Settings) throws(PluginError) {
        var patterns: [Pattern] = []
        for element in try settings.list() {
            let text = try element.text()
            let isPrefix = text.hasSuffix("*")
            let bare = isPrefix ? String(text.dropLast()) : text
            guard !bare.contains("*") else {
                throw element.invalid("'*' may only end a model pattern")
            }
            patterns.append(Pattern(text: Array(bare.utf8), isPrefix: isPrefix))
        }
        self.patterns = patterns
    }

    /// True if `model` is allowed. An absent model is allowed by no rule but the empty one.
    public func allow(_ model: Bytes) -> Bool {
        if patterns.isEmpty { return true }
        guard !model.isAbsent else { return false }
        for pattern in patterns {
            let matches = pattern.text.withUnsafeBufferPointer {
                pattern.isPrefix ? model.hasPrefix(Bytes($0)) : model.equals(Bytes($0))
            }
            if matches { return true }
        }
        return false
    }
}
