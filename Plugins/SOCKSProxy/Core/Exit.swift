// One proxy as everybody who goes through it sees it: all workers, and all generations of the chain.
//
// Kind: shared; the health is behind a lock that is held for a few instructions, and asked only by requests of accounts with
// a proxy.

import PluginKit

final class Exit: Sendable {
    /// As gw_upstream has it; holds a secret.
    let url: [UInt8]
    /// Without credentials.
    let label: String
    private let health = Locked(ExitHealth())
    private let lastCheck = Locked<ExitCheck?>(nil)

    init(_ proxy: ProxyURL) {
        url = Array(proxy.text.utf8)
        label = proxy.redacted
    }

    func admission(at now: UInt64) -> ExitHealth.Admission { health.withLock { $0.admission(at: now) } }

    /// Takes it: as the probe, if it rests and is due.
    /// - Returns: which probe, 0 if it is open; nil if somebody else was faster.
    func take(at now: UInt64) -> UInt64? {
        health.withLock { health in
            switch health.admission(at: now) {
            case .yes: 0
            case .no: nil
            case .asProbe: health.probeBegins(at: now)
            }
        }
    }

    /// - Returns: the health, and whether it was another before.
    func failed(at now: UInt64, chance: UInt64) -> (ExitHealth, hasChanged: Bool) {
        health.withLock { health in
            let before = health
            health.failed(at: now, chance: chance)
            return (health, health != before)
        }
    }

    /// - Returns: whether it was anything but open.
    func succeeded() -> Bool {
        health.withLock { health in
            let wasOpen = health.phase == .open
            if !wasOpen { health.succeeded() }
            return !wasOpen
        }
    }

    /// The probe of that name, 0 for none, ended without telling. Others change nothing.
    func probeLeft(_ probe: UInt64, at now: UInt64) {
        if probe != 0 { health.withLock { $0.probeLeft(probe, at: now) } }
    }

    /// A check on the clock ended so.
    func checked(_ check: ExitCheck) { lastCheck.withLock { $0 = check } }

    /// nil: it was not checked yet.
    var check: ExitCheck? { lastCheck.withLock { $0 } }

    func reset() { health.withLock { $0 = ExitHealth() } }

    var current: ExitHealth { health.withLock { $0 } }
}

/// All proxies that this process has gone through, by URL: how they stand survives a reload.
enum ExitTable {
    /// Beyond, those that nobody uses go.
    private static let limit = 4096
    private static let exits = Locked<[String: Exit]>([:])

    static func exit(_ proxy: ProxyURL) -> Exit {
        exits.withLock { exits in
            if let known = exits[proxy.text] { return known }
            if exits.count >= limit { exits = exits.filter { $0.value.current.phase != .open } }
            if exits.count >= limit { exits.removeAll() }
            let exit = Exit(proxy)
            exits[proxy.text] = exit
            return exit
        }
    }
}
