// A problem document (RFC 9457) as lines for people, and the exit code it means.
//
//     {"status":422,"detail":"one field is not valid","errors":[{"pointer":"/limits/concurrency","detail":"must be at least 1"}]}
//     gateway: --limits-concurrency: must be at least 1
//
// Kind: value. Pure.

struct ProblemText: Sendable {
    let answer: AdministrationAnswer
    /// The flags whose fields the pointers may name.
    var flags = FieldFlags([])

    var lines: [String] {
        let errors = answer.body?["errors"]?.array ?? []
        if !errors.isEmpty {
            return errors.map { error in
                let pointer = error["pointer"]?.string ?? ""
                let detail = error["detail"]?.string ?? "is not valid"
                if pointer.isEmpty { return "gateway: \(detail)" }
                let place = flags.shownName(of: pointer) ?? JSONPointer.tokens(pointer).joined(separator: ".")
                return "gateway: \(place): \(detail)"
            }
        }
        guard let detail = answer.body?["detail"]?.string ?? answer.body?["title"]?.string else {
            return ["gateway: the admin interface answered with \(answer.status)"]
        }
        return ["gateway: \(detail)"]
    }

    var code: ExitCode {
        switch answer.status {
        case 404: .absent
        case 400, 409, 412, 422: .refused
        default: .failed
        }
    }
}
