// What the fuzzers share: pieces of the input, and a way to fail.
//
// Each fuzzer is one file with one function, entered in Fuzzers.swift under its name. A fuzzer checks more than that nothing traps: the
// answer must be the same however the input is cut, and two implementations of one question must agree.

import GatewayHost

@testable import struct GatewayHost.Bytes

/// Ends the run with a message; libFuzzer keeps the input.
@inline(__always)
func require(_ condition: Bool, _ message: @autoclosure () -> String, line: UInt = #line) {
    if !condition { fatalError(message(), line: line) }
}

/// An input and the places where it is cut, which follow from its bytes, so that a find repeats.
struct FuzzInput {
    let bytes: Bytes
    private var random: UInt64

    init(_ data: UnsafePointer<UInt8>?, _ count: Int) {
        bytes = Bytes(base: data, count: count)
        random = bytes.hash | 1
    }

    var buffer: UnsafeBufferPointer<UInt8> { bytes.buffer }
    var count: Int { bytes.count }

    /// A place in the input, its end included.
    mutating func cut() -> Int { cut(of: count) }

    /// A number in 0...most.
    private mutating func cut(of most: Int) -> Int {
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        return Int((random >> 16) % UInt64(most + 1))
    }

    /// Copies of the parts between `cuts`, each in memory of exactly its size, so that AddressSanitizer
    /// sees what is read beyond them.
    func pieces(_ cuts: [Int]) -> [Piece] {
        let places = [0] + cuts.sorted() + [count]
        return zip(places, places.dropFirst()).map { Piece(bytes.slice($0, $1)) }
    }

    /// Whether to try this input byte by byte too: mostly when it is short, now and then when it is not.
    var isTriedByteByByte: Bool { bytes.hash & (count <= 48 ? 3 : 31) == 0 && count <= 512 }

    /// One of several, chosen by the input: the input is one of millions, and the next falls otherwise.
    mutating func choose(_ count: Int) -> Int { cut(of: count - 1) }

    /// The input in two pieces, in four, or byte by byte.
    mutating func cutting() -> [Piece] {
        if isTriedByteByByte { return (0..<count).map { Piece(bytes.slice($0, $0 + 1)) } }
        return choose(2) == 0 ? pieces([cut()]) : pieces([cut(), cut(), cut()])
    }
}

/// Bytes in memory of their own.
final class Piece {
    let bytes: Bytes
    private let memory: UnsafeMutableBufferPointer<UInt8>

    init(_ source: Bytes) {
        memory = .allocate(capacity: source.count)
        _ = memory.initialize(from: source.buffer)
        bytes = Bytes(UnsafeRawBufferPointer(memory))
    }

    deinit { memory.deallocate() }
}
