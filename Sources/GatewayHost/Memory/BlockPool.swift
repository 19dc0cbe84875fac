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
    private var free: [UnsafeMutableRawPointer] = []
    /// Blocks handed out and not yet given back.
    private(set) var outstanding = 0

    init(keptBlocks: Int = 256) {
        self.keptBlocks = keptBlocks
        free.reserveCapacity(keptBlocks)
    }

    deinit {
        for block in free { CLinux.free(block) }
    }

    func take() -> UnsafeMutableRawPointer {
        outstanding += 1
        if let block = free.popLast() { return block }
        guard let block = malloc(Self.blockBytes) else {
            fatalError("out of memory: no block of \(Self.blockBytes) bytes")
        }
        return block
    }

    func give(_ block: UnsafeMutableRawPointer) {
        outstanding -= 1
        if free.count < keptBlocks { free.append(block) } else { CLinux.free(block) }
    }
}
