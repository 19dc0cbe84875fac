// The row of one request, complete: who, what, how it ended, what it used and what that costs. Never what was
// said: no prompt, no reply, no session in clear.
//
// Texts are views: of the exchange while a row is written, of the reader's buffer while it is read.
//
// Kind: value.

struct SealedRow {
    /// Written into files; never change a number.
    enum End: UInt8, Sendable, CaseIterable {
        /// The answer of the upstream went out whole.
        case completed = 1
        /// It began and did not reach its end: the client left, the upstream broke off, the gateway died.
        case interrupted = 2
        /// No answer, or one that says that it went wrong.
        case failed = 3
        /// The gateway said no before the upstream was asked.
        case refused = 4

        var name: StaticString {
            switch self {
            case .completed: "completed"
            case .interrupted: "interrupted"
            case .failed: "failed"
            case .refused: "refused"
            }
        }
    }

    struct Flags: OptionSet, Sendable {
        let rawValue: UInt8
        static let stream = Flags(rawValue: 1)
        /// The provider reported usage; without it the counts are zero because nobody knows them.
        static let hasUsage = Flags(rawValue: 2)
        /// Something was used that has no price; `cost` is 0.
        static let unpriced = Flags(rawValue: 4)
        /// The client was gone before the end.
        static let clientLeft = Flags(rawValue: 8)
        /// Made at start for a request whose process died.
        static let foundOpen = Flags(rawValue: 16)
        /// The client was gone, and its upstream was let go of before its end: by policy, because too many were read, or
        /// because the time was over. Counts are what it had reported until then.
        static let cut = Flags(rawValue: 32)
    }

    var id = RowID.zero
    /// When the request's head was complete, in nanoseconds since 1970.
    var started: Int64 = 0
    var end = End.completed
    var flags: Flags = []
    /// As the client saw it; 0 when it saw none.
    var status: UInt16 = 0
    /// Of the conversation, see `SessionHash`; 0: none.
    var session: UInt64 = 0
    /// Of the prices, see `PriceTable`.
    var snapshot: UInt64 = 0
    /// From `started` to the end, in microseconds.
    var duration: UInt64 = 0
    /// From `started` to the first byte of the answer for the client; 0: there was none.
    var firstByte: UInt64 = 0
    var attempts: UInt32 = 0
    var usage = Usage()
    /// Nano-dollars.
    var cost: Int64 = 0

    var key = Bytes("")
    var group = Bytes("")
    var account = Bytes("")
    var modelAsked = Bytes("")
    var modelServed = Bytes("")
    /// The provider's own id of the request.
    var upstreamID = Bytes("")
    /// Why this account.
    var why = Bytes("")

    /// What is billed and counted by: the model that answered, or the one that was asked for.
    var model: Bytes { modelServed.isEmpty ? modelAsked : modelServed }
}

/// That a request is about to be sent to an upstream. Without a seal behind it, it was interrupted.
struct OpenRow {
    var id = RowID.zero
    var started: Int64 = 0
    var flags: SealedRow.Flags = []
    var session: UInt64 = 0
    var key = Bytes("")
    var group = Bytes("")
    var account = Bytes("")
    var modelAsked = Bytes("")
}

/// One try at an upstream, beneath the row of its request.
struct AttemptRow {
    var id = RowID.zero
    var started: Int64 = 0
    /// From 1.
    var number: UInt32 = 0
    /// Of the upstream's answer; 0: none.
    var status: UInt16 = 0
    /// `UpstreamFault.Kind` and one; 0: it answered.
    var fault: UInt8 = 0
    /// In microseconds from `started`; 0: it did not come to that.
    var connected: UInt64 = 0
    var firstByte: UInt64 = 0
    var duration: UInt64 = 0
    var account = Bytes("")
    var upstreamID = Bytes("")
}

enum SessionHash {
    /// Says that two rows belong to one conversation without saying to which.
    static func of(_ session: Bytes) -> UInt64 { session.isEmpty ? 0 : max(session.hash, 1) }
}
