// Where in the configuration a value stands: `chain[2].config.accounts[0].api_key`.
//
// Linked towards the root, because every node of the tree has one: a step costs one object, however
// deep the node lies. The text is made when a fault is printed.
//
// Kind: value (immutable, shared).

final class ConfigPath: Sendable, CustomStringConvertible {
    enum Step: Sendable, Equatable {
        case key(String)
        case index(Int)
    }

    let parent: ConfigPath?
    let step: Step?

    static let root = ConfigPath(parent: nil, step: nil)

    private init(parent: ConfigPath?, step: Step?) {
        self.parent = parent
        self.step = step
    }

    func appending(_ key: String) -> ConfigPath { ConfigPath(parent: self, step: .key(key)) }
    func appending(_ index: Int) -> ConfigPath { ConfigPath(parent: self, step: .index(index)) }

    /// From the root to this place.
    var steps: [Step] {
        var steps: [Step] = []
        var place: ConfigPath? = self
        while let here = place, let step = here.step {
            steps.append(step)
            place = here.parent
        }
        return steps.reversed()
    }

    var description: String {
        var text = ""
        for step in steps {
            switch step {
            case .index(let index): text += "[\(index)]"
            case .key(let key): text += (text.isEmpty ? "" : ".") + ConfigPath.shown(key)
            }
        }
        return text
    }

    /// A key as it stands in a path: quoted if it would be misread.
    private static func shown(_ key: String) -> String {
        let plain = key.utf8.allSatisfy {
            $0 == 0x5f || $0 == 0x2d || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a) || ($0 >= 0x30 && $0 <= 0x39)
        }
        return plain && !key.isEmpty ? key : "\"\(ConfigFault.printable(key, limit: 60))\""
    }
}
