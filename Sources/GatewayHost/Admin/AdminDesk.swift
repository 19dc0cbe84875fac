// What the admin interface has once per process: store, vault, the throttle of logins, the way to the gateway.
//
// Kind: shared.

final class AdminDesk: Sendable {
    let storage: Storage
    let vault: Vault
    let keys: AdminKeys
    let passwords = WorkQueue("passwords")
    let usage: UsageDesk
    let throttle = Locked(LoginThrottle())
    let metrics: AdminMetrics
    /// The host's own resources.
    let declarations: [ResourceDeclaration]
    /// nil: there is no gateway in this process that could be reloaded.
    let control: (any GatewayControl)?

    init(storage: Storage, vault: Vault, usage: UsageDesk, metrics: HostMetrics, control: (any GatewayControl)?) {
        self.storage = storage
        self.vault = vault
        self.usage = usage
        self.control = control
        self.metrics = AdminMetrics(metrics)
        keys = AdminKeys { vault.derive($0) }
        declarations = AdminDesk.declarations
    }

    /// Waits for what threads of the interface still do.
    /// - Thread: any that may block, once the loops have ended.
    func close() {
        passwords.close()
        usage.close()
    }

    static let declarations: [ResourceDeclaration] = [AdminUsers.declaration, AdminTokens.declaration]

    /// Seals or opens every secret of a document.
    func sealed(_ document: JSONObject, _ declaration: ResourceDeclaration, id: String) -> JSONObject {
        declaration.replacingSecrets(in: document) { pointer, text in
            vault.seal(Array(text.utf8), at: SealPlace(declaration.name, id, pointer))
        }
    }

    func opened(_ record: StoredRecord, _ declaration: ResourceDeclaration) throws(ProblemDocument) -> JSONObject {
        let document = try AdminDesk.document(of: record)
        do {
            return try declaration.replacingSecrets(in: document) { pointer, text throws(VaultFault) in
                String(
                    decoding: try vault.open(text, at: SealPlace(record.collection, record.id, pointer)),
                    as: UTF8.self)
            }
        } catch {
            log.error(
                "a record cannot be opened", .field("collection", record.collection), .field("id", record.id),
                .field("reason", "\(error)"))
            throw ProblemDocument.unavailable("the secrets of \(record.id) cannot be opened; the gateway's log says why")
        }
    }

    static func document(of record: StoredRecord) throws(ProblemDocument) -> JSONObject {
        let document = record.document.withUnsafeBytes { try? JSONParser.parse(Bytes($0)) }?.object
        guard let document else {
            log.error("a record is no JSON object", .field("collection", record.collection), .field("id", record.id))
            throw ProblemDocument(500, "the record \(record.id) of the store is damaged")
        }
        return document
    }
}
