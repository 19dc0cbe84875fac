// When which proxy is checked: one after the other, a few at a time.
//
//     due at its interval, or when its rest ends, whichever is earlier ──► under way ──► ended: an interval later, or a little less
//
// The end of a rest is due for a check so that no request has to find out. A proxy that a request is probing is left to it.
//
// Kind: pure value; times are monotonic milliseconds.

struct CheckClock {
    struct Way {
        let name: String
        let everyMilliseconds: UInt64
        let health: ExitHealth
    }

    private struct Entry {
        var next: UInt64
        var isUnderWay = false
        /// When the last one ended; 0: there was none.
        var last: UInt64 = 0
    }

    /// Connections that are tried at a time.
    static let atOnce = 8
    /// How often somebody should look.
    static let tickMilliseconds: UInt32 = 1_000

    private var entries: [String: Entry] = [:]
    private var underWay = 0

    /// Those to check now, the longest overdue first. One that is new is due at once; one that is not among them is forgotten.
    mutating func due(_ ways: [Way], at now: UInt64) -> [String] {
        var old = entries
        entries.removeAll(keepingCapacity: true)
        var due: [(name: String, at: UInt64)] = []
        for way in ways where entries[way.name] == nil {
            let entry = old.removeValue(forKey: way.name) ?? Entry(next: now)
            entries[way.name] = entry
            guard !entry.isUnderWay else { continue }
            var time = entry.next
            // The end of a rest that a check has seen already, and learnt nothing, is no news.
            if way.health.phase == .resting, way.health.until > entry.last { time = min(time, way.health.until) }
            if way.health.phase == .probing { time = max(time, way.health.until) }
            if time <= now { due.append((way.name, time)) }
        }
        // Who is gone and still under way ends on its own.
        for entry in old.values where entry.isUnderWay { underWay -= 1 }
        due.sort { ($0.at, $0.name) < ($1.at, $1.name) }
        let begun = due.prefix(max(0, Self.atOnce - underWay)).map(\.name)
        for name in begun { entries[name]?.isUnderWay = true }
        underWay += begun.count
        return begun
    }

    /// - Parameter chance: any number; up to an eighth of the interval is left to it, so that they do not all come at once.
    mutating func ended(_ name: String, everyMilliseconds: UInt64, at now: UInt64, chance: UInt64) {
        guard let entry = entries[name], entry.isUnderWay else { return }
        underWay -= 1
        entries[name] = Entry(next: now + everyMilliseconds - chance % (everyMilliseconds / 8 + 1), last: now)
    }
}
