// What the admin interface needs of a request, copied out of the exchange that may be gone before it is answered.
//
// Kind: value. Reading it from an exchange belongs to its loop; everything else is pure.

struct AdminRequest {
    var method: HTTPMethod
    /// Without the query, as it came.
    var path: String
    /// Names and values, decoded; nil: the query cannot be read.
    var query: [(name: String, value: String)]?
    var credential: AdminCredential
    var contentType: String
    var contentEncoding: String
    var csrfToken: String?
    var ifMatch: String?
    var ifNoneMatch: String?
    /// The client, or who a trusted proxy says it is; empty in the own process.
    var clientAddress: String
    /// The other end of the connection.
    var peer: IPAddress?
    /// The client speaks TLS.
    var isSecure: Bool
    var requestID: String

    init(_ exchange: Exchange, method: HTTPMethod, peer: String, isSecure: Bool) {
        self.method = method
        self.isSecure = isSecure
        self.peer = IPAddress(peer)
        path = exchange.path.string
        let target = exchange.target
        if let mark = target.buffer.firstIndex(of: 0x3f) {
            query = AdminRequest.readQuery(target.slice(mark + 1, target.count).string)
        } else {
            query = []
        }
        var authorization: [String] = []
        var cookies: [String] = []
        func text(_ name: StaticString) -> String? {
            exchange.requestHeaders.firstIndex(named: Bytes(name)).map { exchange.requestHeaders[$0].value.string }
        }
        for index in 0..<exchange.requestHeaders.count {
            let field = exchange.requestHeaders[index]
            if field.known == .authorization { authorization.append(field.value.string) }
            if field.known == .cookie { cookies.append(field.value.string) }
        }
        credential = AdminCredential.read(authorization: authorization, cookies: cookies)
        contentType = text("content-type") ?? ""
        contentEncoding = text("content-encoding") ?? ""
        csrfToken = text("x-csrf-token")
        ifMatch = text("if-match")
        ifNoneMatch = text("if-none-match")
        clientAddress = exchange.attributes.text(.clientIP).string
        requestID = exchange.attributes.text(.requestID).string
    }

    static func readQuery(_ text: String) -> [(name: String, value: String)]? {
        var pairs: [(String, String)] = []
        for part in text.split(separator: "&") {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decode(sides[0], plusIsBlank: true),
                let value = PercentEncoding.decode(sides.count > 1 ? sides[1] : "", plusIsBlank: true)
            else { return nil }
            pairs.append((name, value))
        }
        return pairs
    }

    /// Reading changes nothing, so it needs no CSRF token.
    var isReading: Bool { method == .get || method == .head }

    /// The query as `route` knows it.
    func parameters(of route: AdminRoute) throws(ProblemDocument) -> [String: String] {
        guard let query else { throw ProblemDocument(400, "the query of the request cannot be read") }
        var parameters: [String: String] = [:]
        for (name, value) in query {
            guard route.queryNames.contains(name) else {
                let known = route.queryNames.isEmpty ? "none" : route.queryNames.joined(separator: ", ")
                throw ProblemDocument(
                    400, "there is no query parameter \"\(ConfigFault.printable(name, limit: 60))\" here; known: \(known)")
            }
            guard parameters.updateValue(value, forKey: name) == nil else {
                throw ProblemDocument(400, "the query parameter \(name) is there twice")
            }
        }
        return parameters
    }

    /// The object in `body`; an empty body is an empty object where that is allowed.
    func object(in body: Bytes, mayBeEmpty: Bool) throws(ProblemDocument) -> JSONObject {
        if body.isEmpty, mayBeEmpty { return JSONObject() }
        let mediaType = contentType.prefix { $0 != ";" }.filter { $0 != " " }.lowercased()
        guard mediaType == "application/json" || mediaType == "application/merge-patch+json" else {
            throw ProblemDocument(415, "send the body as content-type: application/json")
        }
        guard contentEncoding.isEmpty || contentEncoding.lowercased() == "identity" else {
            throw ProblemDocument(415, "send the body without a content-encoding")
        }
        let value: JSONValue
        do {
            value = try JSONParser.parse(body, limits: .init(bytes: AdminRequest.bodyLimit, depth: 32))
        } catch {
            throw ProblemDocument(400, "the request body is not JSON: \(error)")
        }
        guard let object = value.object else {
            throw ProblemDocument(422, "the request body must be an object, is \(value.kindName)")
        }
        return object
    }

    /// No record is near it; what is larger is a mistake or an attack.
    static let bodyLimit = 1 << 20

    /// How many of a page, 1...1000.
    static func limit(_ text: String?) throws(ProblemDocument) -> Int {
        guard let text else { return 100 }
        guard let limit = Int(text), (1...RecordQuery.pageLimit).contains(limit) else {
            throw ProblemDocument(400, "limit must be a number from 1 to \(RecordQuery.pageLimit)")
        }
        return limit
    }
}

/// Entity tags: `"4711"`, the revision in quotation marks (RFC 9110 section 8.8.3).
enum EntityTag {
    static func text(_ revision: Int64) -> String { "\"\(revision)\"" }

    /// Whether a list of tags, or `*`, names the revision of a record that is there.
    /// - Parameter isWeak: `W/"1"` counts as `"1"`, as If-None-Match compares; If-Match does not.
    static func matches(_ list: String, _ revision: Int64, isWeak: Bool) -> Bool {
        let text = text(revision)
        return list.split(separator: ",").contains { tag in
            let tag = tag.drop { $0 == " " || $0 == "\t" }
            let end = tag.lastIndex { $0 != " " && $0 != "\t" }
            guard let end else { return false }
            let bare = tag[...end]
            return bare == "*" || bare == text || (isWeak && bare == "W/\(text)")
        }
    }
}
