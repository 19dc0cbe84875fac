// Every example is built with the line of its README, loaded, and driven through its table.
//
// A language whose compiler is not installed is left out, and the report says so.

import Glibc
import PluginKit
import Testing

@Suite struct ExamplesTests {
    /// The folder of the examples, found from this file.
    private static let folder = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined() + "/examples"

    private static func isInstalled(_ compiler: String) -> Bool {
        system("command -v \(compiler) > /dev/null 2>&1") == 0
    }

    /// The first indented line of the README, run in a copy of the tree's shape so that several runs
    /// of the tests never write to the same file.
    private func build(_ name: String) throws -> UnsafePointer<gw_plugin> {
        var template = Array("/tmp/gateway-example-XXXXXX\0".utf8.map { CChar(bitPattern: $0) })
        let directory = String(cString: try #require(mkdtemp(&template)))
        defer { _ = system("rm -rf '\(directory)'") }
        let root = Self.folder.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        let script = """
            set -e
            mkdir -p '\(directory)/Sources/PluginABI' '\(directory)/examples'
            cp -r '\(root)/Sources/PluginABI/include' '\(directory)/Sources/PluginABI/'
            cp -r '\(Self.folder)/\(name)' '\(directory)/examples/'
            cd '\(directory)/examples/\(name)'
            rm -f *.so
            sh -ec "$(grep -m1 '^    ' README.md)"
            mv *.so '\(directory)/plugin.so'
            """
        let path = directory + "/build.sh"
        let file = try #require(fopen(path, "w"))
        fputs(script, file)
        fclose(file)
        try #require(system("sh '\(path)'") == 0, "the README's line does not build")
        let module = try #require(dlopen(directory + "/plugin.so", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE))
        let symbol = try #require(dlsym(module, GW_PLUGIN_ENTRY))
        typealias Entry = @convention(c) (UnsafePointer<gw_host>) -> UnsafePointer<gw_plugin>?
        let table = try #require(unsafeBitCast(symbol, to: Entry.self)(fakeHostTable))
        #expect(table.pointee.magic == GW_MAGIC)
        return table
    }

    @Test func headerGuardInC() throws {
        let table = try build("header-guard-c")
        let host = try FakeHost(#"{"header":"x-team","values":["research","support"]}"#) { table }
        let welcome = host.exchange([("X-Team", "support")])
        #expect(welcome.onRequest() == .continue)
        #expect(welcome.onResponse() == .continue)
        #expect(welcome.header("x-counted-as", of: .response) == "support")
        let refused = host.exchange([("x-team", "sales")], attributes: [GW_ATTR_REQUEST_ID: "r1"])
        #expect(refused.onRequest() == .respond)
        #expect(refused.response?.status == 403)
        #expect(
            refused.response?.body
                == #"{"type":"error","error":{"type":"permission_error","message":"the header x-team is missing or has a value that is not known here"},"request_id":"r1"}"#
        )
        do {
            _ = try FakeHost(#"{"header":"x-team","values":[]}"#) { table }
            Issue.record("accepted")
        } catch { #expect("\(error)" == "/values: at least one value is needed") }
    }

    @Test func denyListInC() throws {
        let table = try build("deny-list-c")
        let host = try FakeHost(
            records: [
                "denials": [
                    "denial_1": #"{"name":"bird","word":"blue\"bird","enabled":true,"notice_token":"s3cret"}"#,
                    "denial_2": #"{"name":"off","word":"everything","enabled":false}"#,
                ]
            ]
        ) { table }
        func body(_ text: String, _ headers: [(String, String)] = []) -> FakeExchange {
            let exchange = host.exchange(headers, attributes: [GW_ATTR_CLIENT_IP: "10.0.0.1", GW_ATTR_REQUEST_ID: "r1"])
            exchange.body = text
            return exchange
        }
        let welcome = body("everything about blue birds")
        #expect(welcome.onRequest() == .continue && welcome.onBody() == .continue)
        let refused = body(#"a blue"bird sings"#)
        #expect(refused.onRequest() == .continue && refused.onBody() == .respond)
        #expect(
            refused.response?.body
                == #"{"type":"error","error":{"type":"permission_error","message":"a deny list of this gateway refuses the request"},"request_id":"r1"}"#
        )
        let owner = body(#"a blue"bird"#, [("x-denial-token", "s3cret")])
        #expect(owner.onBody() == .respond && owner.response?.body.contains("refuses the request: denial_1") == true)
        let stranger = body(#"a blue"bird"#, [("x-denial-token", "s3creT")])
        #expect(stranger.onBody() == .respond && stranger.response?.body.contains("denial_1") == false)

        // Changes count for the next request.
        host.put("denials", "denial_3", #"{"enabled":true,"address":"10.0.0.1","name":"n"}"#)
        #expect(body("").onRequest() == .respond)
        host.put("denials", "denial_3", nil)
        host.put("denials", "denial_1", #"{"name":"bird","word":"robin","enabled":true}"#)
        #expect(body("").onRequest() == .continue)
        #expect(body(#"a blue"bird"#).onBody() == .continue && body("a robin").onBody() == .respond)

        #expect(host.check("denials", id: "denial_4", after: #"{"name":"n"}"#).refusals == ["/word: a word or an address is needed"])
        #expect(host.check("denials", id: "denial_4", after: #"{"name":"n","address":"::1"}"#).refusals.isEmpty)
    }

    @Test(.enabled(if: isInstalled("swiftc"))) func asyncGreeterInSwift() async throws {
        let table = try build("async-greeter-swift")
        let host = try FakeHost { table }
        for visit in 1...3 {
            let exchange = host.exchange()
            #expect(exchange.onRequest() == .suspend)
            #expect(await exchange.finishSignalledOperation() == .continue)
            #expect(exchange.onResponse() == .continue)
            #expect(exchange.header("x-greeting", of: .response) == "visit \(visit)")
        }
        let left = host.exchange()
        #expect(left.onRequest() == .suspend)
        left.complete(status: 0, error: GW_E_CANCELLED)  // releases what the callback owns
        #expect(left.operations.isEmpty)
    }

    @Test(.enabled(if: isInstalled("c++"))) func firstEventInCPlusPlus() throws {
        let table = try build("first-event-cpp")
        let host = try FakeHost { table }
        let exchange = host.exchange()
        #expect(exchange.onRequest() == .continue)
        #expect(exchange.onResponse(eventStream: true) == .continue)
        host.clock.advance(milliseconds: 120)
        #expect(exchange.onEvent("message_start", "{}") == .continue)
        #expect(exchange.unsubscribed == 0)
        #expect(exchange.onEvent("content_block_delta", "{}") == .continue)
        #expect(exchange.unsubscribed == GW_ON_CHUNK)
        #expect(host.logs.last?.text == "first words after 120 ms and 2 events")
    }

    @Test(.enabled(if: isInstalled("rustc"))) func tokenTallyInRust() throws {
        let table = try build("token-tally-rust")
        let host = try FakeHost { table }
        for _ in 0..<100 {
            let exchange = host.exchange()
            #expect(exchange.onRequest() == .continue)
            exchange.setAttribute(GW_ATTR_TOKENS_OUTPUT, 7)
            exchange.complete()
        }
        #expect(host.logs.map(\.text) == ["100 exchanges, 700 output tokens"])
    }
}
