// One operation of a plugin that has not ended: whom to tell, and what was learned so far.
//
// Kind: loop-confined value in the slots of an OperationTable.

import PluginABI

/// The C function a plugin gave as `done`.
typealias OperationDone =
    @convention(c) (
        UnsafeMutablePointer<gw_request>, UnsafeMutableRawPointer?, UnsafePointer<gw_result>
    ) -> gw_verdict

/// What goes on behind an operation of a service, outside of the loop's own tables.
protocol OperationWork: AnyObject {
    /// The plugin or the end of the exchange wants it over. The work must not report afterwards.
    /// - Thread: the loop's.
    func cancel()
    /// Header of the result that ended the operation, for GW_RESULT; absent if there is none.
    func header(_ name: Bytes) -> Bytes
    func header(at index: Int) -> (name: Bytes, value: Bytes)?
}

struct OperationRecord {
    enum State: UInt8 {
        case free
        /// Started; nothing is known yet.
        case pending
        /// The result is here and waits in the ready queue.
        case ready
        /// Delivered early, by the end of its exchange; the ready queue still holds the slot.
        case spent
    }

    var state = State.free
    /// The slot's word on the board is open, so a foreign thread may know the number.
    var scope: UnsafeMutablePointer<RequestScope>?
    var done: OperationDone?
    var user: UnsafeMutableRawPointer?
    /// `RequestScope.suspension` it was started in; 0 matches none.
    var suspension: UInt32 = 0
    /// Neighbours in the list of the scope; `next` also links free slots. -1: none.
    var next: Int32 = -1
    var previous: Int32 = -1
    var nextReady: Int32 = -1

    var error = GW_OK
    var number: Int64 = 0
    var bytes = Bytes.absent
    /// `bytes` were allocated for this operation alone, not in an exchange's arena.
    var ownsBytes = false
    var work: (any OperationWork)?
    /// Background work that a chain waits for before it stops.
    var isAwaited = false
    /// Made when the slot first waits for a moment, then kept with the slot.
    var timer: OperationTimer?
}

/// The end of an operation that was known when it was asked for, until its callback runs.
struct KnownResult {
    /// Whose operation it is; nil: there is none.
    var scope: UnsafeMutablePointer<RequestScope>?
    var done: OperationDone?
    var user: UnsafeMutableRawPointer?
    /// `RequestScope.suspension` it was started in.
    var suspension: UInt32 = 0
    var error = GW_OK
    var number: Int64 = 0
    /// In the arena of the exchange.
    var bytes = Bytes.absent
    /// How many there were; the numbers of their operations, which are of no board.
    var count: gw_op = 0
}

/// The timer of a slot.
///
/// Kind: loop-confined.
final class OperationTimer: TimerHandler {
    unowned(unsafe) private let table: OperationTable
    private let slot: Int32
    private(set) lazy var timer = LoopTimer(self)

    init(table: OperationTable, slot: Int32) {
        self.table = table
        self.slot = slot
    }

    func timerFired(_ timer: LoopTimer) { table.timerFired(slot: slot) }
}
