// Why an upstream could not be reached, or stopped answering.
//
// The sentence names the origin and, if there is one, the proxy by host and port; it never holds a
// user name, a password or a path. `responseBytesSeen` and `requestMayHaveRun` are what a decision
// to send the request again rests on: the fault knows what happened, `Pipeline` decides.
//
// Kind: value.

struct UpstreamFault: Error, Sendable, CustomStringConvertible {
    enum Kind: String, Sendable {
        /// The upstream's or the proxy's address is malformed.
        case badURL
        /// A host name has no address.
        case resolve
        /// No TCP connection to the origin, or to the proxy.
        case connect
        /// The proxy answered, and refused or failed.
        case proxy
        /// The handshake failed, or the certificate is not the origin's.
        case tls
        case timeoutConnect
        case timeoutFirstByte
        case timeoutIdle
        /// The connection ended before the response did.
        case closed
        /// What arrived is not HTTP/1.1 as it must be.
        case malformed
        /// More is asked for than the configured limits allow.
        case limit
        /// The gateway itself gave up: it is draining.
        case cancelled
    }

    var kind: Kind
    /// A clause without full stop: "connection to api.example.com:443 was refused".
    var sentence: String
    /// A byte of a response arrived before it broke.
    var responseBytesSeen = false
    /// A byte of the request was handed to the kernel: the upstream may have acted on it.
    var requestMayHaveRun = false
    /// All of it was, and nothing came back: the upstream may have done what it asks for.
    var mayHaveBeenExecuted = false
    /// It is the proxy that failed; what is behind it was not heard of.
    var isOfProxy = false
    /// No connection was tried: an earlier one had failed, or too many others were on their way. It says nothing new of anybody.
    var nothingWasDialled = false
    /// The connection had served another exchange before: it may simply have been stale.
    var connectionWasReused = false

    init(_ kind: Kind, _ sentence: String) {
        self.kind = kind
        self.sentence = sentence
    }

    /// The same fault of an exchange that had come this far.
    func after(sent sentBytes: Int, isWhole: Bool, received receivedBytes: Int, wasReused: Bool) -> UpstreamFault {
        var fault = self
        fault.requestMayHaveRun = sentBytes > 0
        fault.responseBytesSeen = receivedBytes > 0
        fault.mayHaveBeenExecuted = isWhole && receivedBytes == 0
        fault.connectionWasReused = wasReused
        return fault
    }

    var description: String { "\(kind.rawValue): \(sentence)" }

    /// What the client sees when no other attempt is made (`api_error` or `timeout_error`).
    var gatewayError: GatewayError {
        switch kind {
        case .timeoutConnect, .timeoutFirstByte, .timeoutIdle:
            return .upstream(504, "the upstream timed out: \(sentence)")
        case .badURL:
            return .upstream(502, "the upstream cannot be used: \(sentence)")
        case .limit:
            return .upstream(502, "the upstream is overloaded by this gateway: \(sentence)")
        case .cancelled:
            return .gateway(502, "the gateway is shutting down: \(sentence)")
        case .resolve, .connect, .proxy, .tls:
            return .upstream(502, "the upstream is unreachable: \(sentence)")
        case .closed:
            return .upstream(502, "the upstream broke off: \(sentence)")
        case .malformed:
            return .upstream(502, "the upstream's answer is malformed: \(sentence)")
        }
    }
}
