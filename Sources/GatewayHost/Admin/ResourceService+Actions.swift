// Actions: what a resource can do beyond being changed. A plugin performs its own, as an admin hook that may wait;
// the host's lead to another document.

extension ResourceService {
    func act(_ call: AdminCall, _ owned: AdminCall.Owned, _ name: String) {
        guard let action = owned.declaration.actions.first(where: { $0.name == name }) else {
            return call.refuse(ProblemDocument(404, "this configuration has no such action any more"))
        }
        let (input, faults) = action.check(call.body)
        guard faults.isEmpty else { return call.refuse(.invalid(faults)) }
        var staged = PluginAction(
            resource: owned.declaration.name, action: name, input: input, actor: call.identity.actor)
        guard action.isOnRecord else { return perform(staged, call, owned) }
        staged.id = call.id
        if let fixed = ResourceService.fixed(call.id, owned) {
            staged.record = fixed
            return perform(staged, call, owned)
        }
        fetch(call, owned) { [self] record in
            let document: JSONObject
            do throws(ProblemDocument) {
                document = try desk.opened(record, owned.declaration)
            } catch {
                return call.refuse(error)
            }
            if let host = owned.owner as? any HostResource { return act(host, name, record, document, call, owned) }
            staged.record = document
            staged.revision = record.revision
            perform(staged, call, owned)
        }
    }

    private func act(
        _ host: any HostResource, _ name: String, _ record: StoredRecord, _ before: JSONObject, _ call: AdminCall,
        _ owned: AdminCall.Owned
    ) {
        let after = host.act(name, on: before, now: now)
        let change = ResourceChange(
            kind: .update, resource: owned.declaration.name, id: record.id, before: before, after: after,
            actor: call.identity.actor)
        store(change, after, expected: .revision(record.revision), action: name, call, owned) { record in
            call.answer(.json(200, self.shown(record, after, owned.declaration)))
        } conflict: {
            call.refuse(ProblemDocument(409, "the record was changed meanwhile; try again"))
        }
    }

    /// Has the plugin act. Whatever comes of it is audited, also that nobody waited for the end.
    private func perform(_ action: PluginAction, _ call: AdminCall, _ owned: AdminCall.Owned) {
        guard let entry = owned.entry else {
            return call.refuse(ProblemDocument(404, "there is no such action"))
        }
        let audit = call.audit(action.action, action.resource, action.id ?? "", now: now)
        let storage = desk.storage
        call.actionEnded = { status, contentType, body in
            var audit = audit
            audit.outcome = status == 0 ? "abandoned" : status < 400 ? "done" : "failed"
            storage.record(audit)
            if status == 0 { return }
            if status < 400 {
                return call.answer(
                    LocalAnswer(status: 200, headers: body.isEmpty ? [] : [("content-type", contentType)], body: body))
            }
            call.refuse(ResourceService.problem(status, body))
        }
        call.act(action, entry: entry)
    }

    /// The statuses that an action may end with; another one of the plugin's becomes 502.
    static let actionFailures = [404, 409, 422, 429, 502, 503, 504]

    /// A plugin's refusal in the shape of all others.
    private static func problem(_ status: Int, _ body: [UInt8]) -> ProblemDocument {
        let document = body.withUnsafeBytes { try? JSONParser.parse(Bytes($0)) }
        let detail = document?["detail"]?.string ?? document?["error"]?["message"]?.string ?? document?["message"]?.string
        return ProblemDocument(
            actionFailures.contains(status) ? status : 502, detail ?? "the plugin that performs it answered with status \(status)")
    }
}
