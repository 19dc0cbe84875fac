// An answer of the gateway about itself: health, liveness, readiness.
//
// Kind: value.

struct LocalReport: Sendable {
    var status: Int
    var text: String
    var contentType: StaticString = "application/json"
}
