// Recycled blocks of memory for one loop.
//
// Connections and exchanges take a block when bytes arrive and give it back when they are idle, so
// an idle connection costs no buffer and a busy loop no malloc. The pool keeps at most
// `keptBlocks`; what comes back beyond that is freed.
//
// Kind: loop-confined.

import CLinux

final class BlockPool {
    /// One network read of a busy connection; also the size that nginx and the kernel's loopback
    /// hand over at once. Smaller costs more system calls, larger only memory.
    static let blockBytes = 16 * 1024

    private let keptBlocks: Int
    private let free: UnsafeMutablePointer<UnsafeMutableRawPointer>
    private var freeCount = 0
    /// Blocks handed out and not yet given back.
    private(set) var outstanding = 0

    init(keptBlocks: Int = 256) {
        self.keptBlocks = keptBlocks
        free = .allocate(capacity: max(keptBlocks, 1))
    }

    deinit {
        for index in 0..<freeCount { CLinux.free(free[index]) }
        free.deallocate()
    }

    @inline(__always)
    func take() -> UnsafeMutableRawPointer {
        outstanding &+= 1
        if freeCount == 0 { return make() }
        freeCount &-= 1
        return free[freeCount]
    }

    @inline(never)
    private func make() -> UnsafeMutableRawPointer {
        guard let block = malloc(Self.blockBytes) else {
            fatalError("out of memory: no block of \(Self.blockBytes) bytes")
        }
        return block
    }

    @inline(__always)
    func give(_ block: UnsafeMutableRawPointer) {
        outstanding &-= 1
        guard freeCount < keptBlocks else { return CLinux.free(block) }
        (free + freeCount).initialize(to: block)
        freeCount &+= 1
    }
}
