// Which places did not answer lately: a request to one of them is told so at once, instead of waiting for a connection that others
// have waited for in vain.
//
//      a dial times out, or a name does not resolve
//   ──────────────────────────────────────────────► resting ── `until` passes, somebody dials ──► that dial finds out
//                                                      ▲                                              │        │
//                                                      └───────── failed: rests twice as long ────────┘        └─► forgotten
//
// A rest is up to a quarter shorter, by chance. Only what costs time is remembered: a refused connection is an answer, and the next one may be taken. A place is an origin and
// the way there, whichever account asks.
//
// Kind: value; pure, times are given. Confined to the loop that owns it. Invariant: at most `limit` places.

struct DialMemory {
    struct Place: Hashable {
        var host: String
        var port: UInt16
        /// As the target was asked for; empty: directly. Holds a secret, and is never shown.
        var proxy: [UInt8]
    }

    private struct Record {
        var fault: UpstreamFault
        var until: Instant
        var failures: Int
        /// A dial is finding out; when it is given up.
        var probedUntil: Instant?
    }

    static let firstRestMilliseconds = 1000
    static let longestRestMilliseconds = 15_000
    /// Longer than any dial may take by default; one that is not heard of within it is forgotten.
    static let probeMilliseconds = 30_000
    static let limit = 512

    private var records: [Place: Record] = [:]

    /// What a request to `place` is told; nil: dial, which is then the one dial that finds out.
    /// - Parameter mayProbe: false for a dial that waits for its turn, and asks again when that comes.
    mutating func refusal(of place: Place, at now: Instant, mayProbe: Bool = true) -> UpstreamFault? {
        // The usual case: everybody answers.
        if records.isEmpty { return nil }
        guard var record = records[place] else { return nil }
        let isProbed = record.probedUntil.map { now < $0 } ?? false
        guard now < record.until || isProbed else {
            guard mayProbe else { return nil }
            record.probedUntil = now.adding(milliseconds: Self.probeMilliseconds)
            records[place] = record
            return nil
        }
        var fault = record.fault
        fault.sentence += isProbed ? ", and another connection is being tried" : " a moment ago"
        return fault
    }

    /// A dial to `place` ended so.
    /// - Parameter chance: any number; up to a quarter of the rest is left to it, so that loops do not come back together.
    mutating func failed(_ place: Place, _ fault: UpstreamFault, at now: Instant, chance: UInt64) {
        guard fault.kind == .timeoutConnect || fault.kind == .resolve else { return records[place] = nil }
        var record = records[place] ?? Record(fault: fault, until: now, failures: 0)
        // Dials that began before the rest did end within it, for the same reason.
        guard record.failures == 0 || record.probedUntil != nil || now >= record.until else { return }
        if records[place] == nil, records.count >= Self.limit { forget(at: now) }
        let rest = min(Self.firstRestMilliseconds << min(record.failures, 10), Self.longestRestMilliseconds)
        record.fault = fault
        record.failures += 1
        record.until = now.adding(milliseconds: rest - rest / 4 + Int(chance % UInt64(rest / 4 + 1)))
        record.probedUntil = nil
        records[place] = record
    }

    mutating func succeeded(_ place: Place) {
        if !records.isEmpty { records[place] = nil }
    }

    /// Whatever was tried through this proxy may be tried again.
    mutating func forget(proxy: [UInt8]) { records = records.filter { $0.key.proxy != proxy } }

    mutating func forgetAll() { records = [:] }

    var count: Int { records.count }

    /// Makes room: those whose rest is over, or else the one that would be tried first.
    private mutating func forget(at now: Instant) {
        records = records.filter { $0.value.until > now }
        guard records.count >= Self.limit, let first = records.min(by: { $0.value.until < $1.value.until })?.key else { return }
        records[first] = nil
    }
}
