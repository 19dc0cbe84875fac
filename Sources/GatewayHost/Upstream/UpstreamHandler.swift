// What the owner of an attempt hears from its dial and its connection.
//
// The order of calls for one attempt:
//
//     dial ──► upstreamReady ──► (start) ──► upstreamHead ──► upstreamBody* ──► upstreamEnded
//       └────────────┴──────────────────────────┴──────────────────┴─────────► upstreamFailed
//
// upstreamFlush follows every turn in which head, body or end were delivered. Inside any of these
// calls the handler may abort, pause or resume the connection; after abort nothing more is called.
//
// Kind: loop-confined.

protocol UpstreamHandler: AnyObject {
    /// A dial succeeded. The connection is the handler's until the response ends or it is aborted.
    func upstreamReady(_ connection: UpstreamConnection)
    /// The dial or the exchange failed; the connection, if there was one, is closed.
    func upstreamFailed(_ fault: UpstreamFault)
    /// The final head is in `connection.response`, its text in `connection.headBytes`; both are
    /// valid during the call.
    func upstreamHead(_ connection: UpstreamConnection)
    /// Body bytes without their framing, valid during the call.
    func upstreamBody(_ bytes: Bytes)
    /// The body is complete. The connection has gone back to the pool or closed; let go of it.
    func upstreamEnded(_ connection: UpstreamConnection)
    /// Everything read in this turn has been delivered: send what was gathered.
    func upstreamFlush()
}
