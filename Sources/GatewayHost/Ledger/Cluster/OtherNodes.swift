// Which other nodes there are, remembered beside the ledger: so that a Redis that was emptied is not taken for one without other nodes.
//
//   data/ledger/peers   a line each: id, when it was heard of last (seconds since 1970), name
//
// Kind: shared.

import CLinux

final class OtherNodes: Sendable {
    struct Known: Sendable, Equatable {
        var name: String
        /// When it told something last, in seconds since 1970.
        var seen: Int64
    }

    static let fileName = "peers"
    static let bytesLimit = 1 << 20
    /// Who said nothing for longer may be gone; nobody waits for it.
    static let recentSeconds: Int64 = 60
    /// Seconds between writings that only say that others live.
    private static let writeSeconds: Int64 = 30

    private struct State {
        var known: [String: Known]
        var written: Int64 = 0
    }

    let target: RedisTarget
    private let own: String
    private let path: String
    private let state: Locked<State>

    init(_ folders: LedgerFolders, own: String, _ target: RedisTarget) {
        self.own = own
        self.target = target
        path = "\(folders.ledger)/\(Self.fileName)"
        state = Locked(State(known: Self.read(folders)))
    }

    /// What a gateway remembered; also for commands.
    static func read(_ folders: LedgerFolders) -> [String: Known] {
        guard case .success(let bytes) = FileBytes.read("\(folders.ledger)/\(fileName)", limit: bytesLimit) else { return [:] }
        var known: [String: Known] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 2)
            guard parts.count == 3, NodeIdentity.isID(String(parts[0])), let seen = Int64(parts[1]) else { continue }
            known[String(parts[0])] = Known(name: String(parts[2]), seen: seen)
        }
        return known
    }

    /// Takes over what Redis has. Who is missing there stays known.
    func saw(_ nodes: [SharedLedger.Node], now: Int64) {
        let text = state.withLock { state -> String? in
            let before = Set(state.known.keys)
            for node in nodes where node.id != own {
                let name = node.name.split(whereSeparator: \.isNewline).joined(separator: " ")
                state.known[node.id] = Known(name: name.isEmpty ? "?" : name, seen: node.seen / 1000)
            }
            guard Set(state.known.keys) != before || !nodes.isEmpty && now - state.written >= Self.writeSeconds else { return nil }
            state.written = now
            return state.known.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.seen) \($0.value.name)\n" }.joined()
        }
        // What cannot be written is remembered until the process ends.
        if let text { _ = FileBytes.replace(path, with: Array(text.utf8), mode: 0o600) }
    }

    /// Those that told something a moment ago.
    /// - Parameter now: seconds since 1970.
    func recent(now: Int64) -> [String] {
        state.withLock { $0.known.filter { now - $0.value.seen <= Self.recentSeconds }.keys.sorted() }
    }

    func isOwn(_ id: String) -> Bool { id == own }
}
