// Text put together in memory of the caller, for the paths where a String would be an allocation:
// the headers of a limit, the key of a bucket.
//
// What does not fit is left out whole and `overflowed` says so; nothing is ever cut in the middle
// of a piece. Kind: value over memory whose owner outlives it.

public struct ByteWriter {
    private let memory: UnsafeMutableBufferPointer<UInt8>
    public private(set) var count = 0
    public private(set) var overflowed = false

    public init(_ memory: UnsafeMutableBufferPointer<UInt8>) { self.memory = memory }

    /// What was written so far. Lives as long as the memory does.
    public var bytes: Bytes { Bytes(base: UnsafePointer(memory.baseAddress), count: count) }

    public mutating func append(_ piece: Bytes) {
        guard let source = piece.base, piece.count > 0 else { return }
        guard piece.count <= memory.count - count, let target = memory.baseAddress else {
            overflowed = true
            return
        }
        (target + count).update(from: source, count: piece.count)
        count += piece.count
    }

    public mutating func append(byte: UInt8) {
        guard count < memory.count else {
            overflowed = true
            return
        }
        memory[count] = byte
        count += 1
    }

    public mutating func append(decimal value: Int) {
        var rest = value.magnitude
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)  // 24 bytes hold any 64-bit number
        withUnsafeMutableBytes(of: &digits) { digits in
            var start = digits.count
            repeat {
                start -= 1
                digits[start] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            if value < 0 {
                start -= 1
                digits[start] = 0x2d
            }
            let piece = UnsafeRawBufferPointer(rebasing: digits[start...])
            append(Bytes(piece.assumingMemoryBound(to: UInt8.self)))
        }
    }

    /// `length` bytes that `fill` writes, all of them.
    @inline(__always)
    public mutating func append(length: Int, _ fill: (UnsafeMutablePointer<UInt8>) -> Void) {
        guard length <= memory.count - count, let target = memory.baseAddress else {
            overflowed = true
            return
        }
        fill(target + count)
        count += length
    }
}

/// Runs `body` with a writer over `capacity` bytes of the stack.
@inlinable
public func withByteWriter<Result>(
    capacity: Int, _ body: (inout ByteWriter) -> Result
) -> Result {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: capacity) { memory in
        var writer = ByteWriter(memory)
        return body(&writer)
    }
}
