// What the admin interface says when it does not do what it was asked to (RFC 9457).
//
//   {"title":"Unprocessable Content","status":422,"detail":"…","errors":[{"pointer":"/expires","detail":"…"}]}
//
// Sentences name the place and the remedy; none holds a secret or a value that could be one.
//
// Kind: value.

struct ProblemDocument: Error, Sendable, Equatable {
    struct FieldError: Sendable, Equatable {
        /// Into the document that was sent: "/limits/concurrency"; empty: the whole.
        var pointer: String
        var detail: String
    }

    var status: Int
    var detail: String
    var errors: [FieldError] = []
    var retryAfterSeconds: Int?
    /// Methods that the path does have; for 405.
    var allow: [String] = []
    /// The framing of the request is in doubt, or its body was not read.
    var closesConnection = false

    init(_ status: Int, _ detail: String) {
        self.status = status
        self.detail = detail
    }

    func answer(requestID: String) -> LocalAnswer {
        var builder = JSONBuilder()
        builder.beginObject()
        builder.key("title")
        builder.value(StatusLine.reason(UInt16(status)))
        builder.key("status")
        builder.value(status)
        builder.key("detail")
        builder.value(detail)
        if !errors.isEmpty {
            builder.key("errors")
            builder.beginArray()
            for error in errors {
                builder.beginObject()
                builder.key("pointer")
                builder.value(error.pointer)
                builder.key("detail")
                builder.value(error.detail)
                builder.endObject()
            }
            builder.endArray()
        }
        builder.key("request_id")
        builder.value(requestID)
        builder.endObject()
        var answer = LocalAnswer(
            status: status, headers: [("content-type", ProblemDocument.mediaType)], body: builder.bytes,
            closesConnection: closesConnection)
        if let retryAfterSeconds { answer.headers.append(("retry-after", "\(retryAfterSeconds)")) }
        if !allow.isEmpty { answer.headers.append(("allow", allow.joined(separator: ", "))) }
        if status == 401 { answer.headers.append(("www-authenticate", "Bearer realm=\"gateway admin\"")) }
        return answer
    }

    static let mediaType = "application/problem+json"

    /// One sentence for absent, forged, expired and foreign credentials alike: which of them it was is
    /// nobody's business who has none.
    static let unauthenticated = ProblemDocument(
        401, "send a valid admin token as `Authorization: Bearer gwa_...`, or log in at POST /admin/v1/session")

    static func forbidden(_ needed: AdminRole, has role: AdminRole) -> ProblemDocument {
        ProblemDocument(403, "this takes the role \(needed.rawValue); yours is \(role.rawValue)")
    }

    static func unavailable(_ detail: String) -> ProblemDocument {
        var problem = ProblemDocument(503, detail)
        problem.retryAfterSeconds = 1
        return problem
    }

    /// What the owner or the schema found wrong, field by field.
    static func invalid(_ faults: [ResourceVerdict.Fault]) -> ProblemDocument {
        var problem = ProblemDocument(
            422, faults.count == 1 ? "one field is not valid" : "\(faults.count) fields are not valid")
        problem.errors = faults.map { FieldError(pointer: $0.pointer, detail: $0.sentence) }
        return problem
    }

    init(_ error: GatewayError) {
        self.init(error.status, error.message)
        retryAfterSeconds = error.retryAfterSeconds
        closesConnection = error.closesConnection
    }

    /// - Parameter isConditional: the client said which revision it means.
    init(_ fault: StorageFault, isConditional: Bool = false) {
        switch fault {
        case .conflict(nil): self.init(isConditional ? 412 : 404, "there is no such record any more")
        case .conflict: self.init(isConditional ? 412 : 409, "\(fault)")
        case .absent: self.init(404, "\(fault)")
        case .duplicate(let value, let id):
            self.init(409, "another record, \(id), has this value already")
            errors = [FieldError(pointer: value.field, detail: "record \(id) has this value already")]
        case .unknownReference(let reference):
            self.init(422, "one field is not valid")
            errors = [
                FieldError(pointer: reference.field, detail: "there is no record of this id among the \(reference.collection)")
            ]
        case .referenced: self.init(409, "\(fault)")
        case .limit(let sentence): self.init(422, sentence)
        case .unavailable(let sentence), .wrongKey(let sentence):
            self.init(503, "the gateway's store does not take this now: \(sentence)")
            retryAfterSeconds = 2
        }
    }
}
