// Comma-separated values.
//
// Kind: value. Pure. Source: RFC 4180.

enum CSVText {
    /// A field, quoted when it must be.
    ///
    /// What a spreadsheet would take for a formula gets a blank before it: names of keys come from people.
    static func field(_ text: String) -> String {
        var text = text
        if let first = text.utf8.first, "=+-@\t\r".utf8.contains(first) { text = " " + text }
        guard text.utf8.contains(where: { $0 == 0x22 || $0 == 0x2c || $0 == 0x0a || $0 == 0x0d }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }

    /// The records of a text; nil when a quotation mark is left open.
    static func records(_ bytes: [UInt8]) -> [[String]]? {
        var records: [[String]] = []
        var record: [String] = []
        var field: [UInt8] = []
        var isQuoted = false
        var at = 0
        func text() -> String { String(decoding: field, as: UTF8.self) }
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if isQuoted {
                if byte != 0x22 {
                    field.append(byte)
                } else if at < bytes.count, bytes[at] == 0x22 {
                    field.append(byte)
                    at += 1
                } else {
                    isQuoted = false
                }
                continue
            }
            switch byte {
            case 0x22: isQuoted = true
            case 0x2c:
                record.append(text())
                field = []
            case 0x0d where at < bytes.count && bytes[at] == 0x0a: break
            case 0x0a:
                record.append(text())
                field = []
                if record != [""] { records.append(record) }
                record = []
            default: field.append(byte)
            }
        }
        if isQuoted { return nil }
        if !field.isEmpty || !record.isEmpty { records.append(record + [text()]) }
        return records
    }
}
