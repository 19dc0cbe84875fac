// Records and resources in PluginKit: a table that follows, operations, and the C interface behind a ResourceHook.

import PluginKit
import Testing

private final class Notes: Plugin {
    static let about = PluginDescription(
        id: "test.notes", version: "1.0.0", summary: "Keeps notes", resources: #"{"resources":[]}"#)
    let records: RecordStore
    let derived: [UInt8]

    init(_ instance: Instance) throws {
        records = try instance.records()
        derived = try records.derive(instance, "notes")
    }

    func makeWorker(_ worker: WorkerScope) throws -> NotesWorker {
        NotesWorker(records, try records.table(worker, "notes") { try $0.settings()["text"].text() })
    }
}

private final class NotesWorker: RequestHook, BodyHook, ResourceHook {
    let records: RecordStore
    let notes: RecordTable<String>

    init(_ records: RecordStore, _ notes: RecordTable<String>) {
        self.records = records
        self.notes = notes
    }

    /// Answers with a note.
    func onRequest(_ request: Request) -> Verdict {
        request.respond(.object([("text", notes[request.header("x-id").string].map { .text($0) })]))
    }

    /// Changes the note of x-id to x-text if its revision is x-revision; without x-text it goes.
    func onBody(_ request: Request) -> Verdict {
        let id = request.header("x-id")
        let text = request.header("x-text")
        let expected = request.header("x-revision").decimal ?? -1
        let done: Completion = { request, result in
            request.respond(status: result.error == GW_OK ? 200 : 409, headers: [], body: result.bytes)
        }
        let operation =
            text.isAbsent
            ? records.remove(request, "notes", id, expected: expected, done)
            : records.put(request, "notes", id, .object([("text", .text(text.string))]), expected: expected, done)
        return operation == nil ? .fail : .suspend
    }

    func check(_ change: ResourceChange) throws {
        if change.kind == .delete { throw change.before["text"].invalid("stays") }
        if try change.after["text"].text() == "two faults" {
            change.refuse("/a", "one")
            change.refuse("/b", "two")
        }
        if change.actor.equals("user:poet") { change.store(change.after.value.setting("text", .text("improved"))) }
    }

    func act(_ request: Request, _ action: ResourceAction) -> Verdict {
        guard let note = try? action.record()["text"].value, let input = try? action.input()["twice"].bool() else {
            return request.respondProblem(400, "no record")
        }
        return request.respond(.object([("said", note), ("twice", .bool(input))]))
    }
}

@Suite struct RecordsTests {
    private func host(_ records: [String: String] = [:]) throws -> FakeHost {
        try FakeHost(Notes.self, records: ["notes": records])
    }

    private func note(_ host: FakeHost, _ id: String) -> String? {
        let exchange = host.exchange([("x-id", id)])
        _ = exchange.onRequest()
        return exchange.response?.body
    }

    @Test func aTableFollowsItsResource() throws {
        let host = try host(["a": #"{"text":"one"}"#])
        #expect(note(host, "a") == #"{"text":"one"}"#)
        host.put("notes", "a", #"{"text":"two"}"#)
        #expect(note(host, "a") == #"{"text":"two"}"#)
        host.put("notes", "a", #"{"text":3}"#)
        #expect(note(host, "a") == "{}")
        #expect(host.logs.last?.text == "the record a of notes is not used: /text: a text is needed here")
        host.put("notes", "b", #"{"text":"\u00e9"}"#)
        host.put("notes", "b", nil)
        #expect(note(host, "b") == "{}")
    }

    @Test func recordsAreChangedByRevision() throws {
        let host = try host(["a": #"{"text":"one"}"#])
        func change(_ headers: [(String, String)]) -> Int? {
            let exchange = host.exchange(headers)
            #expect(exchange.onBody() == .respond)
            return exchange.response?.status
        }
        #expect(change([("x-id", "a"), ("x-text", "x"), ("x-revision", "7")]) == 409)
        #expect(change([("x-id", "a"), ("x-text", "say \"hi\""), ("x-revision", "1")]) == 200)
        #expect(note(host, "a") == #"{"text":"say \"hi\""}"#)
        #expect(change([("x-id", "a"), ("x-revision", "1")]) == 409)
        #expect(change([("x-id", "a")]) == 200)
        #expect(note(host, "a") == "{}")
    }

    @Test func checksRefuseByThrowingOrByName() throws {
        let host = try host()
        #expect(host.check("notes", id: "a", before: #"{"text":"t"}"#).refusals == ["/text: stays"])
        #expect(host.check("notes", id: "a", after: #"{"text":"two faults"}"#).refusals == ["/a: one", "/b: two"])
        #expect(host.check("notes", id: "a", after: #"{"text":5}"#).refusals == ["/text: a text is needed here"])
        let improved = host.check("notes", id: "a", after: #"{"x":1,"text":"t"}"#, actor: "user:poet")
        #expect(improved.error == GW_OK && improved.stored?.serialized == #"{"x":1,"text":"improved"}"#)
    }

    @Test func actionsAnswerWithADocument() throws {
        let host = try host()
        let exchange = host.exchange()
        #expect(exchange.act("notes", "say", id: "a", record: #"{"text":"t"}"#, input: #"{"twice":true}"#) == .respond)
        #expect(exchange.response?.body == #"{"said":"t","twice":true}"#)
        let other = host.exchange()
        #expect(other.act("notes", "say") == .respond)
        #expect(other.response?.status == 400 && other.response?.headers["content-type"] == "application/problem+json")
    }

    @Test func aHostWithoutRecordsIsAnErrorInWords() {
        #expect(throws: CreateRefused.self) { try FakeHost(Notes.self, withholding: [GW_RECORDS]) }
    }

    @Test func jsonIsWrittenAsItIsRead() throws {
        let text = #"{"a":[1,-2.5,true,null,"\u0001\"\\é"],"b":{}}"#
        let value = try #require(text.withBytes { try? JSON(parsing: $0) })
        #expect(value.serialized == text)
        #expect(value.setting("b", nil).setting("a", .integer(1)).serialized == #"{"a":1}"#)
        #expect(JSON.text("x").setting("a", .null) == .text("x"))
    }
}
