// What RateLimit asks of the host.
//
// Kind: constant.

import PluginKit

/// What it reads and asks.
struct RateLimitServices {
    let limiter: Limiter
    /// Nil in a host without one: then budgets begin at nothing, and money is not known.
    let ledger: Ledger?
    let documents: Documents?
    let principal: Attribute
    let tenant: Attribute
    let clientAddress: Attribute
    let route: Attribute
    let model: Attribute
    let keyLimits: Attribute
    let stream: Attribute
    let requestID: Attribute
    let endReason: Attribute
    /// Input, output, cache reads and writes, for a host without a ledger.
    let tokens: [Attribute]

    init(_ instance: Instance) throws {
        limiter = try instance.limiter()
        ledger = try? instance.ledger()
        documents = try? instance.documents()
        principal = instance.attribute(GW_ATTR_PRINCIPAL)
        tenant = instance.attribute(GW_ATTR_TENANT)
        clientAddress = instance.attribute(GW_ATTR_CLIENT_IP)
        route = instance.attribute(GW_ATTR_ROUTE)
        model = instance.attribute(GW_ATTR_MODEL)
        keyLimits = instance.attribute(GW_ATTR_LIMITS)
        stream = instance.attribute(GW_ATTR_STREAM)
        requestID = instance.attribute(GW_ATTR_REQUEST_ID)
        endReason = instance.attribute(GW_ATTR_END_REASON)
        tokens = [
            GW_ATTR_TOKENS_INPUT, GW_ATTR_TOKENS_OUTPUT, GW_ATTR_CACHE_READ, GW_ATTR_CACHE_WRITE_5M, GW_ATTR_CACHE_WRITE_1H,
        ].map { instance.attribute($0) }
    }
}
