// Creating, updating and deleting records.

extension ResourceService {
    // MARK: Create

    func create(_ call: AdminCall, _ owned: AdminCall.Owned) {
        let declaration = owned.declaration
        let (document, faults) = declaration.check(call.body)
        let all = declaration.readOnlyFaults(in: call.body) + faults + unknownFixed(document, call, owned)
        guard all.isEmpty else { return call.refuse(.invalid(all)) }
        let change = ResourceChange(
            kind: .create, resource: declaration.name, id: RecordIdentifier.make(prefix: declaration.idPrefix), before: nil,
            after: document, actor: call.identity.actor)
        judge(change, call, owned) { [self] verdict in
            let after = verdict.document ?? document
            store(change, after, expected: .absent, call, owned) { record in
                var shown = self.shown(record, after, declaration)
                if let reveal = verdict.reveal, case .object(var object) = shown {
                    object["revealed"] = .object(reveal)
                    shown = .object(object)
                }
                call.answer(
                    .json(
                        201, shown,
                        headers: [
                            ("location", "/admin/v1/\(declaration.name)/\(PercentEncoding.encode(record.id))"),
                            ("etag", EntityTag.text(record.revision)),
                        ]))
            } conflict: {
                // 80 random bits met others: never, but the store must not be overwritten.
                call.refuse(ProblemDocument(409, "a record of this id exists already; try again"))
            }
        }
    }

    // MARK: Update

    /// How often a change without If-Match is tried again when somebody was faster.
    private static let triesLimit = 4

    func update(_ call: AdminCall, _ owned: AdminCall.Owned) { update(call, owned, tries: 1) }

    private func update(_ call: AdminCall, _ owned: AdminCall.Owned, tries: Int) {
        if refusesFixed(call, owned) { return }
        fetch(call, owned) { [self] record in
            guard mayChange(record, call) else { return }
            let declaration = owned.declaration
            let before: JSONObject
            do throws(ProblemDocument) {
                before = try desk.opened(record, declaration)
            } catch {
                return call.refuse(error)
            }
            // A document that was read and sent back changes nothing in the fields that only the owner sets.
            let readOnly = declaration.readOnlyFaults(in: call.body).filter {
                JSONValue.object(before).value(at: $0.pointer) != JSONValue.object(call.body).value(at: $0.pointer)
            }
            let (after, faults) = declaration.check(before.patched(by: call.body))
            let all = readOnly + faults + unknownFixed(after, call, owned)
            guard all.isEmpty else { return call.refuse(.invalid(all)) }
            if after == before { return answerUnchanged(record, before, call, owned) }
            let change = ResourceChange(
                kind: .update, resource: declaration.name, id: record.id, before: before, after: after,
                actor: call.identity.actor)
            judge(change, call, owned) { verdict in
                let after = verdict.document ?? after
                self.store(change, after, expected: .revision(record.revision), call, owned) { record in
                    var shown = self.shown(record, after, declaration)
                    if let reveal = verdict.reveal, case .object(var object) = shown {
                        object["revealed"] = .object(reveal)
                        shown = .object(object)
                    }
                    call.answer(.json(200, shown, headers: [("etag", EntityTag.text(record.revision))]))
                } conflict: {
                    self.again(call, tries) { self.update(call, owned, tries: tries + 1) }
                }
            }
        }
    }

    private func answerUnchanged(_ record: StoredRecord, _ document: JSONObject, _ call: AdminCall, _ owned: AdminCall.Owned) {
        call.answer(
            .json(200, shown(record, document, owned.declaration), headers: [("etag", EntityTag.text(record.revision))]))
    }

    // MARK: Delete

    func delete(_ call: AdminCall, _ owned: AdminCall.Owned) { delete(call, owned, tries: 1) }

    private func delete(_ call: AdminCall, _ owned: AdminCall.Owned, tries: Int) {
        if refusesFixed(call, owned) { return }
        fetch(call, owned) { [self] record in
            guard mayChange(record, call) else { return }
            let before: JSONObject
            do throws(ProblemDocument) {
                before = try desk.opened(record, owned.declaration)
            } catch {
                return call.refuse(error)
            }
            let change = ResourceChange(
                kind: .delete, resource: owned.declaration.name, id: record.id, before: before, after: nil,
                actor: call.identity.actor)
            judge(change, call, owned) { _ in
                self.store(change, nil, expected: .revision(record.revision), call, owned) { _ in
                    call.answer(LocalAnswer(status: 204))
                } conflict: {
                    self.again(call, tries) { self.delete(call, owned, tries: tries + 1) }
                }
            }
        }
    }

    // MARK: Steps

    private func refusesFixed(_ call: AdminCall, _ owned: AdminCall.Owned) -> Bool {
        guard ResourceService.fixed(call.id, owned) != nil else { return false }
        call.refuse(
            ProblemDocument(
                409, "this \(owned.declaration.singular) stands in the configuration, at \(owned.place); change it there and reload"))
        return true
    }

    private func mayChange(_ record: StoredRecord, _ call: AdminCall) -> Bool {
        guard let wanted = call.request.ifMatch, !EntityTag.matches(wanted, record.revision, isWeak: false) else { return true }
        call.refuse(ProblemDocument(412, "the record was changed meanwhile; its entity tag is now \(EntityTag.text(record.revision))"))
        return false
    }

    /// Somebody was faster: who said which revision is meant hears of it, for others it is tried again.
    private func again(_ call: AdminCall, _ tries: Int, _ body: () -> Void) {
        if call.request.ifMatch != nil {
            return call.refuse(ProblemDocument(412, "the record was changed meanwhile; read it again"))
        }
        guard tries < ResourceService.triesLimit else {
            return call.refuse(ProblemDocument(409, "others change this record all the time; try again"))
        }
        if call.isOpen { body() }
    }

    /// Records of the configuration that a document names and that are not there. The store checks the others.
    private func unknownFixed(
        _ document: JSONObject, _ call: AdminCall, _ owned: AdminCall.Owned
    ) -> [ResourceVerdict.Fault] {
        owned.declaration.references(of: document).compactMap { reference in
            guard reference.id.hasPrefix(ResourceDeclaration.fixedPrefix) else { return nil }
            if let other = call.owned(reference.collection), ResourceService.fixed(reference.id, other) != nil { return nil }
            return .init(
                pointer: reference.field,
                sentence: "the configuration has no record of this id among the \(reference.collection)")
        }
    }

    /// Asks the owner. Goes on only if nothing stands against the change and somebody still waits for it.
    private func judge(
        _ change: ResourceChange, _ call: AdminCall, _ owned: AdminCall.Owned, _ done: @escaping (ResourceVerdict) -> Void
    ) {
        let verdict = owned.owner.check(change)
        if let failure = verdict.failure { return call.refuse(.unavailable(failure)) }
        guard verdict.faults.isEmpty else { return call.refuse(.invalid(verdict.faults)) }
        guard let host = owned.owner as? any HostResource else { return done(verdict) }
        host.settle(change, desk, loop) { result in
            guard call.isOpen else { return }
            switch result {
            case .success(let verdict): done(verdict)
            case .failure(let problem): call.refuse(problem)
            }
        }
    }

    /// Seals and stores, with the audit entry in the same transaction.
    func store(
        _ change: ResourceChange, _ after: JSONObject?, expected: RecordChange.Expectation, action: String? = nil,
        _ call: AdminCall, _ owned: AdminCall.Owned, _ done: @escaping (StoredRecord) -> Void, conflict: @escaping () -> Void
    ) {
        let declaration = owned.declaration
        let name =
            switch change.kind {
            case .create: "create"
            case .update: "update"
            case .delete: "delete"
            }
        let audit = call.audit(
            action ?? name, declaration.name, change.id, fields: declaration.changedFields(change.before, after), now: now)
        let sealed = after.map { desk.sealed($0, declaration, id: change.id) }
        let reply = LoopReply<Result<[StoredRecord], StorageFault>>(loop) { result in
            switch result {
            case .success(let records): done(records[0])
            case .failure(.conflict): conflict()
            case .failure(let fault): call.refuse(ProblemDocument(fault))
            }
        }
        desk.storage.apply(
            [declaration.change(id: change.id, sealed: sealed, expected: expected, audit: audit)], { reply.deliver($0) })
    }
}
