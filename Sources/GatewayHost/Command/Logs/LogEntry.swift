// One line of a log file: what it says of itself, and how people read it.
//
//     {"ts":"2025-11-23T18:03:04.123Z","level":"info","msg":"listening","address":"127.0.0.1:3000"}
//     2025-11-23 18:03:04.123 info     listening  address=127.0.0.1:3000
//
// A file may hold lines of text too (log.format: text, the last words of a crash); they stay as they are.
//
// Kind: value. Pure.

struct LogEntry: Sendable {
    let line: String
    /// `2025-11-23T18:03:04.123Z`: texts of this form sort by time.
    let time: Substring?
    let level: LogLevel?

    init(_ line: String) {
        self.line = line
        let opening = "{\"ts\":\""
        let isJSON = line.hasPrefix(opening)
        let rest = isJSON ? line.dropFirst(opening.count) : line[...]
        guard let end = rest.prefix(25).firstIndex(of: "Z"), rest.first?.isNumber == true else {
            time = nil
            level = nil
            return
        }
        time = rest[...end]
        var behind = rest[rest.index(after: end)...]
        let key = "\",\"level\":\""
        if isJSON, behind.hasPrefix(key) { behind = behind.dropFirst(key.count) }
        level = LogLevel(rawValue: String(behind.drop { $0 == " " }.prefix { $0.isLetter }))
    }

    /// For people.
    func text(_ paint: Paint) -> String {
        guard line.hasPrefix("{"), let object = try? JSONParser.parse(line).object, let message = object["msg"]?.string else {
            return DisplayWidth.printable(line)
        }
        let stamp = (object["ts"]?.string ?? "").replacing("T", with: " ").replacing("Z", with: "")
        let word = object["level"]?.string ?? ""
        let blanks = String(repeating: " ", count: max(1, 9 - word.count))
        var text = paint(.dim, stamp) + " " + paint(LogEntry.tone(of: level), word) + blanks
        text += paint(level == .error || level == .warning ? .bold : .plain, DisplayWidth.printable(message))
        for member in object where !["ts", "level", "msg"].contains(member.name) {
            text += "  " + paint(.name, member.name + "=") + LogEntry.value(member.value)
        }
        return text
    }

    private static func tone(of level: LogLevel?) -> Paint.Tone {
        switch level {
        case .error?: .bad
        case .warning?: .warning
        case .info?: .good
        default: .dim
        }
    }

    /// Bare where it is one word, quoted where it is not.
    private static func value(_ value: JSONValue) -> String {
        guard let text = value.string else { return String(decoding: value.compact, as: UTF8.self) }
        let isWord = !text.isEmpty && text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0 != "\"" && $0 != "=" && $0.value < 0x7f }
        return isWord ? text : "\"" + DisplayWidth.printable(text) + "\""
    }
}

/// Which lines are wanted. A line that says nothing of itself belongs to the one before it.
struct LogFilter: Sendable {
    var level = LogLevel.trace
    /// Of this time or later, as a line writes it; nil: all.
    var since: String?
    private var previousPassed = true

    init(level: LogLevel = .trace, since: String? = nil) {
        self.level = level
        self.since = since
        // Before the first line with a time, nothing is known to be wanted.
        previousPassed = since == nil && level == .trace
    }

    mutating func passes(_ entry: LogEntry) -> Bool {
        guard let time = entry.time else { return previousPassed }
        previousPassed = (since.map { time >= $0 } ?? true) && (entry.level.map { $0.severity >= level.severity } ?? true)
        return previousPassed
    }
}
