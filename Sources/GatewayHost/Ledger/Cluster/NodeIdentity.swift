// Which node a ledger belongs to: an id that is made once and stays with the ledger, also when it is restored elsewhere
// from a backup, because its rows do.
//
// Kind: value; finding it blocks.

import CLinux

struct NodeIdentity: Sendable, Equatable {
    /// `node_01jd3x9k7c8m5q2r4t6v8w0y1z`
    var id: String
    /// For people; two nodes may have the same one.
    var name: String
    /// This place of the ledger on this machine since its start. A copy of the folder is another place, and so two
    /// gateways that believe to be the same node are told apart.
    var holder: String

    static let fileName = "node"

    /// The node whose ledger is in the folder; makes its id if there is none.
    /// - Parameter name: of the configuration; nil: the host's.
    static func findOrMake(_ folders: LedgerFolders, name: String?) throws(LedgerFault) -> NodeIdentity {
        if let found = find(folders, name: name) { return found }
        let path = "\(folders.ledger)/\(fileName)"
        let id = RecordIdentifier.make(prefix: "node")
        if let failure = FileBytes.replace(path, with: Array("\(id)\n".utf8), mode: 0o600) {
            throw LedgerFault(description: failure.sentence)
        }
        guard let made = find(folders, name: name) else { throw LedgerFault(description: "\(path) was written and cannot be read") }
        return made
    }

    /// nil: no gateway has served from the folder, or only an older one.
    static func find(_ folders: LedgerFolders, name: String?) -> NodeIdentity? {
        let path = "\(folders.ledger)/\(fileName)"
        guard case .success(let bytes) = FileBytes.read(path, limit: 200) else { return nil }
        let id = String(decoding: bytes.prefix { $0 != 0x0a }, as: UTF8.self)
        guard isID(id) else { return nil }
        var status = stat()
        let place = stat(path, &status) == 0 ? "\(status.st_dev).\(status.st_ino)" : "?"
        return NodeIdentity(id: id, name: name ?? hostName, holder: "\(bootID).\(place)")
    }

    static func isID(_ text: String) -> Bool {
        text.hasPrefix("node_") && text.utf8.count == 5 + RecordIdentifier.characterCount
            && text.utf8.allSatisfy { $0 == 0x5f || $0 &- 0x30 < 10 || $0 &- 0x61 < 26 }
    }

    private static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "node" }
        let text = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.isEmpty ? "node" : text
    }

    private static var bootID: String {
        guard case .success(let bytes) = FileBytes.read("/proc/sys/kernel/random/boot_id", limit: 100) else { return "?" }
        return String(decoding: bytes.prefix { $0 != 0x0a }, as: UTF8.self)
    }
}
