// The rows of a journal in the order in which they were written, in bounded memory, whoever writes them.
//
// Kind: value that is not copied; blocks, so never on a loop.

import CLinux

struct JournalReader: ~Copyable {
    /// What rows are wanted. Segments and parts of segments that cannot have one are not read.
    struct Question: Sendable {
        /// By the time of their request, in nanoseconds since 1970.
        var times: Range<Int64> = Int64.min..<Int64.max
        var id: RowID?
        /// Rows that stand before are not wanted.
        var after = JournalPosition.beginning
        /// Rows from here on are not wanted.
        var until = JournalPosition(segment: .max, offset: .max)
    }

    private let folder: JournalFolder
    private let question: Question
    private var segments: ArraySlice<UInt64>
    private var segment: UInt64 = 0
    private var parts: ArraySlice<Range<Int>> = []
    private var reader: SegmentReader?
    /// Behind the last row that was read.
    private(set) var position: JournalPosition
    private(set) var damagedBytes = 0

    init(_ folder: JournalFolder, _ question: Question = Question()) throws(SystemError) {
        self.folder = folder
        self.question = question
        position = question.after
        segments = try folder.segments().filter { $0 >= question.after.segment && $0 <= question.until.segment }[...]
    }

    /// Behind the last whole row that is there now.
    static func end(of folder: JournalFolder) throws(SystemError) -> JournalPosition {
        guard let last = try folder.segments().last else { return .beginning }
        var reader = try SegmentReader(folder.rows(last))
        while try reader.next() != nil {}
        return JournalPosition(segment: last, offset: reader.end)
    }

    /// The next row that may be wanted, valid until the next call, with its head; nil at the end. Rows outside the times
    /// or of another id are left out.
    mutating func next() throws(SystemError) -> (head: RowDecoder.Head, row: Bytes)? {
        while true {
            if reader == nil, try !open() { return nil }
            guard let item = try reader!.next() else {
                reader = nil
                continue
            }
            switch item {
            case .damage(let range): damagedBytes += range.count
            case .row(let row, let frame):
                position = JournalPosition(segment: segment, offset: frame.upperBound)
                guard let head = RowDecoder.head(row), head.kind != .checkpoint, question.times.contains(head.started),
                    question.id == nil || question.id == head.id
                else { continue }
                return (head, row)
            }
        }
    }

    /// Begins the next part or segment; false at the end.
    private mutating func open() throws(SystemError) -> Bool {
        while true {
            if let part = parts.popFirst() {
                do throws(SystemError) {
                    reader = try SegmentReader(folder.rows(segment), part: part)
                    return true
                } catch  where error.code == ENOENT {
                    // Retention was faster.
                    parts = []
                }
            }
            guard let next = segments.popFirst() else { return false }
            segment = next
            parts = wantedParts(next)[...]
        }
    }

    private func wantedParts(_ number: UInt64) -> [Range<Int>] {
        let start = number == question.after.segment ? question.after.offset : 0
        let end = number == question.until.segment ? question.until.offset : Int.max
        let rest = min(max(start, SegmentHeader.byteCount), end)..<end
        let isWhole = question.id == nil && question.times == Int64.min..<Int64.max
        guard !isWhole, let index = index(number) else { return [rest] }
        return index.parts { entry in
            entry.lastTime >= question.times.lowerBound && entry.firstTime < question.times.upperBound
                && (question.id.map { entry.firstID <= $0 && $0 <= entry.lastID } ?? true)
        }.compactMap { part in
            part.upperBound > start && part.lowerBound < end ? max(part.lowerBound, start)..<min(part.upperBound, end) : nil
        }
    }

    /// The index of a closed segment; nil when there is none, or not of this segment's length.
    private func index(_ number: UInt64) -> SegmentIndex? {
        var status = stat()
        guard stat(folder.rows(number), &status) == 0,
            case .success(let bytes) = FileBytes.read(folder.index(number), limit: 16 << 20)
        else { return nil }
        return SegmentIndex(bytes, end: Int(status.st_size))
    }
}
