// Where a command writes and asks: standard output, standard error and a terminal, or a test's memory.
//
// Kind: value.

import CLinux

struct Terminal: Sendable {
    /// One line, without its line break.
    let out: @Sendable (String) -> Void
    let problem: @Sendable (String) -> Void
    /// Columns of the terminal behind standard output; nil: it is a file or a pipe, and nothing is cut.
    var width: Int?
    var usesColor = false
    /// Prints a question and reads a line; nil where nobody can answer.
    var ask: @Sendable (String) -> String? = { _ in nil }
    /// Whether somebody could.
    var isInteractive = false
    /// Everything on standard input; nil when it is more than `inputLimit` or cannot be read.
    var readInput: @Sendable () -> [UInt8]? = { [] }
    /// Replaces the line that says how far long work is; nil takes it away. Does nothing without a terminal.
    var progress: @Sendable (String?) -> Void = { _ in }

    /// Of standard input: an archive is a file, a secret is short.
    static let inputLimit = 16 << 20

    var paint: Paint { Paint(isOn: usesColor) }

    /// Unbuffered, because `serve` and `run` print and then go on for months.
    static var standard: Terminal {
        Terminal(
            out: { Terminal.write($0 + "\n", to: 1) },
            problem: { Terminal.write($0 + "\n", to: 2) },
            width: isatty(1) == 1 ? columns(of: 1) : nil,
            usesColor: isatty(1) == 1 && isUnset("NO_COLOR") && getenv("TERM").map { String(cString: $0) } != "dumb",
            ask: { question in
                guard isatty(0) == 1, isatty(2) == 1 else { return nil }
                Terminal.write(question, to: 2)
                return readLine(strippingNewline: true)
            },
            isInteractive: isatty(0) == 1 && isatty(2) == 1,
            readInput: Terminal.readAll,
            progress: { text in
                guard isatty(2) == 1 else { return }
                Terminal.write("\r\u{1b}[K" + (text ?? ""), to: 2)
            })
    }

    /// NO_COLOR counts when it is there and not empty: https://no-color.org.
    private static func isUnset(_ name: String) -> Bool {
        guard let value = getenv(name) else { return true }
        return value.pointee == 0
    }

    private static func columns(of descriptor: Int32) -> Int {
        let count = Int(gwl_terminal_columns(descriptor))
        return count > 0 ? count : 80
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { CLinux.write(descriptor, $0.baseAddress, $0.count) }
            // Nobody is left to tell when the terminal is gone.
            guard count > 0 || gwl_errno() == EINTR else { return }
            bytes = bytes.dropFirst(max(count, 0))
        }
    }

    private static func readAll() -> [UInt8]? {
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = block.withUnsafeMutableBytes { CLinux.read(0, $0.baseAddress, $0.count) }
            if count == 0 { return bytes }
            if count < 0 {
                if gwl_errno() == EINTR { continue }
                return nil
            }
            bytes += block[..<count]
            guard bytes.count <= inputLimit else { return nil }
        }
    }
}
