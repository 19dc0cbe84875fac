// What is known about one key but for the key itself: whose it is and when it is good.
//
// Kind: constant object. Those of the configuration are shared by all workers; of a stored record each worker has its own.

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
    /// Until when the key that this one replaced is good; nil: it is not.
    let previousUntil: Timestamp?
    /// What plugins further in are told beside principal and tenant; nil: nothing.
    let terms: KeyTerms?

    init(
        name: String, tenant: String? = nil, isEnabled: Bool = true, expires: Timestamp? = nil,
        models: ModelPatterns, addresses: [AddressRange] = [], previousUntil: Timestamp? = nil, terms: KeyTerms? = nil
    ) {
        self.name = Array(name.utf8)
        self.tenant = tenant.map { Array($0.utf8) }
        self.isEnabled = isEnabled
        self.expires = expires
        self.models = models
        self.addresses = addresses
        self.previousUntil = previousUntil
        self.terms = terms
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

    /// The same of the key that rotation replaced.
    func isPreviousGood(_ now: () -> Timestamp) -> Bool {
        let now = now()
        return (previousUntil.map { now < $0 } ?? false) && isGood { now }
    }

    /// Why the key is not good at `now`; nil if it is.
    func refusal(isPrevious: Bool = false, now: () -> Timestamp) -> Refusal? {
        if isPrevious, let previousUntil, now() >= previousUntil {
            return Refusal(
                .authentication, "the API key '\(label)' was replaced by a new one; the old one was good until \(previousUntil.text)",
                shouldRetry: false)
        }
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

/// What a key says that other plugins, or the host, act upon. Texts as they stand in attributes.
final class KeyTerms: Sendable {
    /// gw.limits
    let limits: [UInt8]?
    /// gw.accounts
    let accounts: [UInt8]?
    /// gw.client.gone
    let clientGone: [UInt8]?

    /// Nil if there is nothing to say.
    init?(limits: String?, accounts: String?, clientGone: String?) {
        guard limits != nil || accounts != nil || clientGone != nil else { return nil }
        self.limits = limits.map { Array($0.utf8) }
        self.accounts = accounts.map { Array($0.utf8) }
        self.clientGone = clientGone.map { Array($0.utf8) }
    }
}
