// A part of the host that answers requests itself, now or later: the admin interface.
//
// The runner brings it an exchange whose head has arrived and keeps the order; the station says when the
// body is wanted, when a plugin is to act, and what the answer is. An answer of a station meets no
// response hook: it is between the host and whoever runs it.
//
//   begin ─► (waits) ─► receiveBody ─► bodyArrived ─► (waits) ─► answer ─► ended
//                                          │                       ▲
//                                          └─► act ─► actionEnded ─┘
//
// Kind: loop-confined protocols; the values are plain.

protocol LocalStation: AnyObject {
    /// This path is the station's, whoever asks and whether or not there is anything at it.
    func answers(_ path: Bytes, at door: Door) -> Bool
    /// An exchange has come: what is told about it from now on goes to the visit that is returned.
    func visit(_ runner: ExchangeRunner, at door: Door) -> any LocalVisit
    /// A reload is in force.
    func adopt(_ config: GatewayConfig)
    /// The worker ends; nothing will come any more.
    func end()
}

/// One exchange at a station. The runner holds it until the exchange ends, and calls `ended` then;
/// afterwards the runner belongs to somebody else and must not be touched.
protocol LocalVisit: AnyObject {
    func begin()
    /// The body that was asked for; the bytes live until the exchange ends.
    func bodyArrived(_ body: Bytes)
    /// The exchange fails for a reason that the station did not find: answer with it.
    func failed(_ error: GatewayError)
    /// The plugin that was to act has answered.
    func actionEnded(status: Int, contentType: String, body: [UInt8])
    /// The exchange is over, however it came to that.
    func ended()
}

/// What a station answers with.
struct LocalAnswer {
    var status: Int
    /// Names in lower case.
    var headers: [(name: String, value: String)] = []
    /// Empty: no content type is sent.
    var body: [UInt8] = []
    /// The connection must close after it.
    var closesConnection = false
}
