// The action `test` of an account: the cheapest honest question, `GET /v1/models`, with its credential and through
// its proxy. It needs the right to be served and costs no tokens.
//
// Kind: free functions of a worker's thread.

import PluginKit

enum AccountTest {
    private static let timeoutMilliseconds: UInt32 = 15_000

    /// What an upstream says of its limits, where it does.
    private static let told = [
        "request-id", "retry-after", "anthropic-organization-id",
        "anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset",
        "anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset",
        "anthropic-ratelimit-input-tokens-limit", "anthropic-ratelimit-input-tokens-remaining",
        "anthropic-ratelimit-output-tokens-limit", "anthropic-ratelimit-output-tokens-remaining",
    ]

    /// - Parameter egress: nil: directly.
    static func start(_ request: Request, _ fetch: Fetch, account: Account, upstream: Bytes) -> Verdict {
        let base = account.baseURL.map { String(decoding: $0, as: UTF8.self) } ?? upstream.string
        let url = (base.hasSuffix("/") ? String(base.dropLast()) : base) + "/v1/models?limit=1"
        let start = request.clock(GW_CLOCK_MONOTONIC)
        let through = account.firstProxy?.redacted
        let operation = url.withBytes { url in
            withProxy(account) { proxy in
                fetch.start(
                    request, url: url, proxy: proxy,
                    headers: headers(account), timeoutMilliseconds: timeoutMilliseconds
                ) { request, result in
                    answer(request, result, since: start, through: through)
                }
            }
        }
        return operation == nil ? request.respondProblem(503, "no request could be started") : .suspend
    }

    private static func headers(_ account: Account) -> [(name: String, value: String)] {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        var headers = [(name: "anthropic-version", value: "2023-06-01")]
        if let token = account.grant?.token {
            headers.append((name: "authorization", value: text(token.header)))
            headers += account.provider?.headers.map { (name: text($0.name), value: text($0.value)) } ?? []
        } else {
            headers.append((name: "x-api-key", value: text(account.credential)))
        }
        return headers
    }

    private static func withProxy<Result>(_ account: Account, _ body: (Bytes) -> Result) -> Result {
        guard let proxy = account.firstProxy else { return body(.absent) }
        return proxy.text.withBytes { body($0) }
    }

    private static func answer(_ request: Request, _ result: OperationResult, since start: UInt64, through: String?) -> Verdict {
        let milliseconds = Int64((request.clock(GW_CLOCK_MONOTONIC) - start) / 1_000_000)
        let isAnswered = result.error == GW_OK
        var headers: [(String, JSON?)] = []
        if isAnswered {
            for name in told {
                let value = name.withBytes { request.header($0, of: GW_RESULT) }
                if !value.isAbsent { headers.append((name, .text(value.string))) }
            }
        }
        return request.respond(
            .object([
                ("ok", .bool(isAnswered && (200..<300).contains(result.number))),
                ("status", isAnswered ? .integer(Int64(result.number)) : nil),
                ("latency_ms", .integer(milliseconds)),
                ("proxy", through.map { .text($0) }),
                ("headers", headers.isEmpty ? nil : .object(headers)),
                ("detail", .text(isAnswered ? words(result) : words(result.error))),
            ]))
    }

    /// The upstream's own sentence about an error, or ours.
    private static func words(_ result: OperationResult) -> String {
        if (200..<300).contains(result.number) { return "the upstream accepts the credential" }
        if let document = try? JSON(parsing: result.bytes), case .text(let message) = document["error"]["message"] {
            return "the upstream says: \(message.prefix(500))"
        }
        return "the upstream answered with status \(result.number)"
    }

    private static func words(_ error: gw_error) -> String {
        switch error {
        case GW_E_TIMEOUT: "no answer in time"
        case GW_E_UNAVAILABLE: "it could not be reached"
        case GW_E_LIMIT: "the answer is too large"
        case GW_E_ARGUMENT: "its URL or its proxy is malformed"
        default: "the request ended early"
        }
    }
}
