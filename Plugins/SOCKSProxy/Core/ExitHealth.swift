// How a proxy stands: may it be dialled?
//
//              failed                     `until` passes, a request comes, or a check on the clock: it is the probe
//      open ───────────► resting ────────────────────────────────► probing
//        ▲                  ▲                                          │ │
//        │                  └──────────── failed: rests twice as long ─┘ │
//        └──────────────────────────────── succeeded ────────────────────┘
//
// A probe that is not heard of within `probeLimit` is forgotten, and another request may be the probe. Whoever dialled before
// the rest began and succeeds opens it as well: it works.
//
// Kind: pure value; times are monotonic milliseconds. Tested by lists of events.

struct ExitHealth: Equatable {
    enum Phase: UInt8 {
        case open, resting, probing

        var word: StaticString {
            switch self {
            case .open: "open"
            case .resting: "resting"
            case .probing: "probing"
            }
        }
    }

    /// What it says to a request.
    enum Admission: Equatable {
        case yes
        /// Only as the one that finds out.
        case asProbe
        case no(until: UInt64)
    }

    /// The first rest; each failure in a row doubles it.
    static let firstRest: UInt64 = 2_000
    static let longestRest: UInt64 = 300_000
    /// Connecting takes ten seconds at most unless the operator says otherwise; whoever is silent for longer is gone.
    static let probeLimit: UInt64 = 30_000

    private(set) var phase = Phase.open
    /// Of a rest: its end. Of a probe: when it is given up.
    private(set) var until: UInt64 = 0
    /// Failures in a row.
    private(set) var failures: UInt32 = 0

    func admission(at now: UInt64) -> Admission {
        if phase == .open { return .yes }
        return now < until ? .no(until: until) : .asProbe
    }

    /// A request goes out as the probe.
    /// - Returns: which probe it is; never 0.
    mutating func probeBegins(at now: UInt64) -> UInt64 {
        phase = .probing
        until = now + Self.probeLimit
        return until
    }

    /// The proxy could not be reached, or did not connect.
    /// - Parameter chance: any number, so that those who failed together do not come back together.
    mutating func failed(at now: UInt64, chance: UInt64) {
        // Others that were dialled at the same time fail for the same reason.
        if phase == .resting, now < until { return }
        failures = min(failures + 1, 31)
        let rest = min(Self.firstRest << UInt64(min(failures - 1, 20)), Self.longestRest)
        phase = .resting
        until = now + rest - rest / 4 + chance % (rest / 4 + 1)
    }

    mutating func succeeded() { self = ExitHealth() }

    /// The probe ended without telling: its client left, or it was never dialled.
    mutating func probeLeft(_ probe: UInt64, at now: UInt64) {
        guard phase == .probing, until == probe else { return }
        phase = .resting
        until = now
    }
}
