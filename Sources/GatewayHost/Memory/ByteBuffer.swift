// A queue of bytes in one contiguous piece: bytes are written at the end and taken from the start.
//
// It owns nothing while it is empty and released, one pooled block while little is in it, and a
// larger allocation of its own when more must be held at once. Contiguity is the point: a parser
// sees a whole head, a hook a whole body.
//
// Invariants: 1. start <= end <= capacity. 2. capacity is 0, one block, or a private allocation.
// Kind: loop-confined value (not copyable, so a block has one owner).

import CLinux

struct ByteBuffer: ~Copyable {
    private var base: UnsafeMutablePointer<UInt8>?
    private var capacity = 0
    private var start = 0
    private var end = 0
    private let pool: BlockPool

    init(pool: BlockPool) { self.pool = pool }

    deinit {
        guard let base else { return }
        if capacity == BlockPool.blockBytes { pool.give(base) } else { free(base) }
    }

    @inline(__always) var count: Int { end - start }
    @inline(__always) var isEmpty: Bool { end == start }
    /// Memory held now, in bytes.
    var heldBytes: Int { capacity }

    /// What is in the buffer. Valid until the next mutation.
    @inline(__always)
    var readable: Bytes { Bytes(base: base.map { UnsafePointer($0) + start }, count: end - start) }

    /// Room to write at the end, at least `minimum` bytes; `wrote(_:)` makes it readable.
    @inline(__always)
    mutating func room(atLeast minimum: Int = 1) -> UnsafeMutableRawBufferPointer {
        if capacity - end < minimum { makeRoom(minimum) }
        return UnsafeMutableRawBufferPointer(start: base.unsafelyUnwrapped + end, count: capacity - end)
    }

    @inline(__always)
    mutating func wrote(_ count: Int) {
        assert(count >= 0 && end + count <= capacity)
        end += count
    }

    @inline(__always)
    mutating func append(_ bytes: Bytes) {
        guard bytes.count > 0 else { return }
        if capacity - end < bytes.count { makeRoom(bytes.count) }
        memcpy(base.unsafelyUnwrapped + end, bytes.base.unsafelyUnwrapped, bytes.count)
        end += bytes.count
    }

    @inline(__always)
    mutating func append(_ literal: StaticString) { append(Bytes(literal)) }

    @inline(__always)
    mutating func append(byte: UInt8) {
        if capacity == end { makeRoom(1) }
        base.unsafelyUnwrapped[end] = byte
        end += 1
    }

    /// Appends a number in decimal.
    mutating func append(decimal number: Int) {
        precondition(number >= 0)
        if capacity - end < 20 { makeRoom(20) }
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        withUnsafeMutableBytes(of: &digits) { scratch in
            var position = 24
            var rest = number
            repeat {
                position -= 1
                scratch[position] = UInt8(0x30 + rest % 10)
                rest /= 10
            } while rest > 0
            append(Bytes(UnsafeRawBufferPointer(rebasing: scratch[position...])))
        }
    }

    /// Takes `count` bytes from the start away.
    @inline(__always)
    mutating func consume(_ count: Int) {
        assert(count >= 0 && count <= self.count)
        start += count
        if start == end {
            start = 0
            end = 0
        }
    }

    /// Gives the memory back if nothing is in it.
    @inline(__always)
    mutating func releaseIfEmpty() {
        if start == end { release() }
    }

    /// Forgets the content and gives the memory back.
    mutating func release() {
        guard let base else { return }
        if capacity == BlockPool.blockBytes { pool.give(base) } else { free(base) }
        self.base = nil
        capacity = 0
        start = 0
        end = 0
    }

    /// Forgets the content and keeps the memory.
    mutating func clear() {
        start = 0
        end = 0
    }

    private mutating func makeRoom(_ minimum: Int) {
        let count = self.count
        if let base, start > 0, capacity - count >= minimum {
            memmove(base, base + start, count)
            start = 0
            end = count
            return
        }
        let wanted = count + minimum
        if wanted <= BlockPool.blockBytes {
            // Only reached with no memory: a block that exists has room after compaction.
            base = pool.take().assumingMemoryBound(to: UInt8.self)
            capacity = BlockPool.blockBytes
            return
        }
        var size = max(capacity, BlockPool.blockBytes) * 2
        while size < wanted { size *= 2 }
        let larger = allocate(size)
        if let base {
            memcpy(larger, base + start, count)
            if capacity == BlockPool.blockBytes { pool.give(base) } else { free(base) }
        }
        base = larger
        capacity = size
        start = 0
        end = count
    }

    private func allocate(_ size: Int) -> UnsafeMutablePointer<UInt8> {
        guard let memory = malloc(size) else {
            fatalError("out of memory: no buffer of \(size) bytes")
        }
        return memory.assumingMemoryBound(to: UInt8.self)
    }
}
