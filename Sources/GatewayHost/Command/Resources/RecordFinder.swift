// From what somebody wrote, an id or a name, to a record.
//
// Kind: belongs to the main thread; asks the admin interface.

struct RecordFinder {
    let client: AdministrationClient
    let resources: [ResourceDeclaration]

    enum Fault: Error, Sendable {
        case absent(String)
        case ambiguous(String)
        case failed(AdministrationAnswer)
        case broken(AdministrationFault)
    }

    /// The record of that id, or the only one of that name.
    func find(_ written: String, among resource: ResourceDeclaration) throws(Fault) -> JSONValue {
        if RecordFinder.looksLikeID(written, of: resource) {
            let answer = try get("/admin/v1/\(resource.name)/\(PercentEncoding.encode(written))")
            if answer.isDone, let record = answer.body { return record }
            guard answer.status == 404 else { throw .failed(answer) }
        }
        let named = try all(of: resource, search: written).filter { $0.value(at: resource.label)?.string == written }
        if named.count == 1 { return named[0] }
        let shown = ConfigFault.printable(written, limit: 80)
        if named.isEmpty { throw .absent("there is no \(resource.singular) with the id or name \"\(shown)\"") }
        let ids = named.compactMap { $0["id"]?.string }.joined(separator: ", ")
        throw .ambiguous("\(named.count) \(resource.name) have the name \"\(shown)\"; take one of the ids \(ids)")
    }

    static func looksLikeID(_ text: String, of resource: ResourceDeclaration) -> Bool {
        text.hasPrefix(ResourceDeclaration.fixedPrefix)
            || text.hasPrefix(resource.idPrefix + "_") && text.utf8.count == resource.idPrefix.utf8.count + 27
    }

    /// Every record, page by page.
    /// - Parameter limit: no more than these; nil: all.
    func all(
        of resource: ResourceDeclaration, search: String? = nil, limit: Int? = nil
    ) throws(Fault) -> [JSONValue] {
        var records: [JSONValue] = []
        var cursor: String?
        repeat {
            let page = try page(of: resource, search: search, after: cursor, limit: min(500, (limit ?? .max) - records.count))
            records += page.records
            cursor = page.next
        } while cursor != nil && records.count < limit ?? .max
        return records
    }

    func page(
        of resource: ResourceDeclaration, search: String?, after: String?, limit: Int
    ) throws(Fault) -> (records: [JSONValue], next: String?) {
        var target = "/admin/v1/\(resource.name)?limit=\(limit)"
        if let search { target += "&search=\(PercentEncoding.encode(search))" }
        if let after { target += "&cursor=\(PercentEncoding.encode(after))" }
        let answer = try get(target)
        guard answer.isDone, let data = answer.body?["data"]?.array else { throw .failed(answer) }
        return (data, answer.body?["next_cursor"]?.string)
    }

    /// Names instead of ids in the fields of `document` that name other records become ids.
    func resolveReferences(
        in document: JSONObject, of fields: [ResourceField], named flags: FieldFlags
    ) throws(Fault) -> JSONObject {
        var document = document
        for field in fields {
            guard let name = field.reference, let other = resources.first(where: { $0.name == name }),
                let value = JSONValue.object(document).value(at: field.pointer)
            else { continue }
            func id(_ value: JSONValue) throws(Fault) -> JSONValue {
                guard let text = value.string, !RecordFinder.looksLikeID(text, of: other) else { return value }
                do {
                    return try find(text, among: other)["id"] ?? value
                } catch {
                    guard case .absent(let sentence) = error else { throw error }
                    throw .absent("\(flags.shownName(of: field.pointer) ?? field.pointer): \(sentence)")
                }
            }
            var resolved = value
            if let elements = value.array {
                var ids: [JSONValue] = []
                for element in elements { ids.append(try id(element)) }
                resolved = .array(ids)
            } else {
                resolved = try id(value)
            }
            document.set(resolved, at: JSONPointer.tokens(field.pointer)[...])
        }
        return document
    }

    /// Names by id of the records that `pointers` of `resource` name; what cannot be read keeps its id.
    func labels(for resource: ResourceDeclaration, _ pointers: [String]) -> [String: String] {
        var labels: [String: String] = [:]
        for name in Set(pointers.compactMap { resource.field(at: $0)?.reference }) {
            guard let other = resources.first(where: { $0.name == name }),
                // More than that would cost more than the names are worth.
                let records = try? all(of: other, limit: 1000)
            else { continue }
            for record in records {
                if let id = record["id"]?.string { labels[id] = record.value(at: other.label)?.string }
            }
        }
        return labels
    }

    /// Names and ids that begin with `prefix`, for completion: some, quickly.
    func candidates(_ name: String, _ prefix: String) -> [Completion.Candidate] {
        guard let resource = resources.first(where: { $0.name == name }),
            let named = try? page(of: resource, search: prefix.isEmpty ? nil : prefix, after: nil, limit: 100).records
        else { return [] }
        let ids = prefix.isEmpty ? [] : (try? page(of: resource, search: nil, after: nil, limit: 1000).records) ?? []
        return named.compactMap { record in
            record.value(at: resource.label)?.string.map { .init(text: $0, about: record["id"]?.string ?? "") }
        }.filter { $0.text.hasPrefix(prefix) }
            + ids.compactMap { record in
                record["id"]?.string.map { .init(text: $0, about: record.value(at: resource.label)?.string ?? "") }
            }.filter { $0.text.hasPrefix(prefix) }
    }

    private func get(_ target: String) throws(Fault) -> AdministrationAnswer {
        do {
            return try client.call("GET", target)
        } catch {
            throw .broken(error)
        }
    }
}
