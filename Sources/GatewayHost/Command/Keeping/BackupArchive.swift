// What a backup holds, and whether one is whole.
//
//     manifest.json   version, when, which gateway, SHA-256 of every other member, the master key's id
//     gateway.db      the store, as of one moment
//     gateway.yaml    the configuration as written, references unresolved
//     master.key      only when asked for: whoever has it and the store can read every secret
//
// Kind: value. Pure.

struct BackupArchive: Sendable {
    static let version: Int64 = 1
    static let manifestName = "manifest.json"
    static let storeName = "gateway.db"
    static let configName = "gateway.yaml"
    static let keyName = "master.key"

    struct Fault: Error, Sendable, Equatable, CustomStringConvertible {
        let description: String
    }

    var store: [UInt8]
    var config: [UInt8]?
    var key: [UInt8]?
    /// Names the master key that opens the store.
    var keyID: String
    /// `2025-11-23T18:03:04.123Z`
    var created: String

    func bytes(seconds: Int) -> [UInt8] {
        var members = [TarArchive.Member(name: BackupArchive.storeName, bytes: store)]
        if let config { members.append(.init(name: BackupArchive.configName, bytes: config)) }
        if let key { members.append(.init(name: BackupArchive.keyName, bytes: key)) }
        let manifest: JSONValue = [
            "format": "gateway-backup", "version": .int(BackupArchive.version), "created": .string(created),
            "gateway": .string(Verbs.version), "key_id": .string(keyID),
            "members": .object(JSONObject(members.map { ($0.name, BackupArchive.entry($0.bytes)) })),
        ]
        members.insert(.init(name: BackupArchive.manifestName, bytes: manifest.pretty), at: 0)
        return TarArchive(members: members).bytes(seconds: seconds)
    }

    private static func entry(_ bytes: [UInt8]) -> JSONValue {
        ["bytes": .int(Int64(bytes.count)), "sha256": .string(sum(bytes))]
    }

    private static func sum(_ bytes: [UInt8]) -> String { bytes.withUnsafeBytes { SHA256.digest(Bytes($0)).description } }

    init(store: [UInt8], config: [UInt8]?, key: [UInt8]?, keyID: String, created: String) {
        self.store = store
        self.config = config
        self.key = key
        self.keyID = keyID
        self.created = created
    }

    /// - Throws: what is missing or damaged.
    init(_ bytes: [UInt8]) throws(Fault) {
        let archive: TarArchive
        do throws(TarArchive.Fault) { archive = try TarArchive(bytes) } catch { throw Fault(description: error.description) }
        guard let text = archive[BackupArchive.manifestName], let manifest = try? JSONParser.parse(String(decoding: text, as: UTF8.self)),
            manifest["format"] == "gateway-backup", let members = manifest["members"]?.object
        else { throw Fault(description: "the archive has no manifest, so it is no backup of a gateway") }
        guard let version = manifest["version"]?.int, version <= BackupArchive.version else {
            throw Fault(
                description: "the backup was made by a newer gateway (\(manifest["gateway"]?.string ?? "?")); restore it with that one")
        }
        for member in archive.members where member.name != BackupArchive.manifestName {
            guard members[member.name]?["sha256"]?.string == BackupArchive.sum(member.bytes) else {
                throw Fault(description: "\(member.name) in the archive is not what was backed up: the archive is damaged")
            }
        }
        guard let store = archive[BackupArchive.storeName] else {
            throw Fault(description: "the archive holds no store")
        }
        for name in members.names where archive[name] == nil { throw Fault(description: "\(name) is missing from the archive") }
        self.store = store
        config = archive[BackupArchive.configName]
        key = archive[BackupArchive.keyName]
        keyID = manifest["key_id"]?.string ?? ""
        created = manifest["created"]?.string ?? ""
    }
}
