// What is known about one key but for the key itself: whose it is and when it is good.
//
// Kind: constant object, shared by all workers.

import PluginKit

final class KeyRecord: Sendable {
    let name: [UInt8]
    /// Who pays; nil if the operator did not say.
    let tenant: [UInt8]?
    let isEnabled: Bool
    /// The first second in which the key is no longer good.
    let expires: Timestamp?
    let models: ModelPatterns
    /// Where it may be used from; empty: anywhere.
    let addresses: [AddressRange]

    init(
        name: String, tenant: String? = nil, isEnabled: Bool = true, expires: Timestamp? = nil,
        models: ModelPatterns, addresses: [AddressRange] = []
    ) {
        self.name = Array(name.utf8)
        self.tenant = tenant.map { Array($0.utf8) }
        self.isEnabled = isEnabled
        self.expires = expires
        self.models = models
        self.addresses = addresses
    }

    var label: String { String(decoding: name, as: UTF8.self) }

    /// True if the key is good at `now`.
    ///
    /// `now` is asked for only if the answer depends on it, because reading a clock costs more
    /// than the rest.
    @inline(__always)
    func isGood(_ now: () -> Timestamp) -> Bool {
        guard let expires else { return isEnabled }
        return isEnabled && now() < expires
    }

    /// Why the key is not good at `now`; nil if it is.
    func refusal(now: () -> Timestamp) -> Refusal? {
        if !isEnabled {
            return Refusal(
                .authentication, "the API key '\(label)' is disabled", shouldRetry: false)
        }
        if let expires, now() >= expires {
            return Refusal(
                .authentication, "the API key '\(label)' expired at \(expires.text)",
                shouldRetry: false)
        }
        return nil
    }

    /// True if the key may be used from `address`, which is absent if the host does not know it.
    func allows(address: Bytes) -> Bool {
        if addresses.isEmpty { return true }
        guard let address = Address(address) else { return false }
        return addresses.contains { $0.contains(address) }
    }
}
