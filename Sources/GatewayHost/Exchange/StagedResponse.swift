// A response that a plugin or the host made itself and that has not been sent yet.
//
// Kind: value; views live in the exchange's arena.

struct StagedResponse {
    var status: Int
    /// Replace the headers of the response that it takes the place of.
    var headers = UnsafeMutableBufferPointer<HeaderField>(start: nil, count: 0)
    var body: Bytes
    /// Chain position of the plugin that answered; the chain's length for the host itself. The
    /// response passes the response hooks of the entries before it.
    var origin: Int
    /// The connection must close after it.
    var closesConnection = false
}
