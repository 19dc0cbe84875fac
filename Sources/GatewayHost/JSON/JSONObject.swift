// The members of a JSON object, in the order in which they were written.
//
// Small objects are searched from front to back; larger ones keep an index beside the list, so that a
// document made of many members costs no more than its length.
//
// Kind: value. Invariants: names are unique; `index` is empty or holds every name with its place.

struct JSONObject: Sendable, Equatable, Sequence, ExpressibleByDictionaryLiteral {
    /// Up to here comparing names is quicker than hashing one.
    private static let linearLimit = 12

    private var members: [(name: String, value: JSONValue)] = []
    private var index: [String: Int] = [:]

    init() {}

    /// Of members with the same name the last one counts, at the place of the first.
    init(_ members: [(String, JSONValue)]) {
        for (name, value) in members { self[name] = value }
    }

    init(dictionaryLiteral members: (String, JSONValue)...) { self.init(members) }

    var count: Int { members.count }
    var isEmpty: Bool { members.isEmpty }
    var names: [String] { members.map(\.name) }

    /// Reading gives nil for an absent member; writing nil removes it.
    subscript(name: String) -> JSONValue? {
        get { place(of: name).map { members[$0].value } }
        set {
            switch (place(of: name), newValue) {
            case (let place?, let value?): members[place].value = value
            case (let place?, nil):
                members.remove(at: place)
                index = [:]
                indexIfLarge()
            case (nil, let value?):
                members.append((name, value))
                if index.isEmpty { indexIfLarge() } else { index[name] = members.count - 1 }
            case (nil, nil): break
            }
        }
    }

    func makeIterator() -> IndexingIterator<[(name: String, value: JSONValue)]> { members.makeIterator() }

    private func place(of name: String) -> Int? {
        index.isEmpty ? members.firstIndex { $0.name == name } : index[name]
    }

    private mutating func indexIfLarge() {
        guard members.count > Self.linearLimit else { return }
        for (place, member) in members.enumerated() { index[member.name] = place }
    }

    /// Equal members, in whatever order.
    static func == (one: JSONObject, other: JSONObject) -> Bool {
        one.count == other.count && one.allSatisfy { other[$0.name] == $0.value }
    }
}
