// Why the gateway cannot start, or cannot apply a configuration. A sentence for the operator.

struct GatewayFault: Error, Sendable, CustomStringConvertible {
    let sentence: String
    init(_ sentence: String) { self.sentence = sentence }
    var description: String { sentence }
}
