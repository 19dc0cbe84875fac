// What is wrong with a configuration, where, and how to mend it.
//
// Reading does not stop at the first fault where it can go on: `gateway check` shows them all.
//
// Kind: value.

struct ConfigFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file as it was named on the command line.
    var file: String
    /// From 1; nil when the fault belongs to no line (the file cannot be opened).
    var mark: YAMLMark?
    /// `chain[2].config.accounts[0].api_key`; empty for the file as a whole.
    var path: String
    /// What is wrong, without a full stop, starting in lower case.
    var sentence: String
    /// What to write instead, a whole sentence.
    var suggestion: String?

    /// `gateway.yaml:12:7: chain[1].plugin: …. Did you mean "Auth"?`, on one line.
    var description: String {
        var text = file
        if let mark { text += ":\(mark.line):\(mark.column)" }
        text += ": "
        if !path.isEmpty { text += path + ": " }
        text += sentence
        if let suggestion { text += ". " + suggestion }
        return text
    }

    /// `text` for a message: control characters escaped, cut after `limit` characters.
    static func printable(_ text: String, limit: Int) -> String {
        var shown = ""
        for (count, scalar) in text.unicodeScalars.enumerated() {
            if count == limit { return shown + "…" }
            switch scalar {
            case "\n": shown += "\\n"
            case "\t": shown += "\\t"
            case "\"": shown += "\\\""
            case _ where scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value):
                shown += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }
}

/// All faults of one file, at least one, in the order of the file.
struct ConfigFaults: Error, Sendable, CustomStringConvertible {
    let faults: [ConfigFault]

    init(_ faults: [ConfigFault]) {
        precondition(!faults.isEmpty, "a refusal names a reason")
        self.faults = faults.enumerated().sorted { a, b in
            let left = a.element.mark ?? YAMLMark(line: 0, column: 0)
            let right = b.element.mark ?? YAMLMark(line: 0, column: 0)
            return (left.line, left.column, a.offset) < (right.line, right.column, b.offset)
        }.map(\.element)
    }

    init(_ fault: ConfigFault) { faults = [fault] }

    /// One line for each.
    var description: String { faults.map(\.description).joined(separator: "\n") }
}
