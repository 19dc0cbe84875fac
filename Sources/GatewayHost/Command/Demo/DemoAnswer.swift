// What the demonstration upstream says to a request: the Messages API in miniature, without a model.
//
// Honest about itself: the answer says that no model was asked, and model names carry "demonstration". Shapes,
// errors and usage are those of the API, so that every part of the gateway has something real to read.
//
// Kind: value. Pure.

struct DemoRequest: Sendable {
    var method = HTTPMethod.get
    /// Without the query.
    var path = ""
    var query = ""
    var hasCredential = false
    var hasVersion = false
    var hasContentCoding = false
    var body: [UInt8] = []
    /// Makes ids unique within a process.
    var serial = 0
}

struct DemoAnswer: Sendable {
    enum Body: Sendable {
        case whole([UInt8])
        /// Sent one by one, with a pause between.
        case events([[UInt8]])
    }

    let status: UInt16
    let requestID: String
    let body: Body

    static func answer(_ request: DemoRequest) -> DemoAnswer {
        let id = "req_demo_\(request.serial)"
        func refuse(_ status: UInt16, _ message: String) -> DemoAnswer {
            let name = Array(id.utf8)
            let body = name.withUnsafeBytes { name in
                Array(message.utf8).withUnsafeBytes {
                    AnthropicError.body(status: status, message: Bytes($0), requestID: Bytes(name))
                }
            }
            return DemoAnswer(status: status, requestID: id, body: .whole(body))
        }
        func give(_ value: JSONValue) -> DemoAnswer {
            DemoAnswer(status: 200, requestID: id, body: .whole(value.compact))
        }
        guard request.hasCredential else { return refuse(401, "x-api-key header is required") }
        guard request.hasVersion else { return refuse(400, "anthropic-version: header is required") }
        let isGet = request.method == .get || request.method == .head
        switch (isGet ? "GET" : request.method == .post ? "POST" : "", request.path) {
        case ("GET", "/v1/models"): return give(DemoModels.list(query: request.query))
        case ("GET", let path) where path.hasPrefix("/v1/models/"):
            let name = String(path.dropFirst(11))
            return DemoModels.model(name).map(give) ?? refuse(404, "model: \(name)")
        case ("POST", "/v1/messages"), ("POST", "/v1/messages/count_tokens"): break
        default: return refuse(404, "The demonstration upstream does not have \(request.path).")
        }
        guard !request.hasContentCoding else {
            return refuse(400, "The demonstration upstream does not read compressed bodies.")
        }
        let message: DemoMessage
        do {
            message = try DemoMessage(request.body, counting: request.path.hasSuffix("count_tokens"))
        } catch {
            return refuse(400, error.sentence)
        }
        if request.path.hasSuffix("count_tokens") { return give(["input_tokens": .int(Int64(message.inputTokens))]) }
        let reply = DemoReply(to: message, id: "msg_demo_\(request.serial)")
        return message.isStream
            ? DemoAnswer(status: 200, requestID: id, body: .events(reply.events)) : give(reply.whole)
    }
}

/// The parts of a messages request that matter to an answer without a model.
struct DemoMessage: Sendable {
    struct Fault: Error, Sendable, Equatable {
        let sentence: String
    }

    let model: String
    let maxTokens: Int
    let isStream: Bool
    /// What the user wrote last.
    let lastText: String
    /// About four bytes a token, as a rough estimate goes.
    let inputTokens: Int

    init(_ body: [UInt8], counting: Bool) throws(Fault) {
        let value: JSONValue
        do {
            value = try body.withUnsafeBytes { bytes throws(JSONError) in
                try JSONParser.parse(Bytes(bytes), limits: JSONParser.Limits(bytes: 32 << 20))
            }
        } catch {
            throw Fault(sentence: "The request body is not valid JSON: \(error)")
        }
        guard let model = value["model"]?.string, !model.isEmpty else { throw Fault(sentence: "model: Field required") }
        guard let messages = value["messages"]?.array, !messages.isEmpty else {
            throw Fault(sentence: "messages: at least one message is required")
        }
        if !counting {
            guard let limit = value["max_tokens"]?.int, limit > 0 else {
                throw Fault(sentence: "max_tokens: Field required, and more than 0")
            }
            maxTokens = Int(limit)
        } else {
            maxTokens = 0
        }
        self.model = model
        isStream = value["stream"]?.bool ?? false
        inputTokens = max(1, body.count / 4)
        let content = messages.last { $0["role"]?.string == "user" }?["content"]
        lastText = content?.string ?? content?.array?.last { $0["type"]?.string == "text" }?["text"]?.string ?? ""
    }
}

/// The models that the demonstration lists.
enum DemoModels {
    private static let all = [
        ("claude-opus-5-5", "Claude Opus 5.5"), ("claude-sonnet-5-5", "Claude Sonnet 5.5"),
        ("claude-haiku-4-5", "Claude Haiku 4.5"),
    ].map { id, name -> JSONValue in
        [
            "type": "model", "id": .string(id), "display_name": .string("\(name) (demonstration)"),
            "created_at": "2025-10-01T00:00:00Z",
        ]
    }

    static func model(_ id: String) -> JSONValue? { all.first { $0["id"]?.string == id } }

    /// `limit` and `after_id` of the query are honoured.
    static func list(query: String) -> JSONValue {
        var limit = 20
        var rest = all[...]
        for pair in query.split(separator: "&") {
            if pair.hasPrefix("limit="), let number = Int(pair.dropFirst(6)), number > 0 { limit = number }
            if pair.hasPrefix("after_id=") {
                let id = String(pair.dropFirst(9))
                rest = rest.drop { $0["id"]?.string != id }.dropFirst()
            }
        }
        let page = rest.prefix(limit)
        return [
            "data": .array(Array(page)), "has_more": .bool(page.count < rest.count),
            "first_id": page.first?["id"] ?? nil, "last_id": page.last?["id"] ?? nil,
        ]
    }
}
