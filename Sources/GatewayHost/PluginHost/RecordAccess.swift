// Records as one entry of a chain may see and change them: whose they are, sealed and open.
//
// An entry reads and changes the records of the resources that it declares, and reads those that its own schemas
// name with `x-reference`: to refer to a thing is to use it.
//
// Kind: value; any thread.

import CLinux

struct RecordAccess: Sendable {
    let declaration: ResourceDeclaration
    let isOwned: Bool
    private let secrets: (any RecordSecrets)?

    /// nil: no entry of the chain declares the resource, or this one neither declares nor refers to it.
    init?(_ collection: String, of entry: Int, in generation: ChainGeneration, _ host: PluginHost) {
        guard let resource = generation.resources[collection] else { return nil }
        isOwned = resource.entry == entry
        guard
            isOwned
                || generation.resources.values.contains(where: { other in
                    other.entry == entry && other.declaration.references.contains { $0.collection == collection }
                })
        else { return nil }
        declaration = resource.declaration
        secrets = host.secrets
    }

    /// The document with its secrets open; nil if one of them cannot be opened.
    func open(_ record: StoredRecord) -> [UInt8]? {
        if record.isGone || declaration.secrets.isEmpty { return record.document }
        struct Closed: Error { let field: String }
        do {
            let document = try record.document.withUnsafeBytes { try JSONParser.parse(Bytes($0)) }
            let opened = try declaration.replacingSecrets(in: document.object ?? JSONObject()) { (field, text) throws(Closed) in
                guard let open = secrets?.open(text, collection: record.collection, id: record.id, field: field) else {
                    throw Closed(field: field)
                }
                return open
            }
            return JSONValue.object(opened).compact
        } catch {
            let reason = (error as? Closed).map { "its \($0.field) was sealed with another key, or for another place" } ?? "it is not JSON"
            log.error(
                "a record cannot be read", .field("resource", record.collection), .field("record", record.id), .field("reason", reason))
            return nil
        }
    }

    /// What the store is asked to keep; or a sentence that says what is wrong with it.
    func change(id: String, json: Bytes, expected: RecordChange.Expectation, actor: String) -> Result<RecordChange, Refusal> {
        guard let value = try? JSONParser.parse(json), let object = value.object else {
            return .failure(Refusal(sentence: "the document is no JSON object"))
        }
        let (document, faults) = declaration.check(object)
        if let fault = faults.first { return .failure(Refusal(sentence: "\(fault.pointer): \(fault.sentence)")) }
        guard declaration.secrets.isEmpty || secrets != nil else {
            return .failure(Refusal(sentence: "there is no key to seal its secrets with"))
        }
        let sealed = declaration.replacingSecrets(in: document) { field, text in
            secrets?.seal(text, collection: declaration.name, id: id, field: field)
        }
        return .success(
            declaration.change(
                id: id, sealed: sealed, expected: expected,
                audit: audit("put", id: id, actor: actor, fields: declaration.changedFields(nil, document))))
    }

    func removal(id: String, expected: RecordChange.Expectation, actor: String) -> RecordChange {
        declaration.change(id: id, sealed: nil, expected: expected, audit: audit("delete", id: id, actor: actor, fields: []))
    }

    private func audit(_ action: String, id: String, actor: String, fields: [String]) -> AuditEntry {
        AuditEntry(
            time: Int64(gwl_wall_ns() / 1_000_000), actor: actor, source: "", action: action, resource: declaration.name, record: id,
            fields: fields)
    }

    struct Refusal: Error { let sentence: String }
}
