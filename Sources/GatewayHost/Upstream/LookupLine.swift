// Whose name may be looked up now, and who waits: of one name a few at a time.
//
// libcurl looks a name up in a thread of its own for each connection, and one whose name server is silent sits in it until
// the resolver gives up. A crowd that wants one such name would take a thread each. With a name that is answered those
// who wait lose nothing: they find the answer in libcurl's memory when their turn comes.
//
//     begin ──► looked up ──► ended ──► the next of that name begins
//       └─────► waits ─────────────────────┘
//
// Kind: value; pure. Invariants: 1. of a name at most `limit` are looked up. 2. somebody waits for a name only while as many are.

struct LookupLine<Waiter> {
    private struct Name {
        var running = 0
        var waiting: [Waiter] = []
        var next = 0
    }

    private let limit: Int
    private var names: [String: Name] = [:]

    init(limit: Int) {
        precondition(limit > 0)
        self.limit = limit
    }

    /// - Returns: true if it may be looked up at once; otherwise it waits.
    mutating func begin(_ name: String, _ waiter: @autoclosure () -> Waiter) -> Bool {
        if names[name, default: Name()].running < limit {
            names[name, default: Name()].running += 1
            return true
        }
        names[name]?.waiting.append(waiter())
        return false
    }

    /// One of that name is not looked up any more.
    /// - Parameter isWanted: whether somebody who waited still does.
    /// - Returns: who is looked up in its place.
    mutating func ended(_ name: String, isWanted: (Waiter) -> Bool) -> Waiter? {
        guard var entry = names[name] else { return nil }
        while entry.next < entry.waiting.count {
            let waiter = entry.waiting[entry.next]
            entry.next += 1
            guard isWanted(waiter) else { continue }
            names[name] = entry
            return waiter
        }
        entry.waiting = []
        entry.next = 0
        entry.running -= 1
        names[name] = entry.running > 0 ? entry : nil
        return nil
    }

    /// All who wait, who then do not any more.
    mutating func leave() -> [Waiter] {
        let waiting = names.values.flatMap { $0.waiting[$0.next...] }
        for name in names.keys {
            names[name]?.waiting = []
            names[name]?.next = 0
        }
        return waiting
    }

    /// Names of which somebody is looked up.
    var count: Int { names.count }
}
