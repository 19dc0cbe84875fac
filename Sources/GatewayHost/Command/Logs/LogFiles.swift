// The files of a log: the one being written and those that were renamed, read backwards for the last lines or forwards from a time.
//
// Kind: value; reads files, so for the command line.

import CLinux

struct LogFiles: Sendable {
    /// `log.keep` allows no more.
    private static let rotatedLimit = 1000
    private static let firstWindow = 64 << 10

    let path: String

    /// Newest first.
    private var all: [String] {
        var found = [path]
        for number in 1...LogFiles.rotatedLimit {
            guard access("\(path).\(number)", F_OK) == 0 else { break }
            found.append("\(path).\(number)")
        }
        return found
    }

    /// The last `count` lines that pass, oldest first.
    func last(_ count: Int, _ filter: LogFilter) -> [String] {
        var lines: [String] = []
        for file in all where lines.count < count {
            lines = LogFiles.last(count - lines.count, of: file, filter) + lines
        }
        return lines
    }

    /// Looks at more and more of the end of the file until there are enough.
    private static func last(_ count: Int, of file: String, _ filter: LogFilter) -> [String] {
        guard count > 0 else { return [] }
        var window = firstWindow
        while true {
            guard let size = LineReader(file)?.size, var reader = LineReader(file, at: max(0, size - window)) else { return [] }
            let beginsInside = size > window
            var isFirst = true
            var filter = filter
            var found: [String] = []
            func take(_ line: String) {
                defer { isFirst = false }
                if isFirst && beginsInside { return }
                guard filter.passes(LogEntry(line)) else { return }
                found.append(line)
                // Trimmed now and then, so that each line is moved about once.
                if found.count > 2 * count + 64 { found.removeFirst(found.count - count) }
            }
            reader.read(to: size, take)
            if let rest = reader.takeRest() { take(rest) }
            if found.count >= count || !beginsInside { return found.suffix(count) }
            window *= 8
        }
    }

    /// Every line that passes, oldest first; files that were last written before `since` are not opened.
    func each(since: UInt64, _ filter: LogFilter, _ body: (String) -> Void) {
        var filter = filter
        for file in all.reversed() {
            var status = stat()
            guard stat(file, &status) == 0, UInt64(status.st_mtim.tv_sec) + 1 >= since / 1_000_000_000,
                var reader = LineReader(file)
            else { continue }
            reader.read(to: reader.size) { if filter.passes(LogEntry($0)) { body($0) } }
            if let rest = reader.takeRest(), filter.passes(LogEntry(rest)) { body(rest) }
        }
    }
}
