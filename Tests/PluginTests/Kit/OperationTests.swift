// PluginKit's operations and services, by a small plugin that uses each of them, and the plugin that
// docs/PLUGINS.md shows.

import PluginKit
import Testing

/// Does what the header `x-do` says and answers with what came of it.
private final class Errand: Plugin {
    static let about = PluginDescription(id: "com.example.errand", version: "1.0.0", summary: "Runs errands")
    let store: KeyValueStore
    let fetch: Fetch
    let documents: Documents

    init(_ instance: Instance) throws {
        store = try instance.keyValueStore()
        fetch = try instance.fetch()
        documents = try instance.documents()
    }

    func makeWorker(_ worker: WorkerScope) -> ErrandWorker { ErrandWorker(self) }
}

private final class ErrandWorker: RequestHook, BodyHook {
    let errand: Errand
    init(_ errand: Errand) { self.errand = errand }

    private func answer(_ request: Request, _ text: String) -> Verdict {
        text.withBytes { request.respond(status: 200, headers: [("x-done", "yes")], body: $0) }
    }

    func onRequest(_ request: Request) -> Verdict {
        let reply: Completion = { [self] request, result in
            answer(request, "\(result.error.rawValue) \(result.number) \(result.bytes.string)")
        }
        let operation: PluginKit.Operation? =
            switch request.header("x-do").string {
            case "wait": request.after(milliseconds: 10, reply)
            case "get": errand.store.get(request, "k", reply)
            case "set":
                errand.store.set(request, "k", "v") { [self] request, _ in
                    errand.store.swap(request, "k", expected: "v", "w", reply) == nil ? .fail : .suspend
                }
            case "add": errand.store.add(request, "n", 5, reply)
            case "conflict": errand.store.swap(request, "k", expected: .absent, "x", reply)
            case "fetch": errand.fetch.start(request, url: "http://page/", headers: [("a", "b")], reply)
            case "thread": signalledElsewhere(request, reply)
            default: nil
            }
        return operation == nil ? .fail : .suspend
    }

    private func signalledElsewhere(_ request: Request, _ reply: @escaping Completion) -> PluginKit.Operation? {
        guard let (operation, signal) = request.expect(reply) else { return nil }
        Task.detached { signal.send() }
        return operation
    }

    func onBody(_ request: Request) -> Verdict {
        let text = errand.documents.text(request, in: request.body, at: "/a/1")
        return answer(request, text.isAbsent ? "absent" : text.string)
    }
}

@Suite struct OperationTests {
    private func run(_ host: FakeHost, _ errand: String) -> (Verdict, String?) {
        let exchange = host.exchange([("x-do", errand)])
        let verdict = exchange.onRequest()
        return (verdict, exchange.response?.body)
    }

    @Test func keysAreReadWrittenCountedAndSwapped() throws {
        let host = try FakeHost(Errand.self)
        #expect(run(host, "get") == (.respond, "\(GW_E_ABSENT.rawValue) 0 "))
        #expect(run(host, "set") == (.respond, "0 0 "))  // a completion that starts another operation
        #expect(run(host, "get") == (.respond, "0 0 w"))
        #expect(run(host, "conflict") == (.respond, "\(GW_E_CONFLICT.rawValue) 0 w"))
        #expect(run(host, "add") == (.respond, "0 5 "))
        #expect(run(host, "add") == (.respond, "0 10 "))
    }

    @Test func pagesAreFetched() throws {
        let host = try FakeHost(Errand.self)
        #expect(run(host, "fetch") == (.respond, "\(GW_E_UNAVAILABLE.rawValue) 0 "))
        host.pages["http://page/"] = (404, "not here")
        #expect(run(host, "fetch") == (.respond, "0 404 not here"))
    }

    @Test func timersAndOtherThreadsResumeTheRequest() async throws {
        let host = try FakeHost(Errand.self)
        let waiting = host.exchange([("x-do", "wait")])
        #expect(waiting.onRequest() == .suspend)
        #expect(waiting.finishOperation() == .respond)
        let elsewhere = host.exchange([("x-do", "thread")])
        #expect(elsewhere.onRequest() == .suspend)
        #expect(await elsewhere.finishSignalledOperation() == .respond)
        #expect(elsewhere.response?.headers == ["x-done": "yes"])
    }

    @Test func aClientThatLeavesReleasesWhatACompletionHolds() throws {
        let host = try FakeHost(Errand.self)
        let exchange = host.exchange([("x-do", "wait")])
        #expect(exchange.onRequest() == .suspend)
        exchange.complete(status: 0, error: GW_E_CANCELLED)
        #expect(exchange.response?.body == "\(GW_E_CANCELLED.rawValue) 0 ")
    }

    @Test func documentsAreReadByPointer() throws {
        let host = try FakeHost(Errand.self)
        for (body, expected) in [(#"{"a":[1,"two"]}"#, "two"), (#"{"a":[1]}"#, "absent"), ("nonsense", "absent")] {
            let exchange = host.exchange()
            exchange.body = body
            #expect(exchange.onBody() == .respond)
            #expect(exchange.response?.body == expected)
        }
    }

    @Test(arguments: [GW_KV, GW_FETCH, GW_JSON])
    func aServiceThatIsMissingIsNamed(id: String) {
        do {
            _ = try FakeHost(Errand.self, withholding: [id])
            Issue.record("accepted")
        } catch { #expect("\(error)".hasPrefix("the host offers no \(id) to 'test'")) }
    }

    @Test func aHookThatTheWorkerDoesNotHaveIsNull() throws {
        let table = try FakeHost(Errand.self).table.pointee
        #expect(table.on_request != nil && table.on_body != nil)
        #expect(table.on_select == nil && table.on_attempt == nil && table.on_response == nil)
        #expect(table.on_chunk == nil && table.on_complete == nil && table.on_admin == nil && table.query == nil)
        #expect(table.magic == GW_MAGIC && table.size == UInt32(MemoryLayout<gw_plugin>.size))
    }
}

/// Refuses requests for models whose name is too expensive to say.
private final class Thrift: Plugin {
    static let about = PluginDescription(
        id: "com.example.thrift", version: "1.0.0", summary: "Refuses one family of models",
        schema:
            #"{"type":"object","required":["refuse"],"properties":{"refuse":{"type":"array","items":{"type":"string"}}}}"#
    )

    let refused: ModelPatterns
    let model: Attribute

    init(_ instance: Instance) throws {
        refused = try ModelPatterns(try instance.settings()["refuse"])
        model = instance.attribute(GW_ATTR_MODEL)
    }

    func makeWorker(_ worker: WorkerScope) -> ThriftWorker { ThriftWorker(self) }
}

private final class ThriftWorker: BodyHook {
    let thrift: Thrift
    init(_ thrift: Thrift) { self.thrift = thrift }

    func onBody(_ request: Request) -> Verdict {
        let model = request.text(thrift.model)
        guard !model.isAbsent, thrift.refused.allow(model) else { return .continue }
        return request.refuse(Refusal(.notFound, "model: \(model.string) is not served here", shouldRetry: false))
    }
}

@Suite struct ThriftTests {
    @Test func expensiveModelsAreRefused() throws {
        let host = try FakeHost(Thrift.self, #"{"refuse":["gold-*"]}"#)
        let exchange = host.exchange(attributes: [GW_ATTR_MODEL: "gold-1"])
        #expect(exchange.onBody() == .respond)
        #expect(exchange.response?.status == 404)
        #expect(host.exchange(attributes: [GW_ATTR_MODEL: "tin-1"]).onBody() == .continue)
    }
}
