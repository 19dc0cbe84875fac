// How the texts of an audit entry stand in a row: bounded, since some come from whoever knocks at the door.
//
// Kind: value. Pure.

enum AuditFields {
    /// Bytes of one text; a login name is the longest that a stranger chooses.
    static let textLimit = 256
    /// Names of changed fields in one entry.
    static let countLimit = 256

    /// The text, cut at a character if it is too long.
    static func clipped(_ text: String) -> String {
        guard text.utf8.count > textLimit else { return text }
        let mark = "…"
        var kept = text.utf8.prefix(textLimit - mark.utf8.count)
        // Back to where a character begins: 10xxxxxx continues one.
        while let last = kept.last, last & 0xc0 == 0x80 { kept.removeLast() }
        if let last = kept.last, last >= 0xc0 { kept.removeLast() }
        return String(decoding: kept, as: UTF8.self) + mark
    }

    /// Pointers as one text: a JSON list.
    static func text(_ fields: [String]) -> String {
        String(decoding: JSONValue.array(fields.prefix(countLimit).map { .string(clipped($0)) }).compact, as: UTF8.self)
    }

    static func list(_ text: String) -> [String] {
        ((try? JSONParser.parse(text)).flatMap(\.array) ?? []).compactMap(\.string)
    }
}
