// What an operator reads from Metrics, and that clients cannot make it grow.

import PluginKit
import Testing

@testable import MetricsCore

@Suite struct MetricsTests {
    private func complete(
        _ host: FakeHost, model: String? = "claude-opus-5-5", key: String = "laptop", status: Int = 200,
        tokens: [String: Int] = [:]
    ) {
        let exchange = host.exchange(attributes: [GW_ATTR_ROUTE: "messages", GW_ATTR_PRINCIPAL: key])
        if let model { exchange.setAttribute(GW_ATTR_MODEL, model) }
        for (name, count) in tokens { exchange.setAttribute(name, count) }
        exchange.complete(status: status, attempts: 2, milliseconds: 1500, firstByteMilliseconds: 250)
    }

    @Test func anExchangeIsCountedOnceWithItsTimesAndTokens() throws {
        let host = try FakeHost(Metrics.self)
        complete(
            host,
            tokens: [
                GW_ATTR_TOKENS_INPUT: 10, GW_ATTR_TOKENS_OUTPUT: 20, GW_ATTR_CACHE_READ: 30,
                GW_ATTR_CACHE_WRITE_5M: 40, GW_ATTR_CACHE_WRITE_1H: 50,
            ])
        let values = host.metrics.values
        let model = "model=\"claude-opus-5-5\""
        #expect(values["gateway_requests_total{route=\"messages\",\(model),status=\"2xx\"}"] == 1)
        #expect(values["gateway_attempts_total{route=\"messages\"}"] == 2)
        #expect(values["gateway_request_duration_seconds{route=\"messages\"}"] == 1.5)
        #expect(values["gateway_first_byte_seconds{route=\"messages\"}"] == 0.25)
        for (kind, count) in [
            ("input", 10.0), ("output", 20), ("cache_read", 30), ("cache_write_5m", 40), ("cache_write_1h", 50),
        ] {
            #expect(values["gateway_tokens_total{\(model),kind=\"\(kind)\"}"] == count)
        }
        let conventions =
            "gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"anthropic\",gen_ai_request_model=\"claude-opus-5-5\""
        #expect(values["gen_ai_client_token_usage{\(conventions),gen_ai_token_type=\"output\"}"] == 20)
        #expect(values["gen_ai_client_operation_duration_seconds{\(conventions)}"] == 1.5)
    }

    @Test func inventedModelsBecomeNoLabels() throws {
        let host = try FakeHost(Metrics.self)
        for number in 0..<200 { complete(host, model: "invented-\(number)", status: 404) }
        #expect(
            host.metrics.values["gateway_requests_total{route=\"messages\",model=\"other\",status=\"4xx\"}"] == 200)
        #expect(!host.metrics.values.keys.contains { $0.contains("invented") })
    }

    @Test func labelsAreBounded() throws {
        let host = try FakeHost(Metrics.self, #"{"model_limit":3}"#)
        for number in 0..<10 { complete(host, model: "m\(number)", tokens: [GW_ATTR_TOKENS_OUTPUT: 1]) }
        let requests = host.metrics.values.filter { $0.key.hasPrefix("gateway_requests_total") }
        #expect(requests.count == 4)
        #expect(requests["gateway_requests_total{route=\"messages\",model=\"other\",status=\"2xx\"}"] == 7)
        complete(host, model: "m1", status: 500)  // a known one keeps its label when it fails
        #expect(host.metrics.values["gateway_requests_total{route=\"messages\",model=\"m1\",status=\"5xx\"}"] == 1)
    }

    @Test func keysAreCountedOnlyIfTheOperatorWantsIt() throws {
        let quiet = try FakeHost(Metrics.self)
        complete(quiet)
        #expect(!quiet.metrics.values.keys.contains { $0.contains("laptop") })
        let host = try FakeHost(Metrics.self, #"{"by_key":true,"key_limit":1}"#)
        complete(host, tokens: [GW_ATTR_TOKENS_OUTPUT: 7])
        complete(host, key: "second")
        #expect(host.metrics.values["gateway_key_requests_total{key=\"laptop\",status=\"2xx\"}"] == 1)
        #expect(host.metrics.values["gateway_key_requests_total{key=\"other\",status=\"2xx\"}"] == 1)
        #expect(host.metrics.values["gateway_key_tokens_total{key=\"laptop\",kind=\"output\"}"] == 7)
    }

    @Test func anExchangeThatNobodySawIsCountedToo() throws {
        let host = try FakeHost(Metrics.self)
        let exchange = host.exchange()
        exchange.complete(status: 0, error: GW_E_CANCELLED)
        #expect(
            host.metrics.values["gateway_requests_total{route=\"other\",model=\"other\",status=\"none\"}"] == 1)
    }

    @Test(arguments: [
        ("", "text/plain; version=0.0.4; charset=utf-8", "text 0.0.4"),
        ("text/plain", "text/plain; version=0.0.4; charset=utf-8", "text 0.0.4"),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
            "application/openmetrics-text; version=1.0.0; charset=utf-8", "openmetrics 1.0"
        ),
        (
            "text/plain;q=0.5, Application/OpenMetrics-Text; version=1.0.0",
            "application/openmetrics-text; version=1.0.0; charset=utf-8", "openmetrics 1.0"
        ),
    ])
    func theScrapeSpeaksTheDialectThatIsAskedFor(accept: String, type: String, body: String) throws {
        let host = try FakeHost(Metrics.self)
        #expect(String(cString: host.table.pointee.admin_mount!) == "/metrics")
        let exchange = host.exchange([("accept", accept)], method: "GET", path: "/metrics")
        #expect(exchange.onAdmin() == .respond)
        #expect(exchange.response == .init(status: 200, headers: ["content-type": type], body: body))
    }

    @Test func readingTheMetricsIsNotCounted() throws {
        let host = try FakeHost(Metrics.self)
        let exchange = host.exchange(method: "GET", path: "/metrics")
        #expect(exchange.onAdmin() == .respond)
        exchange.complete()
        #expect(host.metrics.values.isEmpty)
    }

    @Test func onlyReadingIsServed() throws {
        let exchange = try FakeHost(Metrics.self).exchange(method: "POST", path: "/metrics")
        #expect(exchange.onAdmin() == .respond)
        #expect(exchange.response?.status == 405)
    }
}
