// How the texts of an audit entry stand in a row: bounded, since some come from whoever knocks at the door.
//
// Kind: value. Pure.

enum AuditFields {
    /// A login name is the longest text that a stranger chooses.
    static let textLimit = 256
    static let countLimit = 256

    /// The text, cut at a character.
    static func clipped(_ text: String) -> String {
        guard text.utf8.count > textLimit else { return text }
        var clipped = text
        while clipped.utf8.count > textLimit - 3 {
            clipped = String(clipped.prefix(clipped.count - max(1, (clipped.utf8.count - textLimit) / 4)))
        }
        return clipped + "…"
    }

    /// Pointers as one text: a JSON list.
    static func text(_ fields: [String]) -> String {
        String(decoding: JSONValue.array(fields.prefix(countLimit).map { .string(clipped($0)) }).compact, as: UTF8.self)
    }

    static func list(_ text: String) -> [String] {
        ((try? JSONParser.parse(text)).flatMap(\.array) ?? []).compactMap(\.string)
    }
}
