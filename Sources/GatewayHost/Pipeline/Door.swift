// Where a client came in, which decides what it may find.
//
// Kind: value.

enum Door: Sendable, Equatable {
    /// An address of `listen`.
    case clients
    /// An address of `admin.listen`.
    case administration
    /// A socket that only this process's user and root can hold the other end of: one that this process made for itself, or the
    /// one in the data folder. Whoever it is is `actor`.
    case local(actor: String)
}

/// The worker as its connections see it that did not come in by the clients' door. Those that did know
/// the worker itself, so that the door costs their requests nothing.
///
/// Kind: loop-confined.
final class SideDoor: ClientService {
    private unowned let worker: Worker
    private let door: Door

    init(_ worker: Worker, _ door: Door) {
        self.worker = worker
        self.door = door
    }

    func startExchange(on connection: ClientConnection) { worker.startExchange(on: connection, at: door) }
    func refuse(_ error: GatewayError, on connection: ClientConnection) { worker.refuse(error, on: connection) }
    func reserveBody(_ bytes: Int) -> Bool { worker.reserveBody(bytes) }
    func releaseBody(_ bytes: Int) { worker.releaseBody(bytes) }
    func connectionClosed(_ connection: ClientConnection) { worker.connectionClosed(connection) }
    var isDraining: Bool { worker.isDraining }
}
