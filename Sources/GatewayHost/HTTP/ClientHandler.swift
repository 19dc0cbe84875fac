// What a client connection tells the rest of the gateway, and what it asks of it.

import CLinux

/// The driver of one exchange, as its client connection sees it. Calls come on the loop.
protocol ClientHandler: AnyObject {
    /// The body that was asked for with `receiveBody` is complete; valid until the exchange ends.
    func requestBodyArrived(_ body: Bytes)
    /// The body cannot be had: too large, malformed, too slow.
    func requestBodyFailed(_ error: GatewayError)
    /// What waited for the client fell below the low-water mark.
    func clientCaughtUp()
    /// Everything written so far has gone to the kernel.
    func clientDrained()
    /// The client closed its sending side: it waits for the answer, or has left and cannot say so.
    func clientEndedInput()
    /// The client is gone, or can no longer be reached; the connection is closed.
    func clientLeft()
}

/// The worker, as its client connections see it.
protocol ClientService: AnyObject {
    /// A request head is complete; the returned handler drives its exchange. It may already have
    /// answered when this returns.
    func startExchange(on connection: ClientConnection)
    /// The head could not be read; answer with this error and close.
    func refuse(_ error: GatewayError, on connection: ClientConnection)
    /// Room for `bytes` of body within the limit on the sum of all buffered bodies.
    func reserveBody(_ bytes: Int) -> Bool
    func releaseBody(_ bytes: Int)
    /// The connection is closed and forgotten.
    func connectionClosed(_ connection: ClientConnection)
    /// Connections should close after their current exchange.
    var isDraining: Bool { get }
}
