// A loop's hand in the ledger: encodes rows where they happen and hands them over once a turn.
//
// An exchange costs the encoding of a few hundred bytes; the lock of the queue is taken once for all exchanges of a
// turn, and checksums, writing and synchronising are the journal's thread's.
//
// With `sealed` an exchange that has handed in its seal waits until it is durable. The journal tells the loop how far
// that is, once a batch, and the waiting are let go in the order in which they came.
//
// Kind: loop-confined. Invariant: `waiting` ascends by sequence; the last `unsent` of it are not handed over yet.

import Synchronization

/// What waits for its row.
protocol LedgerWaiter: AnyObject {
    /// - Parameter number: what was given to `seal`, so that a late call can be told from a right one.
    func rowIsDurable(_ number: UInt64)
}

final class LedgerPen: TurnHandler {
    private static let frameBytes = JournalRecord.headBytes + RowEncoder.rowLimit
    private static let firstCapacity = 64 << 10

    private let loop: EventLoop
    private let journal: Journal
    private var listener: Journal.Listener?
    private var memory: UnsafeMutableRawPointer
    private var capacity = LedgerPen.firstCapacity
    private var count = 0
    private var waiting: [Waiting] = []
    /// How many of `waiting`, from the front, were let go.
    private var served = 0
    private var unsent = 0

    /// The prices that requests which end now are priced by.
    var prices: PriceMemo

    private struct Waiting {
        var sequence: UInt64
        var number: UInt64
        /// Dropped when it is served, so that an exchange that nobody else knows is not kept longer.
        var waiter: (any LedgerWaiter)?
    }

    init(loop: EventLoop, journal: Journal, prices: PriceTable) {
        self.loop = loop
        self.journal = journal
        self.prices = PriceMemo(prices)
        memory = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { memory.deallocate() }

    /// False while the disk has no room for what a new request would write. One load.
    @inline(__always)
    var accepts: Bool { journal.accepts.load(ordering: .relaxed) }

    // MARK: Rows

    //
    // Inline, so that a row is put into memory field by field where it is made up, and is nowhere else.

    @inline(__always)
    func write(_ row: borrowing OpenRow) {
        var encoder = begin()
        encoder.write(row)
        end(encoder)
    }

    @inline(__always)
    func write(_ row: borrowing AttemptRow) {
        var encoder = begin()
        encoder.write(row)
        end(encoder)
    }

    /// Seals a request, whose waiter goes on when the seal is durable; nil: nobody waits.
    @inline(__always)
    func write(_ row: borrowing SealedRow, number: UInt64, waiter: (any LedgerWaiter)?) {
        var encoder = begin()
        encoder.write(row)
        end(encoder)
        if let waiter { wait(number, waiter) }
    }

    private func wait(_ number: UInt64, _ waiter: any LedgerWaiter) {
        if listener == nil { listen() }
        waiting.append(Waiting(sequence: 0, number: number, waiter: waiter))
        unsent += 1
    }

    @inline(__always)
    private func begin() -> RowEncoder {
        if capacity - count < Self.frameBytes { grow() }
        if count == 0 { loop.atEndOfTurn(self) }
        return RowEncoder(memory + count + JournalRecord.headBytes)
    }

    @inline(__always)
    private func end(_ encoder: RowEncoder) { count += JournalFrames.end(memory + count, encoder) }

    private func grow() {
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity * 2, alignment: 16)
        larger.copyMemory(from: memory, byteCount: count)
        memory.deallocate()
        memory = larger
        capacity *= 2
    }

    // MARK: Handing over

    func turnEnded() {
        guard count > 0 else { return }
        let sequence = journal.append(UnsafeRawBufferPointer(start: memory, count: count))
        count = 0
        guard unsent > 0 else { return }
        for place in waiting.count - unsent..<waiting.count { waiting[place].sequence = sequence }
        unsent = 0
        listener?.wants.store(true, ordering: .sequentiallyConsistent)
        // The thread may have been done before it could see that somebody waits.
        let durable = journal.durable.load(ordering: .sequentiallyConsistent)
        if durable >= sequence { serve(durable) }
    }

    private func listen() {
        let mailbox = loop.mailbox
        let pen = Unowned(self)
        let listener = Journal.Listener { sequence in
            // The pen belongs to the loop and lives as long as its mailbox takes work.
            mailbox.submit { _ in pen.pen?.serve(sequence) }
        }
        self.listener = listener
        journal.listen(listener)
    }

    private func serve(_ durable: UInt64) {
        while served < waiting.count - unsent, waiting[served].sequence <= durable {
            let waiter = waiting[served].waiter
            let number = waiting[served].number
            waiting[served].waiter = nil
            served += 1
            waiter?.rowIsDurable(number)
        }
        if served == waiting.count {
            waiting.removeAll(keepingCapacity: waiting.capacity <= 4096)
            served = 0
            listener?.wants.store(false, ordering: .relaxed)
        }
    }

    /// Carries the pen through the journal's thread to its own loop, where alone it is used.
    private final class Unowned: @unchecked Sendable {
        weak var pen: LedgerPen?
        init(_ pen: LedgerPen) { self.pen = pen }
    }
}
