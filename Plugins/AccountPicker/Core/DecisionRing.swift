// The last decisions of one worker, the oldest overwritten first.
//
// Its worker writes each of them once for every request, and hardly anybody ever reads one; so the writer takes no lock
// and never waits. A reader looks at a slot's revision before and after, and once more if the slot was written in between:
//
//     append:  revision += 1 (odd)  ─►  words  ─►  revision += 1
//     find:    revision is even     ─►  words  ─►  revision is the same, or again
//
// What comes of an attempt is one word of them, which is stored alone: it is as good before as after.
//
// 1. Only its worker appends, finishes and says `firstEvent`; any thread finds.
// 2. All that both sides touch is atomic, so that a reader that comes too late reads old words and no torn ones.
//
// Kind: shared, with one writer; `next` is the writer's alone. That is what makes @unchecked Sendable sound.

import Synchronization

final class DecisionRing: @unchecked Sendable {
    private struct Slot: ~Copyable {
        /// Odd while the words are being written; 0: never written.
        let revision = Atomic<UInt64>(0)
        /// Of a Decision.
        let words: [21 of Atomic<UInt64>] = InlineArray { _ in Atomic(0) }
    }

    private static let wordCount = 21
    private static let requestWord = 0
    private static let outcomeWord = 1
    private let slots: UnsafeMutablePointer<Slot>
    private let capacity: Int
    private var next = 0

    /// - Parameter capacity: at least 1.
    init(capacity: Int) {
        precondition(MemoryLayout<Decision>.size == Self.wordCount * 8, "a slot has as many words as a decision")
        precondition(MemoryLayout<Decision>.offset(of: \.request) == Self.requestWord * 8)
        precondition(MemoryLayout<Decision>.offset(of: \.outcome) == Self.outcomeWord * 8)
        self.capacity = capacity
        slots = .allocate(capacity: capacity)
        for place in 0..<capacity { (slots + place).initialize(to: Slot()) }
    }

    deinit {
        slots.deinitialize(count: capacity)
        slots.deallocate()
    }

    /// - Returns: its place, for `finish`.
    func append(_ decision: borrowing Decision) -> Int {
        let place = next
        next = place + 1 == capacity ? 0 : place + 1
        let slot = slots + place
        let revision = slot.pointee.revision.load(ordering: .relaxed)
        slot.pointee.revision.store(revision &+ 1, ordering: .relaxed)
        atomicMemoryFence(ordering: .releasing)
        withUnsafeBytes(of: decision) { bytes in
            for word in 0..<Self.wordCount {
                slot.pointee.words[word].store(bytes.load(fromByteOffset: word &* 8, as: UInt64.self), ordering: .relaxed)
            }
        }
        slot.pointee.revision.store(revision &+ 2, ordering: .releasing)
        return place
    }

    /// What came of it, if it has not been overwritten yet.
    func finish(_ place: Int, request: UInt64, attempt: UInt8, status: Int, mayHaveRun: Bool = false) {
        update(place, request, attempt) {
            $0.status = Int16(clamping: status)
            $0.mayHaveRun = mayHaveRun
        }
    }

    /// Its stream began with an error.
    func firstEvent(_ place: Int, request: UInt64, attempt: UInt8, said trouble: Trouble) {
        update(place, request, attempt) { $0.firstEvent = trouble.rawValue }
    }

    /// All of one request, in order.
    func find(_ request: UInt64) -> [Decision] {
        (0..<capacity).compactMap { place in
            guard let decision = read(slots + place), decision.request == request else { return nil }
            return decision
        }.sorted { $0.attempt < $1.attempt }
    }

    // MARK: Private

    private func update(_ place: Int, _ request: UInt64, _ attempt: UInt8, _ change: (inout Decision.Outcome) -> Void) {
        precondition(place < capacity, "a place that `append` never gave")
        let slot = slots + place
        guard slot.pointee.words[Self.requestWord].load(ordering: .relaxed) == request else { return }
        var outcome = Decision.Outcome(bits: slot.pointee.words[Self.outcomeWord].load(ordering: .relaxed))
        guard outcome.attempt == attempt else { return }
        change(&outcome)
        slot.pointee.words[Self.outcomeWord].store(outcome.bits, ordering: .relaxed)
    }

    private func read(_ slot: UnsafeMutablePointer<Slot>) -> Decision? {
        // Without an end, because a writer is done in less time than the next look takes, and comes back to the same slot
        // only after all others.
        while true {
            let revision = slot.pointee.revision.load(ordering: .acquiring)
            if revision == 0 { return nil }
            var decision = Decision()
            withUnsafeMutableBytes(of: &decision) { bytes in
                for word in 0..<Self.wordCount {
                    bytes.storeBytes(
                        of: slot.pointee.words[word].load(ordering: .relaxed), toByteOffset: word * 8, as: UInt64.self)
                }
            }
            atomicMemoryFence(ordering: .acquiring)
            if revision & 1 == 0, slot.pointee.revision.load(ordering: .relaxed) == revision { return decision }
        }
    }
}
