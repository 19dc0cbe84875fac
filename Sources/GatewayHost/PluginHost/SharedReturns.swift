// How often Redis came back to this process: what was counted here alone before says nothing about what was spent while it
// was there.
//
// Kind: shared; one atomic.

import Synchronization

final class SharedReturns: Sendable {
    private let number = Atomic<UInt64>(0)

    var count: UInt64 { number.load(ordering: .relaxed) }
    func cameBack() { number.wrappingAdd(1, ordering: .relaxed) }
}
