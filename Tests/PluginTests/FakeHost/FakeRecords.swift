// gw.records/1 and gw.admin/1 for tests: records in a dictionary, told to watchers at once; checks and actions asked
// as the host asks them, the schema excepted, which is the host's own.
//
// Kind: confined to the test's host.

import PluginKit

final class FakeRecords {
    struct Watch {
        let worker: UnsafeMutablePointer<gw_worker>
        let collection: String
        let told: @convention(c) (UnsafeMutablePointer<gw_request>, UnsafeMutableRawPointer?, UnsafePointer<gw_record>?, Int, Int32) -> Void
        let user: UnsafeMutableRawPointer?
        var isComplete = false
    }

    /// What this chain has resources for; nil: whatever is asked for.
    var resources: Set<String>?
    private(set) var documents: [String: [(id: String, json: String, revision: Int64)]] = [:]
    private var revision: Int64 = 0
    private var watches: [Watch] = []
    /// worker_start runs.
    var isStarting = false

    func document(_ collection: String, _ id: String) -> (json: String, revision: Int64)? {
        documents[collection]?.first { $0.id == id }.map { ($0.json, $0.revision) }
    }

    /// Before the host starts its workers, or from a plugin; `put` of a host tells those that watch.
    @discardableResult
    func store(_ collection: String, _ id: String, _ json: String?) -> Int64 {
        revision += 1
        documents[collection, default: []].removeAll { $0.id == id }
        if let json { documents[collection, default: []].append((id, json, revision)) }
        return revision
    }

    func watch(_ watch: Watch) -> gw_error {
        guard isStarting else { return GW_E_STATE }
        if let resources, !resources.contains(watch.collection) { return GW_E_ABSENT }
        watches.append(watch)
        return GW_OK
    }

    /// Everything there is, to watches that have not been told yet.
    func deliver() {
        for index in watches.indices where !watches[index].isComplete {
            watches[index].isComplete = true
            tell(watches[index], documents[watches[index].collection, default: []].map { ($0.id, $0.json, $0.revision) })
        }
    }

    func changed(_ collection: String, _ id: String, _ json: String?, _ revision: Int64) {
        for watch in watches where watch.collection == collection { tell(watch, [(id, json, revision)]) }
    }

    private func tell(_ watch: Watch, _ records: [(id: String, json: String?, revision: Int64)]) {
        let arena = Arena()
        let list = records.map {
            gw_record(
                size: UInt32(MemoryLayout<gw_record>.size), flags: $0.json == nil ? GW_RECORD_GONE : 0, id: arena.copy($0.id),
                json: $0.json.map { arena.copy($0) } ?? gw_str(), revision: $0.revision)
        }
        list.withUnsafeBufferPointer {
            watch.told(watch.worker.pointee.background, watch.user, $0.baseAddress, $0.count, 1)
        }
    }
}

nonisolated(unsafe) let fakeRecordsTable: UnsafePointer<gw_records> = {
    let table = UnsafeMutablePointer<gw_records>.allocate(capacity: 1)
    table.initialize(
        to: gw_records(
            size: UInt32(MemoryLayout<gw_records>.size), flags: 0,
            watch: { worker, collection, told, user in
                Arena.owner(of: worker.pointee.instance, as: FakeHost.self).records.watch(
                    .init(worker: worker, collection: Bytes(collection).string, told: told, user: user))
            },
            get: { raw, collection, id, done, user in
                let found = exchange(raw).host.records.document(Bytes(collection).string, Bytes(id).string)
                return exchange(raw).start(
                    done, user, error: found == nil ? GW_E_ABSENT : GW_OK, number: found?.revision ?? 0,
                    bytes: Array((found?.json ?? "").utf8))
            },
            put: { raw, collection, id, json, expected, done, user in
                change(raw, collection, id, Bytes(json).string, expected, done, user)
            },
            remove: { raw, collection, id, expected, done, user in
                change(raw, collection, id, nil, expected, done, user)
            },
            derive: { instance, purpose, out in
                for index in 0..<32 { out[index] = UInt8(truncatingIfNeeded: index + purpose.len) }
                return GW_OK
            }))
    return UnsafePointer(table)
}()

private func change(
    _ raw: UnsafeMutablePointer<gw_request>, _ collection: gw_str, _ id: gw_str, _ json: String?, _ expected: Int64,
    _ done: @escaping RawCompletion, _ user: UnsafeMutableRawPointer?
) -> gw_op {
    let host = exchange(raw).host
    let current = host.records.document(Bytes(collection).string, Bytes(id).string)?.revision
    if expected >= 0, expected != current ?? 0 { return exchange(raw).start(done, user, error: GW_E_CONFLICT) }
    let revision = host.put(Bytes(collection).string, Bytes(id).string, json)
    return exchange(raw).start(done, user, number: revision)
}

/// What a plugin said to a change.
final class FakeAnswer {
    fileprivate(set) var faults: [(pointer: String, sentence: String)] = []
    fileprivate(set) var stored: JSON?
    fileprivate(set) var revealed: JSON?
    fileprivate(set) var error = GW_OK

    /// "/expires: lies in the past"
    var refusals: [String] { faults.map { "\($0.pointer): \($0.sentence)" } }
}

extension FakeHost {
    /// A record as somebody else stored it; nil deletes it. Those that watch are told.
    @discardableResult
    func put(_ collection: String, _ id: String, _ json: String?) -> Int64 {
        let revision = records.store(collection, id, json)
        enter { records.changed(collection, id, json, revision) }
        return revision
    }

    /// Asks the plugin what it says to a change; `before` and `after` are documents, nil where there is none.
    func check(
        _ resource: String, id: String, before: String? = nil, after: String? = nil, actor: String = "user:admin"
    ) -> FakeAnswer {
        let answer = FakeAnswer()
        let exchange = exchange()
        func view(_ text: String?) -> gw_str { text.map { exchange.arena.copy($0) } ?? gw_str() }
        var change = gw_change(
            size: UInt32(MemoryLayout<gw_change>.size),
            kind: before == nil ? GW_CHANGE_CREATE : after == nil ? GW_CHANGE_DELETE : GW_CHANGE_UPDATE,
            resource: view(resource), id: view(id), before: view(before), after: view(after), actor: view(actor),
            answer: Unmanaged.passUnretained(answer).toOpaque(),
            refuse: { context, pointer, sentence in
                Unmanaged<FakeAnswer>.fromOpaque(context).takeUnretainedValue().faults.append(
                    (Bytes(pointer).string, Bytes(sentence).string))
            },
            store: { context, json in
                Unmanaged<FakeAnswer>.fromOpaque(context).takeUnretainedValue().stored = try? JSON(parsing: Bytes(json))
            },
            reveal: { context, json in
                Unmanaged<FakeAnswer>.fromOpaque(context).takeUnretainedValue().revealed = try? JSON(parsing: Bytes(json))
            })
        answer.error = enter { admin?.pointee.check?(exchange.raw, &change) ?? GW_OK }
        return answer
    }

    /// What the configuration fixes of a resource.
    func fixedRecords(of resource: String) -> [JSON] {
        var text: [UInt8] = []
        enter {
            withUnsafeMutablePointer(to: &text) { context in
                resource.withBytes { resource in
                    _ = admin?.pointee.fixed?(
                        instance, resource.abi,
                        { context, bytes in
                            context!.assumingMemoryBound(to: [UInt8].self).pointee += Array(Bytes(bytes).buffer)
                        }, context)
                }
            }
        }
        guard case .list(let elements)? = text.withUnsafeBufferPointer({ try? JSON(parsing: Bytes($0)) }) else { return [] }
        return elements
    }
}

extension FakeExchange {
    /// Performs an action of a resource, suspension included; the answer is in `response`.
    func act(_ resource: String, _ action: String, id: String? = nil, record: String? = nil, input: String = "{}") -> Verdict {
        func view(_ text: String?) -> gw_str { text.map { arena.copy($0) } ?? gw_str() }
        let memory = arena.allocate(MemoryLayout<gw_action>.size).bindMemory(to: gw_action.self, capacity: 1)
        memory.initialize(
            to: gw_action(
                size: UInt32(MemoryLayout<gw_action>.size), reserved: 0, resource: view(resource), id: view(id),
                action: view(action), record: view(record), revision: 1, input: view(input), actor: view("user:admin")))
        return run { host.admin!.pointee.act!(raw, memory) }
    }
}
