// Times and limits of the way out, as plain numbers; whoever composes the gateway fills them in.
//
// Kind: value.

struct UpstreamSettings: Sendable {
    /// Until the origin is reached: waiting for a dial slot, name resolution, TCP, the proxy's part.
    var connectMilliseconds: UInt32 = 10_000
    /// For the TLS handshake with the origin after that.
    var tlsMilliseconds: UInt32 = 10_000
    /// From the start of sending to the first byte of the response. An answer that is not streamed
    /// may be silent for ten minutes (the API's documentation), so this is above that.
    var firstByteMilliseconds: UInt32 = 660_000
    /// Silence inside a response, or a request body that makes no progress. Clients bear 300 s.
    var idleMilliseconds: UInt32 = 330_000
    /// How long an unused connection is kept. Below what usual balancers keep theirs (60 s and more),
    /// so that it is rarely the other side that closes first.
    var keptMilliseconds: UInt32 = 50_000
    /// Unused connections kept per target and loop; what comes back beyond is closed.
    var keptConnections = 64
    /// Dials under way per target and loop; further ones wait for their turn within their connect
    /// time, so that an origin that does not answer occupies this many descriptors and no more.
    var dials = 64
    /// Dials waiting for their turn per target and loop; further ones fail at once.
    var waitingDials = 4096
    /// Targets remembered per loop. Beyond, the least recently used one without connections goes.
    var targets = 1024
    /// Control-plane transfers under way per loop; further ones wait for their turn.
    var transfers = 32
    /// PEM file of the authorities to trust for https proxies and transfers; nil for the system's.
    /// Origins are verified by the `TLSClientContext` that the pool is given.
    var caFile: String?
    /// Bytes of a response handled in one go before other connections get their turn.
    var turnBytes = 256 * 1024
}
