// The names that `${NAME}` can refer to: the process environment, then the file `.env`.
//
// A name that both have keeps its value from the process, as every other reader of `.env` does it, so
// that a container's settings win over a file that was copied into it.
//
// Kind: value.

import CLinux

struct Environment: Sendable {
    private(set) var values: [String: String]

    init(_ values: [String: String]) { self.values = values }

    /// The environment of the process and `.env` of the working directory, if there is one.
    /// - Throws: faults with the lines of `.env` that cannot be read.
    static func current() throws(ConfigFaults) -> Environment {
        var environment = Environment(ofProcess: ())
        switch FileBytes.read(".env", limit: 1 << 20) {
        case .success(let bytes): try environment.add(dotEnv: bytes, file: ".env")
        case .failure(let failure):
            guard failure.errno != ENOENT else { break }
            throw ConfigFaults(
                ConfigFault(file: ".env", mark: nil, path: "", sentence: failure.sentence))
        }
        return environment
    }

    private init(ofProcess: Void) {
        values = [:]
        guard var entry = gwl_environ() else { return }
        while let text = entry.pointee {
            let parts = String(cString: text).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
    }

    subscript(name: String) -> String? { values[name] }

    /// Adds the names of a `.env` file that are not set yet: `NAME=value`, `export NAME=value`,
    /// `'literal'`, `"with \n escapes"`, `# comments`.
    mutating func add(dotEnv bytes: [UInt8], file: String) throws(ConfigFaults) {
        var faults: [ConfigFault] = []
        let text = String(decoding: bytes, as: UTF8.self)
        let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
        for (index, line) in lines.enumerated() where faults.count < ConfigReading.faultLimit {
            var rest = line.drop { $0 == " " || $0 == "\t" }
            if rest.isEmpty || rest.first == "#" { continue }
            if rest.hasPrefix("export ") { rest = rest.dropFirst(7).drop { $0 == " " } }
            let name = rest.prefix { $0 != "=" && $0 != " " && $0 != "\t" }
            let equals = rest.dropFirst(name.count).drop { $0 == " " || $0 == "\t" }
            guard Environment.isName(name), equals.first == "=" else {
                faults.append(
                    ConfigFault(
                        file: file, mark: YAMLMark(line: index + 1, column: 1), path: "",
                        sentence: "this line is not NAME=value",
                        suggestion: "Begin it with # if it is a comment."))
                continue
            }
            guard let value = Environment.value(equals.dropFirst()) else {
                faults.append(
                    ConfigFault(
                        file: file, mark: YAMLMark(line: index + 1, column: 1), path: String(name),
                        sentence: "the quoted value does not end on its line",
                        suggestion: "Close the quote; write a line break as \\n in double quotes."))
                continue
            }
            if values[String(name)] == nil { values[String(name)] = value }
        }
        if !faults.isEmpty { throw ConfigFaults(faults) }
    }

    /// `[A-Za-z_][A-Za-z0-9_]*`
    static func isName(_ text: some StringProtocol) -> Bool {
        guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return text.utf8.allSatisfy {
            $0 == 0x5f || (0x61...0x7a).contains($0 | 0x20) && $0 >= 0x41 || (0x30...0x39).contains($0)
        }
    }

    /// What stands behind the equals sign; nil if a quote is left open.
    private static func value(_ written: Substring) -> String? {
        let text = written.drop { $0 == " " || $0 == "\t" }
        switch text.first {
        case "'":
            guard let end = text.dropFirst().firstIndex(of: "'") else { return nil }
            return String(text[text.index(after: text.startIndex)..<end])
        case "\"":
            var value = ""
            var escaped = false
            for character in text.dropFirst() {
                if escaped {
                    value.append(character == "n" ? "\n" : character == "t" ? "\t" : character)
                    escaped = false
                } else if character == "\\" {
                    escaped = true
                } else if character == "\"" {
                    return value
                } else {
                    value.append(character)
                }
            }
            return nil
        default:
            var end = text.endIndex
            if text.first == "#" { return "" }
            // A comment needs a blank before it: a password may well hold a #.
            for index in text.indices.dropFirst() where text[index] == "#" {
                let before = text[text.index(before: index)]
                if before == " " || before == "\t" {
                    end = index
                    break
                }
            }
            var value = text[..<end]
            while value.last == " " || value.last == "\t" { value.removeLast() }
            return String(value)
        }
    }
}
