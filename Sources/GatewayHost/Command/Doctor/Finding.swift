// What the doctor found out about one thing, and how to mend it.
//
// Kind: value.

struct Finding: Sendable, Equatable {
    enum Verdict: String, Sendable, CaseIterable {
        case ok, note, warning, fault
    }

    var verdict: Verdict
    /// `data folder`, `clock`: a word or two.
    var subject: String
    /// A clause without full stop.
    var sentence: String
    /// A whole sentence: what to do.
    var mend: String?

    init(_ verdict: Verdict, _ subject: String, _ sentence: String, mend: String? = nil) {
        self.verdict = verdict
        self.subject = subject
        self.sentence = sentence
        self.mend = mend
    }

    var json: JSONValue {
        [
            "verdict": .string(verdict.rawValue), "subject": .string(subject), "sentence": .string(sentence),
            "mend": mend.map { .string($0) } ?? .null,
        ]
    }

    private var tone: Paint.Tone {
        switch verdict {
        case .ok: .good
        case .note: .dim
        case .warning: .warning
        case .fault: .bad
        }
    }

    /// For people, aligned to subjects of `width` columns.
    func lines(_ width: Int, _ paint: Paint) -> [String] {
        let blanks = { (count: Int) in String(repeating: " ", count: max(0, count)) }
        let word = paint(tone, verdict.rawValue) + blanks(9 - verdict.rawValue.count)
        var lines = [word + subject + blanks(width - DisplayWidth.of(subject) + 2) + DisplayWidth.printable(sentence)]
        if let mend { lines.append(blanks(9 + width + 2) + paint(.bold, "→ ") + DisplayWidth.printable(mend)) }
        return lines
    }
}
