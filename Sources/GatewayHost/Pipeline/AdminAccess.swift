// Who may see what plugins show below their admin mounts, such as /metrics.
//
// Kind: value; pure.

struct AdminAccess: Sendable {
    var allow = AddressRange.loopback
    /// nil: no token is asked for.
    var token: Secret?

    init(allow: [AddressRange] = AddressRange.loopback, token: Secret? = nil) {
        self.allow = allow
        self.token = token
    }

    /// nil: come in.
    ///
    /// The address is that of the connection, never of a forwarding header: a proxy in front that
    /// shall be let through is named by its own address.
    /// - Parameter authorization: value of the Authorization header.
    func refusal(of address: IPAddress?, authorization: Bytes) -> GatewayError? {
        guard let address, allow.contains(address) else {
            return .client(403, "this address may not see this path; metrics.allow in the configuration lists who may")
        }
        guard let token else { return nil }
        let scheme = Bytes("Bearer ")
        guard authorization.count > scheme.count, authorization.slice(0, scheme.count).equalsIgnoringCase(scheme),
            Self.equalInConstantTime(authorization.slice(scheme.count, authorization.count), token.reveal())
        else {
            return .client(401, "this path asks for `Authorization: Bearer` with the token of metrics.token")
        }
        return nil
    }

    /// Takes the same time wherever the first difference is; only the length shows.
    private static func equalInConstantTime(_ given: Bytes, _ expected: String) -> Bool {
        var expected = expected
        return expected.withUTF8 { expected in
            guard given.count == expected.count else { return false }
            var difference: UInt8 = 0
            for index in 0..<given.count { difference |= given[index] ^ expected[index] }
            return difference == 0
        }
    }
}
