// Colours of a terminal, or none.
//
// Kind: value. Pure.

struct Paint: Sendable, Equatable {
    enum Tone: String, Sendable {
        case plain = ""
        case bold = "1"
        case dim = "2"
        case good = "32"
        case warning = "33"
        case bad = "31"
        case name = "36"
    }

    let isOn: Bool

    func callAsFunction(_ tone: Tone, _ text: String) -> String {
        isOn && tone != .plain && !text.isEmpty ? "\u{1b}[\(tone.rawValue)m\(text)\u{1b}[0m" : text
    }
}
