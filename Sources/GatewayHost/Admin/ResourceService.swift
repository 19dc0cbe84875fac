// What is done with the records of a resource, whoever declared it and whoever asks: this file reads, shows and
// lists them; +Changes creates, updates and deletes, +Actions performs.
//
//   who may? (AdminGate) ─► schema ─► check of the owner ─► sealed ─► one transaction with its audit row ─► answer
//
// Kind: loop-confined.

final class ResourceService {
    let desk: AdminDesk
    let loop: EventLoop

    init(_ desk: AdminDesk, _ loop: EventLoop) {
        self.desk = desk
        self.loop = loop
    }

    var now: Int64 { Int64(loop.wallNanoseconds / 1_000_000) }

    /// - Precondition: the route is one of a resource.
    func perform(_ call: AdminCall) {
        guard let resource = call.route.resource, let owned = call.owned(resource) else {
            return call.refuse(ProblemDocument(404, "this configuration has no such resource any more"))
        }
        switch call.route.operation {
        case .list: list(call, owned)
        case .get: get(call, owned)
        case .create: create(call, owned)
        case .update: update(call, owned)
        case .delete: delete(call, owned)
        case .act(let name): act(call, owned, name)
        case .login, .session, .logout, .openAPI, .status, .reload, .audit, .usage, .usageRows:
            preconditionFailure("this route belongs to no resource")
        }
    }

    // MARK: One record

    private func get(_ call: AdminCall, _ owned: AdminCall.Owned) {
        if let fixed = ResourceService.fixed(call.id, owned) {
            return call.answer(.json(200, ResourceService.shown(fixed, owned.declaration)))
        }
        fetch(call, owned) { [self] record in
            do throws(ProblemDocument) {
                let document = try AdminDesk.document(of: record)
                let tag = [(name: "etag", value: EntityTag.text(record.revision))]
                if let known = call.request.ifNoneMatch, EntityTag.matches(known, record.revision, isWeak: true) {
                    return call.answer(LocalAnswer(status: 304, headers: tag))
                }
                call.answer(.json(200, shown(record, document, owned.declaration), headers: tag))
            } catch {
                call.refuse(error)
            }
        }
    }

    /// Goes on with the record that the call names, or refuses.
    func fetch(_ call: AdminCall, _ owned: AdminCall.Owned, _ done: @escaping (StoredRecord) -> Void) {
        let reply = LoopReply<Result<StoredRecord?, StorageFault>>(loop) { result in
            guard call.isOpen else { return }
            switch result {
            case .failure(let fault): call.refuse(ProblemDocument(fault))
            case .success(nil):
                call.refuse(ProblemDocument(404, "there is no \(owned.declaration.singular) of this id"))
            case .success(let record?): done(record)
            }
        }
        desk.storage.get(owned.declaration.name, call.id, { reply.deliver($0) })
    }

    /// The record of that id which the configuration fixes.
    static func fixed(_ id: String, _ owned: AdminCall.Owned) -> JSONObject? {
        guard id.hasPrefix(ResourceDeclaration.fixedPrefix) else { return nil }
        return owned.owner.fixedRecords(of: owned.declaration.name).first { $0["id"]?.string == id }
    }

    /// Members that the interface adds to every record; a field of the same name is not shown.
    static let frame: Set<String> = ["id", "revision", "created", "updated", "read_only", "revealed"]

    /// As people see it.
    func shown(_ record: StoredRecord, _ document: JSONObject, _ declaration: ResourceDeclaration) -> JSONValue {
        var object: JSONObject = [
            "id": .string(record.id), "revision": .int(record.revision), "created": .string(AdminTime.text(record.created)),
            "updated": .string(AdminTime.text(record.updated)),
        ]
        for (name, value) in declaration.withoutSecrets(document) where !ResourceService.frame.contains(name) {
            object[name] = value
        }
        return .object(object)
    }

    static func shown(_ fixed: JSONObject, _ declaration: ResourceDeclaration) -> JSONValue {
        var object: JSONObject = ["id": fixed["id"] ?? "", "revision": 0, "read_only": true]
        for (name, value) in declaration.withoutSecrets(fixed) where !frame.contains(name) { object[name] = value }
        return .object(object)
    }

    // MARK: A page

    /// Records that the configuration fixes come first, then those of the store by id. A cursor says where the
    /// next page begins: `f3`, at the fixed record of that place; `r<id>`, behind that record.
    private func list(_ call: AdminCall, _ owned: AdminCall.Owned) {
        let limit: Int
        var firstFixed = 0
        var after: String?
        do throws(ProblemDocument) {
            limit = try AdminRequest.limit(call.parameters["limit"])
            switch try ResourceService.position(call.parameters["cursor"]) {
            case .fixed(let place): firstFixed = place
            case .record(let id):
                firstFixed = .max
                after = id.isEmpty ? nil : id
            }
        } catch {
            return call.refuse(error)
        }
        let search = call.parameters["search"].flatMap { $0.isEmpty ? nil : $0 }
        var data: [JSONValue] = []
        if firstFixed != .max {
            let fixed = owned.owner.fixedRecords(of: owned.declaration.name).filter { record in
                guard let search else { return true }
                return ResourceService.contains(owned.declaration.label(of: record), search)
            }
            let page = fixed.dropFirst(firstFixed).prefix(limit)
            data = page.map { ResourceService.shown($0, owned.declaration) }
            if data.count == limit {
                let next = firstFixed + limit
                return call.answer(ResourceService.page(data, next < fixed.count ? "f\(next)" : "r"))
            }
        }
        var query = RecordQuery(collection: owned.declaration.name)
        query.after = after
        query.limit = limit - data.count
        query.search = search
        let reply = LoopReply<Result<RecordPage, StorageFault>>(loop) { [self] result in
            switch result {
            case .failure(let fault): call.refuse(ProblemDocument(fault))
            case .success(let page):
                do throws(ProblemDocument) {
                    for record in page.records {
                        data.append(shown(record, try AdminDesk.document(of: record), owned.declaration))
                    }
                    call.answer(ResourceService.page(data, page.hasMore ? page.records.last.map { "r\($0.id)" } : nil))
                } catch {
                    call.refuse(error)
                }
            }
        }
        desk.storage.list(query, { reply.deliver($0) })
    }

    private enum Position {
        case fixed(Int)
        case record(String)
    }

    private static func position(_ cursor: String?) throws(ProblemDocument) -> Position {
        guard let cursor else { return .fixed(0) }
        let rest = cursor.dropFirst()
        if cursor.hasPrefix("r"), rest.utf8.count <= 100, rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) {
            return .record(String(rest))
        }
        if cursor.hasPrefix("f"), rest.utf8.count <= 9, rest.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let place = Int(rest) {
            return .fixed(place)
        }
        throw ProblemDocument(400, "the cursor is not one that a page of this list ended with")
    }

    private static func page(_ data: [JSONValue], _ next: String?) -> LocalAnswer {
        .json(200, ["data": .array(data), "next_cursor": next.map { .string($0) } ?? .null])
    }

    /// Without regard to ASCII case, as the store searches.
    private static func contains(_ text: String, _ part: String) -> Bool {
        let text = Array(text.utf8).map(folded)
        let part = Array(part.utf8).map(folded)
        guard text.count >= part.count else { return false }
        return (0...(text.count - part.count)).contains { text[$0..<$0 + part.count].elementsEqual(part) }
    }

    private static func folded(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }
}
