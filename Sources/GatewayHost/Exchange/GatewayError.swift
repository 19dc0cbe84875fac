// Why an exchange ends with an answer of the gateway's own.
//
// One value for every failure, whoever caused it: it says who (source), what the client sees
// (status and type of the API's error table), whether trying another account could help, and a
// sentence for people. `ErrorResponse` turns it into bytes, and nothing else does.
//
// Kind: value.

struct GatewayError: Error, Sendable {
    enum Source: String, Sendable {
        case client, policy, upstream, gateway
    }

    var source: Source
    /// HTTP status, 400...599.
    var status: Int
    /// Says what happened, where, and what would mend it. Never holds a secret or message content.
    var message: String
    /// Whether another attempt could succeed; allowed only before the commit.
    var isRetryable = false
    /// Seconds until a repetition makes sense; nil if unknown.
    var retryAfterSeconds: Int?
    /// Sends `x-should-retry: false`, which official clients obey.
    var discouragesRetry = false
    /// The connection to the client cannot be used further (framing in doubt).
    var closesConnection = false

    static func client(_ status: Int, _ message: String, closes: Bool = false) -> GatewayError {
        GatewayError(source: .client, status: status, message: message, closesConnection: closes)
    }

    static func upstream(_ status: Int, _ message: String) -> GatewayError {
        GatewayError(source: .upstream, status: status, message: message, isRetryable: true)
    }

    static func gateway(_ status: Int, _ message: String) -> GatewayError {
        GatewayError(source: .gateway, status: status, message: message)
    }
}
