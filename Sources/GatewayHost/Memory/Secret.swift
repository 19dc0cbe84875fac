// A text that nobody may read by accident.
//
// Credentials travel through the host as this type. It prints as `[redacted]` in string
// interpolation, in the debugger, in `dump` and in log fields; the one way to the text is
// `reveal()`, so that `grep reveal` lists every place that uses a credential.
//
// Kind: value.

struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    static let redacted = "[redacted]"

    private let text: String

    init(_ text: String) { self.text = text }

    /// The credential itself. Hand it to the wire or to a plugin, never to a message.
    func reveal() -> String { text }

    var isEmpty: Bool { text.isEmpty }

    var description: String { Secret.redacted }
    var debugDescription: String { Secret.redacted }
    var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}

extension Secret: Equatable {
    /// Takes the same time wherever two secrets of one length differ.
    static func == (a: Secret, b: Secret) -> Bool {
        let left = a.text.utf8
        let right = b.text.utf8
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for (x, y) in zip(left, right) { difference |= x ^ y }
        return difference == 0
    }
}
