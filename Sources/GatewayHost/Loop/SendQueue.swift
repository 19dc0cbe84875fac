// Who has bytes to send at the end of the turn, in the order in which they asked.
//
// Sending wakes the process on the other side, and on a busy loop that is the dearest part of an
// exchange. What a turn has gathered is sent in one go, so most sends find the other side awake
// already, and reading and sending each stay in the processor's caches.
//
// It holds no references: a sender is a handler of the loop, and those live until the turn ends in
// which they were removed (HandlerTable) and the queue is empty.
//
// Kind: loop-confined value that is not copied.

/// Something that gathers bytes during a turn.
protocol TurnSender: AnyObject {
    /// Sends what was gathered; also called when meanwhile nothing is left to send, or the sender is closed.
    /// - Thread: the loop's.
    func sendGathered()

    /// Calls `sendGathered` of the sender at this address. Leave it to the default, as in `LoopHandler`.
    static func sendGathered(at address: UnsafeMutableRawPointer)
}

extension TurnSender {
    /// - Precondition: `address` is that of a living object of this type.
    static func sendGathered(at address: UnsafeMutableRawPointer) {
        Unmanaged<Self>.fromOpaque(address)._withUnsafeGuaranteedRef { $0.sendGathered() }
    }
}

struct SendQueue: ~Copyable {
    struct Entry {
        fileprivate let sender: UnsafeMutableRawPointer
        fileprivate let type: any TurnSender.Type

        @inline(__always)
        func send() { type.sendGathered(at: sender) }
    }

    private var entries: UnsafeMutablePointer<Entry>
    private var capacity: Int
    private var head = 0
    private var tail = 0

    init(capacity: Int = 64) {
        self.capacity = capacity
        entries = .allocate(capacity: capacity)
    }

    deinit { entries.deallocate() }

    @inline(__always) var count: Int { tail - head }
    @inline(__always) var isEmpty: Bool { tail == head }

    /// - Precondition: `sender` is registered with the loop.
    @inline(__always)
    mutating func append<Sender: TurnSender>(_ sender: Sender) {
        if tail == capacity { grow() }
        (entries + tail).initialize(
            to: Entry(sender: Unmanaged.passUnretained(sender).toOpaque(), type: Sender.self))
        tail &+= 1
    }

    /// The next one, which is then no longer in the queue.
    @inline(__always)
    mutating func next() -> Entry? {
        guard head < tail else { return nil }
        let entry = entries[head]
        head &+= 1
        if head == tail {
            head = 0
            tail = 0
        }
        return entry
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<Entry>.allocate(capacity: capacity * 2)
        larger.moveInitialize(from: entries + head, count: count)
        entries.deallocate()
        entries = larger
        capacity *= 2
        tail -= head
        head = 0
    }
}
