// Whether an account, or one family of models of it, may be used now: the state machine, nothing else.
//
//                 failed                      `until` passes, a request comes: it is the probe
//     healthy ─────────────► cooling ───────────────────────────────────────────► probing
//        ▲  ▲                 ▲ │ failed: `until` moves out if the upstream         │ │ │
//        │  │                 │ └─► says so, and nothing counts                     │ │ │
//        │  │                 └────── failed: the next back-off, twice as long ─────┘ │ │
//        │  │                                 left: the next request is the probe     │ │
//        │  └───────────────────────────────── succeeded ─────────────────────────────┘ │
//        │                                                                              │
//        │    failed for the third time in a row with 401, or the provider says closed  │
//        │          ┌────────────────────────────────────────────────────────────────── ┘
//        │          ▼
//        │    needsOperator ── `until` passes ──► probing (once in an hour, so that it heals by itself
//        │          │                             when the trouble was the provider's)
//        └─ reset ──┘
//             ▲            failed: misconfigured
//             └─ disabled ◄────────────────────── healthy, cooling, probing;   `until` ──► probing
//
// 1. While it cools nothing more is counted: what fails then was sent before, and ten requests that
//    fail together are one failure. For the same reason a success does not end the cooling early.
// 2. Half open: one request probes, the others go elsewhere. A probe that has said nothing for
//    `probeLimit` has not failed: the next request probes too.
// 3. An end that the upstream gave is believed, between one second and the cap. Without one the wait is
//    the trouble's own, doubled for every failure in a row, and up to a quarter longer by chance, so
//    that accounts that failed together do not come back together.
// 4. It fits into one word, so that workers share it with one atomic and no lock; healthy is zero.
//
// Kind: pure value. Times are monotonic milliseconds; chance comes from the caller.

struct Health: Equatable {
    enum Phase: UInt8 {
        case healthy, cooling, probing, disabled, needsOperator

        var word: StaticString {
            switch self {
            case .healthy: "healthy"
            case .cooling: "cooling"
            case .probing: "probing"
            case .disabled: "disabled"
            case .needsOperator: "needs_operator"
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

    /// Back-off doubles up to here: 5 s become at most 640 s.
    private static let doublings: UInt8 = 7
    /// So many refusals of the credential in a row are believed.
    private static let refusalsLimit: UInt8 = 3
    /// Answers that refuse take a second or two; who says nothing for longer is working.
    static let probeLimit: UInt64 = 10_000
    /// How often an account that needs the operator is tried all the same.
    static let operatorWait: UInt64 = 3_600_000
    /// 48 bits of milliseconds are 8,900 years.
    private static let untilLimit = UInt64.max >> 16

    private(set) var phase = Phase.healthy
    /// When it may be tried again; of a probe: when the next one may.
    private(set) var until: UInt64 = 0
    /// In a row, up to 31.
    private(set) var failures: UInt8 = 0
    private(set) var trouble: Trouble?
    private(set) var source = EndSource.backOff

    static let healthy = Health()

    func admission(at now: UInt64) -> Admission {
        if phase == .healthy { return .yes }
        return now < until ? .no(until: until) : .asProbe
    }

    // MARK: Events

    /// - Parameters:
    ///   - asked: the wait that the upstream asked for; nil if it did not.
    ///   - cap: the longest wait, in milliseconds.
    ///   - chance: any number; its low bits lengthen a back-off.
    mutating func failed(_ trouble: Trouble, at now: UInt64, asked: AskedWait?, cap: UInt64, chance: UInt64) {
        if phase != .healthy, phase != .probing, now < until {
            if phase == .cooling, let asked, now + Self.clamp(asked.milliseconds, cap) > until {
                until = min(now + Self.clamp(asked.milliseconds, cap), Self.untilLimit)
                source = asked.source
                self.trouble = trouble
            }
            return
        }
        let isRepeated = self.trouble == trouble
        failures = min(failures + 1, 31)
        self.trouble = trouble
        source = asked?.source ?? .backOff
        let backOff = trouble.firstWait << UInt64(min(failures - 1, Self.doublings))
        var wait = Self.clamp(asked?.milliseconds ?? backOff + backOff * (chance & 255) / 1024, cap)
        switch trouble {
        case .closed: phase = .needsOperator
        case .unauthorised where isRepeated && failures >= Self.refusalsLimit:
            phase = .needsOperator
            wait = Self.operatorWait
        case .misconfigured: phase = .disabled
        default: phase = .cooling
        }
        until = min(now + wait, Self.untilLimit)
    }

    mutating func succeeded(at now: UInt64) {
        if phase == .probing || now >= until { self = .healthy }
    }

    /// True if the caller is the one that finds out.
    mutating func startProbe(at now: UInt64) -> Bool {
        guard admission(at: now) == .asProbe else { return false }
        phase = .probing
        until = min(now + Self.probeLimit, Self.untilLimit)
        return true
    }

    /// The probe ended without an answer that says anything: the next request is the probe.
    mutating func probeLeft(at now: UInt64) {
        guard phase == .probing else { return }
        phase = .cooling
        until = now
    }

    // MARK: Private

    private static func clamp(_ wait: UInt64, _ cap: UInt64) -> UInt64 { min(max(wait, 1_000), cap) }

    // MARK: One word

    /// until 48 | phase 3 | failures 5 | trouble 4 | source 4
    var bits: UInt64 {
        if phase == .healthy { return 0 }
        let low = UInt64(phase.rawValue) << 13 | UInt64(failures) << 8 | UInt64(trouble?.rawValue ?? 0) << 4
        return until << 16 | low | UInt64(source.rawValue)
    }

    init() {}

    init(bits: UInt64) {
        until = bits >> 16
        phase = Phase(rawValue: UInt8(bits >> 13 & 7)) ?? .healthy
        failures = UInt8(bits >> 8 & 31)
        trouble = Trouble(rawValue: UInt8(bits >> 4 & 15))
        source = EndSource(rawValue: UInt8(bits & 15)) ?? .backOff
    }

    /// From a snapshot, where nothing can be trusted to make sense. A probe belongs to whoever sent it:
    /// for everybody else the account still cools.
    init(phase: Phase, until: UInt64, failures: UInt8, trouble: Trouble, source: EndSource) {
        self.phase = phase == .probing ? .cooling : phase
        self.until = min(until, Self.untilLimit)
        self.failures = min(failures, 31)
        self.trouble = trouble
        self.source = source
    }
}
