import Testing

@testable import GatewayHost

@Suite struct DemoAnswerTests {
    private func post(_ path: String, _ body: String) -> DemoAnswer {
        var request = DemoRequest()
        request.method = .post
        request.path = path
        request.hasCredential = true
        request.hasVersion = true
        request.body = Array(body.utf8)
        request.serial = 7
        return DemoAnswer.answer(request)
    }

    private func json(_ answer: DemoAnswer) throws -> JSONValue {
        guard case .whole(let bytes) = answer.body else { return nil }
        return try JSONParser.parse(String(decoding: bytes, as: UTF8.self))
    }

    @Test func aMessageIsAnsweredWholeWithUsage() throws {
        let answer = post(
            "/v1/messages", #"{"model":"m","max_tokens":500,"messages":[{"role":"user","content":"Hi"}]}"#)
        let value = try json(answer)
        #expect(answer.status == 200)
        #expect(value["content"]?[0]?["text"]?.string?.contains("You wrote: \"Hi\"") == true)
        #expect(value["stop_reason"] == "end_turn")
        #expect(value["usage"]?["output_tokens"]?.int ?? 0 > 10)
    }

    @Test func aStreamSaysTheSameInEvents() throws {
        let body =
            #"{"model":"m","max_tokens":3,"stream":true,"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}]}"#
        guard case .events(let events) = post("/v1/messages", body).body else {
            Issue.record("no stream")
            return
        }
        let texts = events.map { String(decoding: $0, as: UTF8.self) }
        let names = texts.map { String($0.dropFirst(7).prefix { $0 != "\n" }) }
        #expect(
            names == [
                "message_start", "content_block_start", "ping", "content_block_delta", "content_block_delta",
                "content_block_delta", "content_block_stop", "message_delta", "message_stop",
            ])
        for (name, text) in zip(names, texts) {
            #expect(text.hasSuffix("\n\n"))
            let data = try JSONParser.parse(String(text.split(separator: "\n")[1].dropFirst(6)))
            #expect(data["type"]?.string == name)
        }
        #expect(texts[7].contains("\"stop_reason\":\"max_tokens\"") && texts[7].contains("\"output_tokens\":3"))
    }

    @Test(arguments: [
        ("{", 400, "The request body is not valid JSON: line 1, column 2: the text ends before the value is complete"),
        ("{}", 400, "model: Field required"),
        (#"{"model":"m","max_tokens":1,"messages":[]}"#, 400, "messages: at least one message is required"),
        (#"{"model":"m","messages":[{}]}"#, 400, "max_tokens: Field required, and more than 0"),
    ])
    func faultsHaveTheEnvelopeOfTheAPI(body: String, status: UInt16, message: String) throws {
        let answer = post("/v1/messages", body)
        #expect(answer.status == status)
        let value = try json(answer)
        #expect(value["type"] == "error")
        #expect(value["error"]?["type"] == "invalid_request_error")
        #expect(value["error"]?["message"]?.string == message)
        #expect(value["request_id"] == "req_demo_7")
    }

    @Test func credentialsAndPathsAreAskedFor() throws {
        var request = DemoRequest()
        request.path = "/v1/models"
        #expect(DemoAnswer.answer(request).status == 401)
        request.hasCredential = true
        #expect(DemoAnswer.answer(request).status == 400)
        request.hasVersion = true
        request.query = "limit=2"
        let first = try json(DemoAnswer.answer(request))
        #expect(first["data"]?.array?.count == 2 && first["has_more"] == true)
        request.query = "limit=2&after_id=\(first["last_id"]?.string ?? "")"
        #expect(try json(DemoAnswer.answer(request))["has_more"] == false)
        request.path = "/v1/models/nope"
        #expect(DemoAnswer.answer(request).status == 404)
        request.path = "/v1/files"
        #expect(DemoAnswer.answer(request).status == 404)
    }
}
