// When a response began to arrive, and when the kernel is asked to wait with acknowledging the rest.
//
// An event stream is one-way: the kernel sees that we never answer and acknowledges each event with a packet of its own,
// from within our read, which costs as much as a send. It waits if it is asked to, so that one acknowledgement stands for
// several events, as for any receiver (RFC 1122, section 4.2.3.2); but an acknowledgement that did wait its full time ends
// the waiting, so it has to be asked again. Asking is a system call too: it pays only where events follow each other
// faster than the kernel waits.
//
// Kind: pure value.

struct ResponseArrival {
    /// Nanoseconds for which Linux waits with an acknowledgement at least (TCP_DELACK_MIN).
    static let kernelDelay = 40_000_000

    /// When the first byte arrived; nil before.
    private(set) var firstAt: Instant?
    private var lastAt = Instant(nanoseconds: 0)
    private var askedAt = Instant(nanoseconds: 0)

    /// Bytes of the response arrived. True when the kernel should be asked now.
    @inline(__always)
    mutating func bytes(at now: Instant) -> Bool {
        guard firstAt != nil else {
            (firstAt, lastAt) = (now, now)
            return false
        }
        return more(at: now)
    }

    private mutating func more(at now: Instant) -> Bool {
        let gap = now.nanoseconds(since: lastAt)
        lastAt = now
        guard gap < ResponseArrival.kernelDelay else { return false }
        guard now.nanoseconds(since: askedAt) >= ResponseArrival.kernelDelay else { return false }
        askedAt = now
        return true
    }
}
