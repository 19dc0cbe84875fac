// What a loop goes on with when another thread has done something for it.
//
// The loop makes one and hands it out; whoever has the result delivers it, once, and the loop runs the
// rest. What the rest holds belongs to the loop: it is run and released there, and never elsewhere while
// the loop lives.
//
// Kind: shared shell around loop-confined code. `body` is touched in init, before anybody else knows the
// object, and then on the loop only; that is what makes @unchecked Sendable sound.

final class LoopReply<Value: Sendable>: @unchecked Sendable {
    private let mailbox: LoopMailbox
    private var body: ((Value) -> Void)?

    /// - Thread: the loop's.
    init(_ loop: EventLoop, _ body: @escaping (Value) -> Void) {
        mailbox = loop.mailbox
        self.body = body
    }

    /// The loop goes on with `value`; a second delivery does nothing.
    /// - Thread: any.
    func deliver(_ value: Value) {
        mailbox.submit { _ in
            let body = self.body
            self.body = nil
            body?(value)
        }
    }
}
