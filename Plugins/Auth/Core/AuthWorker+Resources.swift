// What Auth says to changes of keys: new ones are made or taken over here, hashed, and shown once.
//
// Kind: confined to its worker.

import PluginKit

extension AuthWorker: ResourceHook {
    public func check(_ change: ResourceChange) throws {
        if change.resource.equals("tenants"), change.kind != .delete { return try TenantLimits.check(change.after) }
        guard change.resource.equals("keys"), change.kind != .delete else { return }
        let after = change.after
        // The store refuses what is not unique among the records; names of the configuration are known here.
        let name = try after["name"].text()
        if auth.fixedNames.contains(name) { throw after["name"].invalid("a key of the configuration has this name") }
        _ = try KeyRecord(after, id: change.id.string)
        let given = try after["key"].ifPresent?.text()
        guard change.kind == .create || given != nil else { return }
        let key = given ?? KeyMint.key(prefix: auth.keyPrefix) { auth.random($0) }
        if !key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) {
            throw after["key"].invalid("a key has no blanks and no other than ASCII characters")
        }
        let tag = directory.tag(of: key.withBytes { SHA256.digest(of: $0) })
        if directory.isKnown(tag), tag.hexadecimal != (try change.before["key_hash"].ifPresent?.text()) {
            throw after["key"].invalid("another key is the same")
        }
        let document = after.value.setting("key", nil).setting("key_hash", .text(tag.hexadecimal))
            .setting("key_hint", .text(KeyMint.hint(key))).setting("previous_hash", nil).setting("previous_until", nil)
        change.store(document)
        if given == nil { change.reveal(.object([("key", .text(key))])) }
    }

    public func act(_ request: Request, _ action: ResourceAction) -> Verdict {
        guard action.resource.equals("keys"), action.action.equals("rotate") else { return .fail }
        do {
            return try rotate(request, action)
        } catch {
            return request.respondProblem(422, "\(error)")
        }
    }

    private func rotate(_ request: Request, _ action: ResourceAction) throws -> Verdict {
        guard let records = auth.records else { return request.respondProblem(503, "there is no store") }
        guard action.revision > 0 else {
            return request.respondProblem(409, "this key stands in the configuration file, which is where it is changed")
        }
        let record = try action.record()
        let overlap = try action.input()["overlap"].ifPresent?.integer() ?? 0
        let key = KeyMint.key(prefix: auth.keyPrefix) { auth.random($0) }
        let tag = directory.tag(of: key.withBytes { SHA256.digest(of: $0) })
        // The tag of a key that was taken over is not in its record.
        let replaced =
            try record["key_hash"].ifPresent?.text()
            ?? record["legacy_hash"].ifPresent.flatMap { Digest(hexadecimal: try $0.text()) }.map { directory.tag(of: $0).hexadecimal }
        let until = Timestamp(seconds: Timestamp(nanoseconds: request.clock(GW_CLOCK_WALL)).seconds + overlap).text
        let document = record.value.setting("key_hash", .text(tag.hexadecimal)).setting("key_hint", .text(KeyMint.hint(key)))
            .setting("legacy_hash", nil).setting("previous_hash", overlap > 0 ? replaced.map { .text($0) } : nil)
            .setting("previous_until", overlap > 0 ? .text(until) : nil)
        let id = action.id.string
        let operation = records.put(request, action.resource, action.id, document, expected: action.revision) { request, result in
            switch result.error {
            case GW_OK:
                request.respond(
                    .object([
                        ("id", .text(id)), ("revision", .integer(Int64(result.number))),
                        ("previous_until", overlap > 0 ? .text(until) : nil),
                        ("revealed", .object([("key", .text(key))])),
                    ]))
            case GW_E_CONFLICT: request.respondProblem(409, "the key was changed meanwhile; try again")
            case GW_E_ABSENT: request.respondProblem(404, "the key is gone")
            default: request.respondProblem(503, "the new key could not be stored: \(result.bytes.string)")
            }
        }
        return operation == nil ? .fail : .suspend
    }
}
