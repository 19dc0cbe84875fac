// Local answers: any response, and the error envelope of the API that clients expect.
//
// The envelope is {"type":"error","error":{"type","message"},"request_id"}, the id being the host's
// gw.request.id. Refusals are rare, so text is String here.
//
// Kind: value. Source: WIRE.md section 4, platform.claude.com/docs/en/api/errors.

/// An error of ours in the API's words.
public struct Refusal {
    /// Error types of the API with the status that belongs to each.
    public enum Kind: Sendable {
        case invalidRequest, authentication, billing, permission, notFound, rateLimit, api
        case timeout, overloaded, badGateway

        public var status: Int32 {
            switch self {
            case .invalidRequest: 400
            case .authentication: 401
            case .billing: 402
            case .permission: 403
            case .notFound: 404
            case .rateLimit: 429
            case .api: 500
            case .badGateway: 502
            case .timeout: 504
            case .overloaded: 529
            }
        }

        public var name: StaticString {
            switch self {
            case .invalidRequest: "invalid_request_error"
            case .authentication: "authentication_error"
            case .billing: "billing_error"
            case .permission: "permission_error"
            case .notFound: "not_found_error"
            case .rateLimit: "rate_limit_error"
            case .api, .badGateway: "api_error"
            case .timeout: "timeout_error"
            case .overloaded: "overloaded_error"
            }
        }
    }

    public var kind: Kind
    /// For the person at the client: the reason, and when it ends. Never a secret.
    public var message: String
    /// Seconds until a new try makes sense: the header `retry-after`.
    public var retryAfter: Int?
    /// False: `x-should-retry: false`, which keeps clients from trying again for nothing.
    public var shouldRetry: Bool
    public var headers: [(name: String, value: String)] = []

    public init(
        _ kind: Kind, _ message: String, retryAfter: Int? = nil, shouldRetry: Bool = true
    ) {
        self.kind = kind
        self.message = message
        self.retryAfter = retryAfter
        self.shouldRetry = shouldRetry
    }

    /// The body of the response.
    /// - Parameter requestID: left out if the host did not name the request.
    public func body(requestID: String?) -> String {
        let id = requestID.map { ",\"request_id\":\(JSON.quoted($0))" } ?? ""
        return "{\"type\":\"error\",\"error\":{\"type\":\"\(kind.name)\","
            + "\"message\":\(JSON.quoted(message))}\(id)}"
    }
}

extension Request {
    /// Stages `refusal`; return the verdict it gives.
    public func refuse(_ refusal: Refusal) -> Verdict {
        var headers = [(name: "content-type", value: "application/json")]
        if let seconds = refusal.retryAfter {
            headers.append((name: "retry-after", value: String(seconds)))
        }
        if !refusal.shouldRetry { headers.append((name: "x-should-retry", value: "false")) }
        headers += refusal.headers
        let id = text(WorkerBox.of(raw)._withUnsafeGuaranteedRef { $0.requestID })
        let body = refusal.body(requestID: id.isAbsent ? nil : id.string)
        return body.withBytes {
            respond(status: refusal.kind.status, headers: headers, body: $0)
        }
    }

    /// Stages a response; return the verdict it gives.
    public func respond(
        status: Int32, headers: [(name: String, value: String)], body: Bytes
    ) -> Verdict {
        withPairs(headers) { pairs in
            let error = host.pointee.respond(raw, status, pairs.baseAddress, pairs.count, body.abi)
            return error == GW_OK ? .respond : .fail
        }
    }
}

/// Runs `body` with the C spelling of `headers`, which is good inside `body` only.
func withPairs<Result>(
    _ headers: [(name: String, value: String)],
    _ body: (UnsafeMutableBufferPointer<gw_pair>) -> Result
) -> Result {
    // One text for all names and values, so that their views have one owner.
    var text: [UInt8] = []
    var ends: [(name: Int, value: Int)] = []
    for header in headers {
        text += header.name.utf8
        let name = text.count
        text += header.value.utf8
        ends.append((name, text.count))
    }
    return text.withUnsafeBufferPointer { text in
        withUnsafeTemporaryAllocation(of: gw_pair.self, capacity: ends.count) { pairs in
            let all = Bytes(text)
            var start = 0
            for (index, end) in ends.enumerated() {
                let pair = gw_pair(
                    name: all.slice(start, end.name).abi, value: all.slice(end.name, end.value).abi)
                pairs.initializeElement(at: index, to: pair)
                start = end.value
            }
            return body(pairs)
        }
    }
}
