// Two ends of a connection in one test, and the small talk between them.

import CLinux
import Testing

@testable import GatewayHost

/// Two connected, non-blocking descriptors.
func makeSocketPair() -> (Int32, Int32) {
    var ends: [Int32] = [0, 0]
    precondition(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
    for end in ends { precondition(gwl_set_nonblocking(end) == 0) }
    return (ends[0], ends[1])
}

/// Bytes in which a lost, doubled or moved part shows: the period is no power of two.
func pattern(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
        var word: UInt32 = 1
        for index in 0..<count {
            word = word &* 1_664_525 &+ 1_013_904_223
            buffer[index] = UInt8(truncatingIfNeeded: word >> 24)
        }
        initialized = count
    }
}

extension ByteStream {
    func write(_ bytes: [UInt8]) -> IOResult { bytes.withUnsafeBytes { write($0) } }

    func write(_ first: [UInt8], _ second: [UInt8]) -> IOResult {
        first.withUnsafeBytes { first in second.withUnsafeBytes { write(first, $0) } }
    }

    /// Everything that can be read now, and what ended it.
    func readAll(chunk: Int = 4096) -> (bytes: [UInt8], ended: IOResult) {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: chunk)
        while true {
            let result = buffer.withUnsafeMutableBytes { read(into: $0) }
            guard case .bytes(let count) = result else { return (all, result) }
            all += buffer[..<count]
        }
    }
}

extension IOResult {
    var isWouldBlock: Bool { if case .wouldBlock = self { true } else { false } }
    var isEnd: Bool { if case .end = self { true } else { false } }
    var failure: IOFailure? { if case .failed(let failure) = self { failure } else { nil } }
    var count: Int? { if case .bytes(let count) = self { count } else { nil } }
}

/// Runs both handshakes until each has ended; one that fails closes its side. nil means done.
func shakeHands(_ a: ByteStream, _ b: ByteStream) -> (TLSError?, TLSError?) {
    func step(_ stream: ByteStream, _ error: inout TLSError?) -> Bool {
        if error != nil { return true }
        switch stream.handshake() {
        case .done: return true
        case .wouldBlock: return false
        case .failed(let failure):
            error = failure
            stream.shutdownWrite()
            return true
        }
    }
    var errors: (TLSError?, TLSError?) = (nil, nil)
    // A handshake is a handful of flights; more rounds mean that neither side gets on.
    for _ in 0..<20 {
        let first = step(a, &errors.0)
        let second = step(b, &errors.1)
        if first && second { return errors }
    }
    Issue.record("the handshake does not end")
    return errors
}
