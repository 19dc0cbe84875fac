// What a limit of an account covers: all of it, one family of models, or the counting of tokens.
//
// The provider limits each family of models of an account by itself, and counting apart from both, so
// that an account that has no more for Opus may still serve Haiku. The family is the word that the
// model's id contains, `opus`, `sonnet` or `haiku`; ids with none of them share `other`. A request that
// names no model (a list of models, a batch) only knows the account as a whole.
//
// Kind: pure value.

import PluginKit

enum LimitScope: UInt8, CaseIterable {
    /// All of the account, whatever is asked of it.
    case account
    case opus
    case sonnet
    case haiku
    /// Every other model.
    case other
    /// `count_tokens`, of any model.
    case counting

    static let count = 6

    init(route: Bytes, model: Bytes) {
        if route.equals("count_tokens") {
            self = .counting
        } else {
            self = model.isAbsent ? .account : Self(familyIn: model) ?? .other
        }
    }

    /// The family that `text` names anywhere: in a model's id, or in the name of a limit.
    init?(familyIn text: Bytes) {
        guard let base = text.base, text.count >= 4 else { return nil }
        let end = text.count - 4
        var start = 0
        while start <= end {
            // Four bytes at a time, which are inside because no start is closer to the end.
            switch UInt32(bigEndian: UnsafeRawPointer(base).loadUnaligned(fromByteOffset: start, as: UInt32.self)) {
            case 0x6f70_7573: self = .opus  // "opus"
            case 0x6861_696b where text.continues("haiku", at: start): self = .haiku
            case 0x736f_6e6e where text.continues("sonnet", at: start): self = .sonnet
            default:
                start &+= 1
                continue
            }
            return
        }
        return nil
    }

    /// As people and metrics read it.
    var word: StaticString {
        switch self {
        case .account: "account"
        case .opus: "opus"
        case .sonnet: "sonnet"
        case .haiku: "haiku"
        case .other: "other"
        case .counting: "count_tokens"
        }
    }
}

extension Bytes {
    /// True if `word` stands at `start`.
    fileprivate func continues(_ word: Bytes, at start: Int) -> Bool {
        start + word.count <= count && slice(start, count).hasPrefix(word)
    }
}
