// Reads members of a declaration one by one, and refuses what it was not asked for.
//
// Kind: value.

struct DeclarationReader {
    let object: JSONObject
    let place: String
    private var asked: Set<String> = []

    init(_ value: JSONValue, at place: String) throws(DeclarationFault) {
        guard let object = value.object else {
            throw DeclarationFault(place, "must be an object, is \(value.kindName)")
        }
        self.object = object
        self.place = place
    }

    func place(of name: String) -> String { "\(place)/\(name)" }

    mutating func value(_ name: String) -> JSONValue? {
        asked.insert(name)
        return object[name]
    }

    /// A text, of at most `limit` bytes.
    mutating func text(_ name: String, initial: String? = nil, limit: Int = 4096) throws(DeclarationFault) -> String {
        guard let value = value(name) else {
            if let initial { return initial }
            throw DeclarationFault(place(of: name), "is missing; it takes a text")
        }
        guard let text = value.string, !text.isEmpty else {
            throw DeclarationFault(place(of: name), "must be a text that is not empty")
        }
        guard text.utf8.count <= limit else { throw DeclarationFault(place(of: name), "must have at most \(limit) bytes") }
        return text
    }

    /// A word of small letters, digits and dashes.
    mutating func word(_ name: String, initial: String? = nil, limit: Int = 32) throws(DeclarationFault) -> String {
        let word = try text(name, initial: initial, limit: limit)
        guard DeclarationReader.isWord(word) else {
            throw DeclarationFault(
                place(of: name), "must begin with a small letter and have only small letters, digits and dashes")
        }
        return word
    }

    static func isWord(_ word: String) -> Bool {
        guard let first = word.utf8.first, (0x61...0x7a).contains(first) else { return false }
        return word.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d }
    }

    /// True or false; false when it is absent.
    mutating func flag(_ name: String) throws(DeclarationFault) -> Bool {
        guard let value = value(name) else { return false }
        guard let flag = value.bool else { throw DeclarationFault(place(of: name), "must be true or false, is \(value.kindName)") }
        return flag
    }

    /// A list; empty when it is absent.
    mutating func list(_ name: String, limit: Int) throws(DeclarationFault) -> [(value: JSONValue, place: String)] {
        guard let value = value(name) else { return [] }
        guard let elements = value.array else {
            throw DeclarationFault(place(of: name), "must be a list, is \(value.kindName)")
        }
        guard elements.count <= limit else { throw DeclarationFault(place(of: name), "must have at most \(limit) entries") }
        return elements.enumerated().map { ($1, "\(place)/\(name)/\($0)") }
    }

    mutating func texts(_ name: String, limit: Int) throws(DeclarationFault) -> [(text: String, place: String)] {
        var texts: [(String, String)] = []
        for (value, place) in try list(name, limit: limit) {
            guard let text = value.string else { throw DeclarationFault(place, "must be a text, is \(value.kindName)") }
            texts.append((text, place))
        }
        return texts
    }

    /// Call it last: a member that nobody asked for is probably a misspelt one.
    func refuseOthers() throws(DeclarationFault) {
        for name in object.names where !asked.contains(name) {
            let question = SpellingSuggestion.question(for: name, in: asked.filter { object[$0] == nil }.sorted())
            throw DeclarationFault(
                place(of: name), "is not known here; " + (question ?? "known are \(asked.sorted().joined(separator: ", "))"))
        }
    }
}
