// What is read from a request's body, and from its path; and our errors in the provider's shape.

import Testing

@testable import GatewayHost

@Suite struct MessagesRequestTests {
    static func read(_ text: String) -> MessagesRequest { withWire(text) { MessagesRequest($0) } }

    static func read(_ body: Bytes, _ coding: ContentCoding) -> MessagesRequest? {
        var request = MessagesRequest()
        return request.read(body, coding: coding) ? request : nil
    }

    @Test func readsWhatClaudeCodeSends() {
        let request = Self.read(
            "{\"model\":\"claude-opus-5-5\",\"messages\":[{\"role\":\"user\",\"content\":\"\\\"model\\\":\\\"x\\\"\"}],"
                + "\"metadata\":{\"user_id\":\"{\\\"device_id\\\":\\\"ab\\\",\\\"account_uuid\\\":\\\"\\\","
                + "\\\"session_id\\\":\\\"2f6c1d2e-0000-4000-8000-000000000001\\\"}\"},\"max_tokens\":128000,\"stream\":true}"
        )
        #expect(request.isObject)
        #expect(request.model.string == "claude-opus-5-5")
        #expect(request.wantsStream)
        #expect(request.maxTokens == 128_000)
        #expect(request.session.string == "2f6c1d2e-0000-4000-8000-000000000001")
    }

    @Test func theOldFormOfTheUserIDHasASession() {
        let request = Self.read("{\"metadata\":{\"user_id\":\"user_ab_account__session_cd_session_0001-2\"}}")
        #expect(request.session.string == "0001-2")
        #expect(Self.read("{\"metadata\":{\"user_id\":\"someone\"}}").session.isEmpty)
        #expect(Self.read("{\"metadata\":{\"user_id\":7}}").session.isEmpty)
        #expect(Self.read("{\"metadata\":\"user_id\"}").session.isEmpty)
    }

    @Test func escapesAndRepetitionsCountAsMeant() {
        let request = Self.read("{\"model\":\"a\",\"m\\u006fdel\":\"b\\u002dc\",\"stream\":true,\"stream\":false}")
        #expect(request.model.string == "b-c")
        #expect(!request.wantsStream)
    }

    @Test func absentAndWrongMembersAreUnsaid() {
        let request = Self.read("{\"model\":5,\"stream\":\"true\",\"max_tokens\":\"9\"}")
        #expect(request.isObject)
        #expect(request.model.isEmpty)
        #expect(!request.wantsStream)
        #expect(request.maxTokens == nil)
        #expect(Self.read("{\"model\":\"\(String(repeating: "x", count: 200))\"}").model.isEmpty)
    }

    @Test(arguments: ["", "[]", "{\"model\":\"a\"", "{\"model\":\"a\"}{}", "null"]) func otherTextsAreNoObject(
        _ text: String
    ) {
        #expect(!Self.read(text).isObject)
    }

    @Test(arguments: [ContentCoding.gzip, .deflate]) func compressedBodiesAreReadFromACopy(_ coding: ContentCoding) {
        let text = "{\"model\":\"claude-a\",\"stream\":true,\"pad\":\"\(String(repeating: "x", count: 40_000))\"}"
        let body = UsageReaderTests.compress(text, isGzip: coding == .gzip)
        func read(_ body: ArraySlice<UInt8>) -> MessagesRequest? {
            Array(body).withUnsafeBytes { Self.read(Bytes($0), coding) }
        }
        let request = read(body[...])
        #expect(request?.isObject == true)
        #expect(request?.model.string == "claude-a")
        #expect(request?.wantsStream == true)
        // Cut off at any place, damaged, or not compressed at all: nothing is known of it.
        for end in 0..<body.count { #expect(read(body[..<end]) == nil, "cut at \(end)") }
        #expect(read(Array(text.utf8)[...]) == nil)
        #expect(withWire(text) { Self.read($0, .unreadable) } == nil)
        #expect(withWire(text) { Self.read($0, .identity) }?.model.string == "claude-a")
    }

    @Test func aBombIsNotRead() {
        let bomb = UsageReaderTests.compress(
            "{\"model\":\"a\",\"pad\":\"\(String(repeating: "0", count: MessagesRequest.inflatedLimit))\"}", isGzip: true)
        #expect(bomb.count < 20_000)
        #expect(bomb.withUnsafeBytes { Self.read(Bytes($0), .gzip) } == nil)
    }

    static let paths: [(String, AnthropicPath.Route?, Int)] = [
        ("/v1/messages", .messages, 0), ("/api/v1/messages", .messages, 4),
        ("/v1/messages/count_tokens", .countTokens, 0),
        ("/v1/messages/batches", .batches, 0), ("/v1/messages/batches/b1/results", .batches, 0),
        ("/v1/files", .files, 0),
        ("/v1/files/f1/content", .files, 0), ("/v1/filesystem", .other, 0), ("/v1/models", .models, 0),
        ("/api/v1/models/claude", .models, 4), ("/v1/messages/cache_touch", .other, 0), ("/v1/messages/", .other, 0),
        ("/v1/complete", .other, 0), ("/v1/a..b/.c", .other, 0), ("/v1/...", .other, 0),
        ("/v1", nil, 0), ("/v1/", nil, 0), ("/", nil, 0), ("", nil, 0), ("/api", nil, 0), ("/api/hello", nil, 0),
        ("/api/api/v1/messages", nil, 0), ("/v2/messages", nil, 0), ("/V1/messages", nil, 0), ("/v1/../admin", nil, 0),
        ("/v1/messages/..", nil, 0), ("/v1/./messages", nil, 0), ("/v1/%2e%2E/x", nil, 0), ("/v1/.%2e/x", nil, 0),
        ("/v1/a/..%2fx", nil, 0), ("/v1/..%5cx", nil, 0), ("/v1/%2", .other, 0), ("/v1/%", .other, 0),
    ]

    @Test(arguments: paths) func pathsAreClassified(_ path: String, _ route: AnthropicPath.Route?, _ prefix: Int) {
        let found = withWire(path) { AnthropicPath($0) }
        #expect(found?.route == route)
        if route != nil { #expect(found?.prefixBytes == prefix) }
    }

    @Test func bodyLimitsAreTheProviders() {
        #expect(AnthropicPath.Route.messages.bodyLimit == 33_554_432)
        #expect(AnthropicPath.Route.batches.bodyLimit == 268_435_456)
        #expect(AnthropicPath.Route.files.bodyLimit == 524_288_000)
    }

    @Test func errorsHaveTheProvidersEnvelope() throws {
        let body = AnthropicError.body(status: 429, message: Bytes("Slow \"down\"\n"), requestID: Bytes("req_1"))
        #expect(
            String(decoding: body, as: UTF8.self)
                == "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"Slow \\\"down\\\"\\n\"},\"request_id\":\"req_1\"}"
        )
        let event = AnthropicError.event(type: Bytes("api_error"), message: Bytes("x"), requestID: Bytes(""))
        #expect(
            String(decoding: event, as: UTF8.self)
                == "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"x\"}}\n\n")
    }

    @Test(
        arguments: [
            (400, "invalid_request_error"), (401, "authentication_error"), (402, "billing_error"),
            (403, "permission_error"),
            (404, "not_found_error"), (409, "conflict_error"), (413, "request_too_large"), (429, "rate_limit_error"),
            (500, "api_error"), (504, "timeout_error"), (529, "overloaded_error"), (431, "invalid_request_error"),
            (502, "api_error"),
        ] as [(UInt16, String)])
    func statusesHaveTheirTypes(_ status: UInt16, _ type: String) {
        #expect(String(describing: AnthropicError.type(forStatus: status)) == type)
    }
}
