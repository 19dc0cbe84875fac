// Some rows of a journal as JSON, and where the next ones begin.
//
// A cursor names a segment and how many rows of the answer are before it there: places in a file change when the file is compacted, the
// order of rows does not.
//
// Kind: value; making one blocks.

struct RowPage {
    struct Cursor: Equatable {
        var segment: UInt64
        var count: Int

        init(segment: UInt64, count: Int) {
            self.segment = segment
            self.count = count
        }

        /// nil: it is none.
        init?(_ text: String) {
            let parts = text.split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count == 2, let segment = UInt64(parts[0], radix: 16), let count = Int(parts[1]), count >= 0 else { return nil }
            self.init(segment: segment, count: count)
        }

        var text: String { "\(String(segment, radix: 16))-\(count)" }
    }

    /// Objects of RowJSON, with commas between them.
    private(set) var rows: [UInt8] = []
    private(set) var count = 0
    /// nil: there are no more for now.
    private(set) var next: Cursor?

    /// - Parameter limit: at least 1.
    init(_ folder: JournalFolder, _ question: JournalReader.Question, after cursor: Cursor?, limit: Int) throws(SystemError) {
        var question = question
        if let cursor { question.after = JournalPosition(segment: cursor.segment, offset: 0) }
        var reader = try JournalReader(folder, question)
        var place = Cursor(segment: cursor?.segment ?? 0, count: 0)
        var json = RowJSON()
        while let (_, bytes) = try reader.next() {
            guard let row = RowDecoder.sealed(bytes) else { continue }
            if reader.position.segment != place.segment { place = Cursor(segment: reader.position.segment, count: 0) }
            place.count += 1
            if let cursor, place.segment == cursor.segment, place.count <= cursor.count { continue }
            if count == limit {
                place.count -= 1
                next = place
                return
            }
            if count > 0 { rows.append(0x2c) }
            rows += json.line(row)
            count += 1
        }
    }

    var document: [UInt8] {
        let cursor = next.map { "\"\($0.text)\"" } ?? "null"
        return Array("{\"data\":[".utf8) + rows + Array("],\"next_cursor\":\(cursor)}".utf8)
    }
}
