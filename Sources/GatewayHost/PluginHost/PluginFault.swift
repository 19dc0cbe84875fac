// Why a plugin or a chain was refused: one sentence that says what, where, and how to mend it.
//
// Kind: value.

struct PluginFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file or the chain entry that is at fault, as the operator knows it.
    let subject: String
    let sentence: String

    init(_ subject: String, _ sentence: String) {
        self.subject = subject
        self.sentence = sentence
    }

    var description: String { "\(subject): \(sentence)" }
}
