// What a backup holds, and whether one is whole.
//
//     gateway.db                 the store, as of one moment
//     gateway.yaml               the configuration as written, references unresolved
//     master.key                 only when asked for: whoever has it and the store can read every secret
//     ledger.NUMBER.rows, ...    the ledger: segments, their indexes, sums, price tables
//     manifest.json              version, when, which gateway, SHA-256 of every other member, the master key's id
//
// Kind: values that are not copied; block, for the command line.

import CLinux

enum BackupFormat {
    /// 2 when the ledger is in it, which older gateways would leave out without a word.
    static let version: Int64 = 2
    static let versionWithoutLedger: Int64 = 1
    static let manifestName = "manifest.json"
    static let storeName = "gateway.db"
    static let configName = "gateway.yaml"
    static let keyName = "master.key"
    /// Before the names of what belongs to the ledger.
    static let ledgerPrefix = "ledger."
    /// Of a member that is read into memory; a ledger of a million segments makes the manifest that long.
    static let textLimit = 256 << 20
}

/// A backup under way.
struct BackupWriter: ~Copyable {
    private var tar: TarWriter
    private var members: [(String, JSONValue)] = []
    private var hasLedger = false

    init(_ path: String, seconds: Int) throws(SystemError) { tar = try TarWriter(path, seconds: seconds) }

    mutating func add(_ name: String, _ bytes: [UInt8]) throws(SystemError) {
        note(name, bytes.count, try tar.add(name, bytes))
    }

    mutating func add(_ name: String, file: String, size: Int) throws(SystemError) {
        note(name, size, try tar.add(name, file: file, size: size))
    }

    private mutating func note(_ name: String, _ size: Int, _ digest: SHA256.Digest) {
        if name.hasPrefix(BackupFormat.ledgerPrefix) { hasLedger = true }
        members.append((name, ["bytes": .int(Int64(size)), "sha256": .string(digest.description)]))
    }

    /// Adds the manifest and puts the archive in its place.
    /// - Returns: the bytes that it has.
    mutating func finish(keyID: String, created: String) throws(SystemError) -> Int {
        let manifest: JSONValue = [
            "format": "gateway-backup", "version": .int(hasLedger ? BackupFormat.version : BackupFormat.versionWithoutLedger),
            "created": .string(created), "gateway": .string(Verbs.version), "key_id": .string(keyID),
            "members": .object(JSONObject(members)),
        ]
        _ = try tar.add(BackupFormat.manifestName, manifest.pretty)
        try tar.finish()
        return tar.count
    }
}

/// A backup that was found whole.
struct BackupArchive: ~Copyable {
    struct Fault: Error, Sendable, Equatable, CustomStringConvertible {
        let description: String
    }

    private let tar: TarReader
    let config: [UInt8]?
    let key: [UInt8]?
    /// Names the master key that opens the store.
    let keyID: String
    /// `2025-11-23T18:03:04.123Z`
    let created: String

    /// Reads all of it and holds it against its sums.
    /// - Throws: what is missing or damaged.
    init(_ path: String) throws {
        let tar = try TarReader(path)
        guard let text = try Self.text(BackupFormat.manifestName, tar),
            let manifest = try? JSONParser.parse(String(decoding: text, as: UTF8.self)),
            manifest["format"] == "gateway-backup", let members = manifest["members"]?.object
        else { throw Fault(description: "the archive has no manifest, so it is no backup of a gateway") }
        guard let version = manifest["version"]?.int, version <= BackupFormat.version else {
            throw Fault(
                description: "the backup was made by a newer gateway (\(manifest["gateway"]?.string ?? "?")); restore it with that one")
        }
        for member in tar.members where member.header.name != BackupFormat.manifestName {
            let name = member.header.name
            guard members[name]?["sha256"]?.string == (try tar.digest(member)).description else {
                throw Fault(description: "\(name) in the archive is not what was backed up: the archive is damaged")
            }
        }
        guard tar[BackupFormat.storeName] != nil else { throw Fault(description: "the archive holds no store") }
        for name in members.names where tar[name] == nil { throw Fault(description: "\(name) is missing from the archive") }
        let config = try Self.text(BackupFormat.configName, tar)
        let key = try Self.text(BackupFormat.keyName, tar)
        self.config = config
        self.key = key
        keyID = manifest["key_id"]?.string ?? ""
        created = manifest["created"]?.string ?? ""
        self.tar = tar
    }

    private static func text(_ name: String, _ tar: borrowing TarReader) throws -> [UInt8]? {
        guard let member = tar[name] else { return nil }
        guard member.header.size <= BackupFormat.textLimit else { throw Fault(description: "\(name) in the archive is too large") }
        return try tar.bytes(member)
    }

    /// Names of the ledger's parts, without their prefix.
    var ledgerParts: [String] {
        tar.members.map(\.header.name).filter { $0.hasPrefix(BackupFormat.ledgerPrefix) }
            .map { String($0.dropFirst(BackupFormat.ledgerPrefix.count)) }
    }

    /// Writes a member that is there into a new file.
    func extract(_ name: String, to path: String) throws {
        guard let member = tar[name] else { throw Fault(description: "\(name) is missing from the archive") }
        try tar.extract(member, to: path)
    }
}
