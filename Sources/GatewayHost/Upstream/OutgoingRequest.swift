// The bytes of one request on their way out: how much of head and body the stream has taken.
//
// Head and body are views that their owner keeps in place until the exchange is over; nothing is
// copied here, and both go out in one system call when the socket has room.
//
// Kind: loop-confined value.

struct OutgoingRequest {
    enum Progress {
        /// Everything was taken.
        case complete
        /// The stream takes no more now.
        case blocked
        case failed(IOFailure)
    }

    private var head = Bytes.absent
    private var body = Bytes.absent
    /// Bytes that the stream has taken.
    private(set) var sentBytes = 0

    init() {}

    init(head: Bytes, body: Bytes) {
        self.head = head
        self.body = body
    }

    @inline(__always) var isComplete: Bool { sentBytes == head.count + body.count }

    @inline(__always) var headIsSent: Bool { sentBytes >= head.count }

    /// Offers what is left until it is all taken or the stream blocks.
    @inline(__always)
    mutating func send(on stream: ByteStream) -> Progress {
        while true {
            let result: IOResult
            if headIsSent {
                result = stream.write(body.slice(sentBytes - head.count, body.count).raw)
            } else if body.count == 0 {
                result = stream.write(head.slice(sentBytes, head.count).raw)
            } else {
                result = stream.write(head.slice(sentBytes, head.count).raw, body.raw)
            }
            switch result {
            case .bytes(let count):
                sentBytes += count
                if isComplete { return .complete }
            case .wouldBlock: return .blocked
            // A stream never ends on writing; taken as a broken pipe if it does.
            case .end: return .failed(.truncated)
            case .failed(let failure): return .failed(failure)
            }
        }
    }
}
