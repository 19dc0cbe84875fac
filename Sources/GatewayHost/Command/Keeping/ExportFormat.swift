// Records as JSON lines, for moving them and for reading them.
//
//     {"format":"gateway-export","version":1,"created":"…","secrets":"none"}
//     {"resource":"keys","id":"key_01…","document":{…}}
//     {"end":true,"records":1}
//
// With secrets, the first line has the salt, and each secret stands in its place as `gwx1.<base64url>`: AES-256-GCM under a key that scrypt makes of
// the passphrase, bound to resource, id and field.
//
// Kind: value. Pure but for the random salt and nonces.

struct ExportFormat: Sendable {
    static let version: Int64 = 1
    private static let mark = "gwx1."
    static let passphraseMinimum = 12

    struct Fault: Error, Sendable, Equatable, CustomStringConvertible {
        let description: String
    }

    struct Record: Sendable {
        var resource: String
        var id: String
        var document: JSONObject
    }

    /// nil: secrets are left out.
    private let key: SecretBytes?
    private let salt: [UInt8]

    /// For writing.
    init(passphrase: Secret?) {
        var salt = [UInt8](repeating: 0, count: 16)
        salt.withUnsafeMutableBytes { RandomBytes.fill($0) }
        self.salt = salt
        key = passphrase.map { Scrypt.key(of: $0, salt: salt) }
    }

    /// For reading what begins with `header`.
    init(header: String, passphrase: Secret?) throws(Fault) {
        guard let object = try? JSONParser.parse(header), object["format"] == "gateway-export" else {
            throw Fault(description: "this is nothing that \"gateway export\" writes")
        }
        guard let version = object["version"]?.int, version <= ExportFormat.version else {
            throw Fault(description: "it was written by a newer gateway; import it with that one")
        }
        guard object["secrets"] == "sealed" else {
            salt = []
            key = nil
            return
        }
        guard let salt = object["salt"]?.string.flatMap({ Base64URL.bytes($0[...]) }) else {
            throw Fault(description: "its first line has no salt")
        }
        guard let passphrase else { throw Fault(description: "its secrets are sealed; give the passphrase with --passphrase-file") }
        self.salt = salt
        key = Scrypt.key(of: passphrase, salt: salt)
    }

    var hasSecrets: Bool { key != nil }

    func header(created: String) -> String {
        var object: JSONObject = [
            "format": "gateway-export", "version": .int(ExportFormat.version), "created": .string(created),
            "gateway": .string(Verbs.version), "secrets": key == nil ? "none" : "sealed",
        ]
        if key != nil { object["salt"] = .string(Base64URL.text(salt)) }
        return ExportFormat.text(.object(object))
    }

    func line(_ record: Record) -> String {
        ExportFormat.text(["resource": .string(record.resource), "id": .string(record.id), "document": .object(record.document)])
    }

    static func end(records: Int) -> String { text(["end": true, "records": .int(Int64(records))]) }

    /// - Returns: nil for the last line, whose count must be `records`.
    func record(_ line: String, records: Int) throws(Fault) -> Record? {
        guard let object = try? JSONParser.parse(line) else { throw Fault(description: "is not JSON") }
        if object["end"]?.bool == true {
            guard object["records"]?.int == Int64(records) else {
                throw Fault(description: "says that there are \(object["records"]?.int ?? 0) records, and \(records) were read")
            }
            return nil
        }
        guard let resource = object["resource"]?.string, let id = object["id"]?.string, let document = object["document"]?.object else {
            throw Fault(description: "is no record")
        }
        return Record(resource: resource, id: id, document: document)
    }

    func seal(_ text: String, _ place: [UInt8]) -> String? {
        key.map { ExportFormat.mark + Base64URL.text(AESGCM.seal(Array(text.utf8), key: $0, place: place)) }
    }

    func open(_ text: String, _ place: [UInt8]) throws(Fault) -> String {
        guard let key, text.hasPrefix(ExportFormat.mark), let sealed = Base64URL.bytes(text.dropFirst(ExportFormat.mark.count)) else {
            throw Fault(description: "holds a secret that is not sealed as an export seals")
        }
        guard let plain = AESGCM.open(sealed, key: key, place: place) else {
            throw Fault(description: "holds a secret that this passphrase does not open")
        }
        return String(decoding: plain, as: UTF8.self)
    }

    static func place(_ resource: String, _ id: String, _ field: String) -> [UInt8] {
        // A zero byte stands in no name, so two places never make one text.
        Array("gateway-export\u{0}\(resource)\u{0}\(id)\u{0}\(field)".utf8)
    }

    private static func text(_ value: JSONValue) -> String { String(decoding: value.compact, as: UTF8.self) }
}
