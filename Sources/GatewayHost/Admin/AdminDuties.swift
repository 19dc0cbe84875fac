// What belongs to no resource: the state of the gateway, a reload, usage, the audit trail.
//
// Kind: loop-confined.

final class AdminDuties {
    private let desk: AdminDesk
    private let loop: EventLoop

    init(_ desk: AdminDesk, _ loop: EventLoop) {
        self.desk = desk
        self.loop = loop
    }

    private var now: Int64 { Int64(loop.wallNanoseconds / 1_000_000) }

    func status(_ call: AdminCall) {
        guard let control = desk.control else {
            return call.answer(.json(200, ["version": .string(String(describing: HostTable.version)), "serves": false]))
        }
        call.answer(
            LocalAnswer(status: 200, headers: [("content-type", "application/json")], body: Array(control.status().utf8)))
    }

    func reload(_ call: AdminCall) {
        guard let control = desk.control else {
            return call.refuse(ProblemDocument(409, "no gateway serves in this process; use \"gateway reload\""))
        }
        let started = now
        let storage = desk.storage
        let reply = LoopReply<PluginFault?>(loop) { fault in
            var audit = call.audit("reload", "", "", now: started)
            audit.outcome = fault == nil ? "done" : "refused"
            storage.record(audit)
            if let fault { return call.refuse(ProblemDocument(409, "nothing has changed: \(fault.sentence)")) }
            call.answer(.json(200, ["reloaded": true]))
        }
        control.reload(config: nil) { reply.deliver($0) }
    }

    // MARK: Usage

    func usage(_ call: AdminCall) {
        let reply = LoopReply<Result<[UInt8], ProblemDocument>>(loop) { result in
            switch result {
            case .success(let body): call.answer(LocalAnswer(status: 200, headers: [("content-type", "application/json")], body: body))
            case .failure(let problem): call.refuse(problem)
            }
        }
        let isTaken: Bool
        do throws(ProblemDocument) {
            isTaken =
                call.route.operation == .usage
                ? desk.usage.sums(call.parameters) { reply.deliver($0) }
                : desk.usage.rows(call.parameters, limit: try AdminRequest.limit(call.parameters["limit"])) { reply.deliver($0) }
        } catch {
            return call.refuse(error)
        }
        if !isTaken { call.refuse(ProblemDocument.unavailable("too many ask for usage at this moment; try again in a while")) }
    }

    // MARK: Audit

    func audit(_ call: AdminCall) {
        var query = AuditQuery()
        let limit: Int
        do {
            limit = try AdminRequest.limit(call.parameters["limit"])
            if let cursor = call.parameters["cursor"] {
                guard let number = Int64(cursor), number > 0 else {
                    throw ProblemDocument(400, "the cursor is not one that a page of this list ended with")
                }
                query.before = number
            }
            if let since = call.parameters["since"] {
                guard let time = AdminTime.milliseconds(since) else {
                    throw ProblemDocument(400, "since must be a time like 2027-01-31T12:00:00Z")
                }
                query.since = time
            }
        } catch {
            return call.refuse(error as? ProblemDocument ?? ProblemDocument(400, "the query cannot be read"))
        }
        query.limit = limit + 1
        query.actor = call.parameters["actor"]
        query.resource = call.parameters["resource"]
        query.record = call.parameters["record"]
        let reply = LoopReply<Result<[AuditEntry], StorageFault>>(loop) { result in
            switch result {
            case .failure(let fault): call.refuse(ProblemDocument(fault))
            case .success(let entries):
                let page = entries.prefix(limit)
                // The store gives no more than a page, so a full one may have more behind it.
                let isFull = entries.count > limit || entries.count == RecordQuery.pageLimit
                let next: JSONValue = isFull ? .string("\(page.last?.number ?? 0)") : .null
                call.answer(.json(200, ["data": .array(page.map(AdminDuties.shown)), "next_cursor": next]))
            }
        }
        desk.storage.audit(query, { reply.deliver($0) })
    }

    private static func shown(_ entry: AuditEntry) -> JSONValue {
        [
            "number": .int(entry.number), "time": .string(AdminTime.text(entry.time)), "actor": .string(entry.actor),
            "source": .string(entry.source), "action": .string(entry.action), "resource": .string(entry.resource),
            "record": .string(entry.record), "fields": .array(entry.fields.map { .string($0) }),
            "outcome": .string(entry.outcome), "request_id": .string(entry.requestID),
        ]
    }
}
