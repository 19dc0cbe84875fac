// Memory that lives exactly as long as one exchange: bump allocation, freed all at once.
//
// The first block stays with the exchange and is recycled with it; more blocks and pieces larger
// than a block are given back at reset. This is what gw_host.alloc and every copied header value,
// attribute and staged response live in.
//
// Kind: loop-confined value.

import CLinux

struct Arena: ~Copyable {
    private let pool: BlockPool
    private var cursor: UnsafeMutableRawPointer?
    private var limit: UnsafeMutableRawPointer?
    /// The block that stays.
    private var first: UnsafeMutableRawPointer?
    private var blocks: [UnsafeMutableRawPointer] = []
    private var large: [UnsafeMutableRawPointer] = []
    /// Something is in one of the two: rare, and then the arrays are looked at.
    private var hasMore = false
    /// Bytes of pieces larger than a block, for the limit on buffered memory.
    private(set) var largeBytes = 0

    init(pool: BlockPool) { self.pool = pool }

    deinit {
        for block in blocks { pool.give(block) }
        for piece in large { free(piece) }
        if let first { pool.give(first) }
    }

    /// Something was allocated since it was made or released.
    @inline(__always)
    var isUsed: Bool { first != nil || hasMore }

    /// Uninitialised memory, 16-byte aligned. Never fails; running out of memory ends the process.
    @inline(__always)
    mutating func allocate(_ count: Int) -> UnsafeMutableRawPointer {
        let rounded = (count + 15) & ~15
        if let cursor, let limit, limit - cursor >= rounded {
            self.cursor = cursor + rounded
            return cursor
        }
        return allocateSlowly(rounded)
    }

    mutating func allocateZeroed(_ count: Int) -> UnsafeMutableRawPointer {
        let memory = allocate(count)
        memset(memory, 0, count)
        return memory
    }

    /// A copy of `bytes` in the arena; absent stays absent.
    @inline(__always)
    mutating func copy(_ bytes: Bytes) -> Bytes {
        guard let base = bytes.base else { return .absent }
        let memory = allocate(max(bytes.count, 1))
        memcpy(memory, base, bytes.count)
        return Bytes(base: UnsafePointer(memory.assumingMemoryBound(to: UInt8.self)), count: bytes.count)
    }

    /// A copy of `text`. Off the hot path.
    mutating func copy(_ text: String) -> Bytes {
        var text = text
        return text.withUTF8 { utf8 in
            // An empty string may have no address; it must not become "absent".
            utf8.count == 0 ? Bytes("") : copy(Bytes(UnsafeRawBufferPointer(utf8)))
        }
    }

    /// Ends the scope: all memory of the arena is reused or given back.
    @inline(__always)
    mutating func reset() {
        if hasMore { giveMore() }
        guard let first else { return }
        cursor = first
        limit = first + BlockPool.blockBytes
    }

    /// As `reset`, and gives the kept block back too.
    mutating func release() {
        if hasMore { giveMore() }
        if let first { pool.give(first) }
        first = nil
        cursor = nil
        limit = nil
    }

    @inline(never)
    private mutating func giveMore() {
        for piece in large { free(piece) }
        large.removeAll(keepingCapacity: true)
        largeBytes = 0
        while let block = blocks.popLast() { pool.give(block) }
        hasMore = false
    }

    private mutating func allocateSlowly(_ count: Int) -> UnsafeMutableRawPointer {
        if count > BlockPool.blockBytes / 2 {
            guard let piece = malloc(count) else {
                fatalError("out of memory: no piece of \(count) bytes")
            }
            large.append(piece)
            hasMore = true
            largeBytes += count
            return piece
        }
        let block = pool.take()
        if first == nil {
            first = block
        } else {
            blocks.append(block)
            hasMore = true
        }
        cursor = block + count
        limit = block + BlockPool.blockBytes
        return block
    }
}
