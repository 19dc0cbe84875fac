// The part of a loop's operations that every thread may see: one word per slot, never moved and
// never freed, so that signal() is safe with any number at any time.
//
// A number names board, slot and generation. The word of a slot holds the generation it is in and
// what may be done with it; signal() succeeds only by changing exactly "this generation, expected"
// into "signalled", so a late, second or invented signal finds something else and is refused.
//
//   idle ── open(expected) ──► expected ── signal ──► signalled ── close ──► idle (next generation)
//     └──── open ────────────► open ──────────────────────────── close ──► idle (next generation)
//
// Kind: shared. A board outlives its loop; the next loop that takes it goes on with its
// generations, so numbers of the earlier one stay stale.

import Synchronization

final class OperationBoard: Sendable {
    /// 2^18 operations pending on one loop; pages of them exist once they are needed.
    static let slotLimit = pageLimit * slotsPerPage
    static let slotsPerPage = 1024
    private static let pageLimit = 256
    /// Boards in a process, which is loops alive at the same time.
    private static let boardLimit = 255

    private static let slotShift: UInt64 = 36
    private static let boardShift: UInt64 = 56
    private static let generationMask: UInt64 = (1 << slotShift) - 1

    private enum State {
        static let idle: UInt64 = 0
        static let open: UInt64 = 1
        static let expected: UInt64 = 2
        static let signalled: UInt64 = 3
    }

    private let number: Int
    nonisolated(unsafe) private let pages: UnsafeMutablePointer<Atomic<UInt>>
    /// Where signals are delivered; nil while no loop uses the board.
    private let mailbox = Locked<LoopMailbox?>(nil)

    private init(number: Int) {
        self.number = number
        pages = .allocate(capacity: OperationBoard.pageLimit)
        for page in 0..<OperationBoard.pageLimit { (pages + page).initialize(to: Atomic(0)) }
    }

    // MARK: Boards of the process

    private struct Boards {
        var all: [OperationBoard] = []
        var free: [OperationBoard] = []
    }
    private static let boards = Locked(Boards())
    /// The same boards by number, to be read without the lock.
    nonisolated(unsafe) private static let byNumber: UnsafeMutablePointer<Atomic<UInt>> = {
        let memory = UnsafeMutablePointer<Atomic<UInt>>.allocate(capacity: boardLimit)
        for number in 0..<boardLimit { (memory + number).initialize(to: Atomic(0)) }
        return memory
    }()

    /// A board for a loop with that mailbox.
    static func take(for mailbox: LoopMailbox) -> OperationBoard {
        let board = boards.withLock { boards -> OperationBoard in
            if let board = boards.free.popLast() { return board }
            precondition(boards.all.count < boardLimit, "a process has at most \(boardLimit) loops")
            let board = OperationBoard(number: boards.all.count)
            boards.all.append(board)
            // Never released: `all` keeps it for the life of the process.
            byNumber[board.number].store(
                UInt(bitPattern: Unmanaged.passUnretained(board).toOpaque()), ordering: .releasing)
            return board
        }
        board.mailbox.withLock { $0 = mailbox }
        return board
    }

    /// The loop ends: signals that still come are refused, and numbers of operations that it left
    /// pending mean nothing to the next loop.
    func giveBack() {
        mailbox.withLock { $0 = nil }
        for slot in 0..<OperationBoard.slotLimit {
            guard let word = word(slot) else { break }
            if word.pointee.load(ordering: .relaxed) & 3 != State.idle { close(slot) }
        }
        OperationBoard.boards.withLock { $0.free.append(self) }
    }

    // MARK: Words

    /// Makes the words of a page; the owning loop calls it before it uses the page's first slot.
    func addPage(_ page: Int) {
        guard pages[page].load(ordering: .relaxed) == 0 else { return }
        let words = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: OperationBoard.slotsPerPage)
        for slot in 0..<OperationBoard.slotsPerPage { (words + slot).initialize(to: Atomic(4)) }
        pages[page].store(UInt(bitPattern: words), ordering: .releasing)
    }

    @inline(__always)
    private func word(_ slot: Int) -> UnsafeMutablePointer<Atomic<UInt64>>? {
        guard slot < OperationBoard.slotLimit else { return nil }
        let page = pages[slot / OperationBoard.slotsPerPage].load(ordering: .acquiring)
        return UnsafeMutablePointer<Atomic<UInt64>>(bitPattern: page).map {
            $0 + slot % OperationBoard.slotsPerPage
        }
    }

    /// Opens a slot and returns the number of the operation in it, never 0.
    /// - Thread: the owning loop's, as for `close`.
    @inline(__always)
    func open(_ slot: Int, expected: Bool) -> UInt64 {
        let word = word(slot).unsafelyUnwrapped
        let generation = word.pointee.load(ordering: .relaxed) >> 2 & OperationBoard.generationMask
        word.pointee.store(generation << 2 | (expected ? State.expected : State.open), ordering: .releasing)
        return UInt64(number + 1) << OperationBoard.boardShift | UInt64(slot) << OperationBoard.slotShift
            | generation
    }

    /// Ends the operation in the slot: its number is stale from here on.
    @inline(__always)
    func close(_ slot: Int) {
        let word = word(slot).unsafelyUnwrapped
        let generation = word.pointee.load(ordering: .relaxed) >> 2
        word.pointee.store((generation &+ 1) << 2 | State.idle, ordering: .releasing)
    }

    /// The slot of an operation of this board; nil if the operation is over or none of ours.
    /// - Thread: the owning loop's.
    @inline(__always)
    func slot(of operation: UInt64) -> Int? {
        guard operation >> OperationBoard.boardShift == UInt64(number + 1) else { return nil }
        let slot = Int(operation >> OperationBoard.slotShift & 0xf_ffff)
        guard let word = word(slot) else { return nil }
        let value = word.pointee.load(ordering: .relaxed)
        guard value & 3 != State.idle,
            value >> 2 & OperationBoard.generationMask == operation & OperationBoard.generationMask
        else { return nil }
        return slot
    }

    // MARK: Signals

    /// Completes an expected operation, once. False if there is none of that number.
    /// - Thread: any.
    static func signal(_ operation: UInt64) -> Bool {
        let number = Int(operation >> boardShift) - 1
        guard number >= 0, number < boardLimit,
            let address = UnsafeRawPointer(bitPattern: byNumber[number].load(ordering: .acquiring))
        else { return false }
        // Boards are never released, so this needs no more than the address.
        let board = Unmanaged<OperationBoard>.fromOpaque(address).takeUnretainedValue()
        guard let word = board.word(Int(operation >> slotShift & 0xf_ffff)) else { return false }
        let seen = word.pointee.load(ordering: .relaxed)
        guard seen & 3 == State.expected, seen >> 2 & generationMask == operation & generationMask else {
            return false
        }
        let signalled = seen & ~3 | State.signalled
        guard word.pointee.compareExchange(expected: seen, desired: signalled, ordering: .acquiringAndReleasing).0
        else { return false }
        return board.mailbox.withLock { mailbox in
            mailbox?.post(operation)
            return mailbox != nil
        }
    }
}
