// A plain stream: parts, ends, half-closes, resets, and no signal.

import CLinux
import Testing

@testable import GatewayHost

@Suite struct ByteStreamTests {
    private func makePair() -> (ByteStream, ByteStream) {
        let (a, b) = makeSocketPair()
        return (ByteStream(Descriptor(a)), ByteStream(Descriptor(b)))
    }

    @Test func anEmptySocketWouldBlock() {
        let (a, b) = makePair()
        #expect(a.readAll().ended.isWouldBlock)
        #expect(a.readInterest == .read)
        b.close()
    }

    @Test func twoPiecesArriveAsOne() {
        let (a, b) = makePair()
        #expect(a.write([1, 2], [3, 4, 5]).count == 5)
        #expect(a.write([], [6]).count == 1)
        #expect(b.readAll().bytes == [1, 2, 3, 4, 5, 6])
    }

    /// Small pieces are joined before they are sent and larger ones are not; nobody can tell.
    @Test(arguments: [0, 1, 8191, 8192, 8193, 20_000], [1, 8191, 8192, 8193, 20_000])
    func twoPiecesOfAnySizeArriveInOrder(first: Int, second: Int) {
        let (a, b) = makePair()
        let bytes = pattern(first + second)
        #expect(a.write(Array(bytes[..<first]), Array(bytes[first...])).count == bytes.count)
        let same = b.readAll().bytes == bytes
        #expect(same)
    }

    @Test func askingToWaitWithAcknowledgementsNeedsNoTCP() {
        let (a, b) = makePair()
        a.delayAcknowledgements()
        #expect(a.write([9]).count == 1)
        #expect(b.readAll().bytes == [9])
    }

    @Test func aFullSocketTakesAPartAndThenNothing() {
        let (a, b) = makePair()
        let bytes = pattern(800_000)
        var sent = 0
        var received: [UInt8] = []
        var blocked = 0
        while received.count < bytes.count {
            while sent < bytes.count {
                let result = bytes[sent...].withUnsafeBytes { a.write($0) }
                guard let count = result.count else {
                    #expect(result.isWouldBlock)
                    #expect(a.writeInterest == .write)
                    blocked += 1
                    break
                }
                sent += count
            }
            received += b.readAll(chunk: 30_000).bytes
        }
        let same = received == bytes
        #expect(same)
        #expect(blocked > 0)
    }

    @Test func aHalfClosedStreamStillReads() {
        let (a, b) = makePair()
        #expect(a.write([7]).count == 1)
        a.shutdownWrite()
        let (bytes, ended) = b.readAll()
        #expect(bytes == [7])
        #expect(ended.isEnd)
        #expect(b.write([8]).count == 1)
        #expect(a.readAll().bytes == [8])
    }

    @Test func writingToAClosedEndFailsWithoutASignal() {
        let (a, b) = makePair()
        b.close()
        let failure = a.write([1]).failure
        #expect(failure?.errno == EPIPE)
        #expect(failure?.isDisconnect == true)
        #expect(failure?.description == "Broken pipe (EPIPE)")
        #expect(a.write([1], [2]).failure?.errno == EPIPE)
    }

    @Test func abortIsSeenAsAReset() throws {
        let loop = try EventLoop(index: 0)
        let handler = TestAcceptor()
        let listener = try Listener(loop: loop, address: .loopback(port: 0), handler: handler)
        let client = ByteStream(try connectTo(listener.address))
        var server: ByteStream?
        handler.onAccept = { descriptor, _ in
            server = ByteStream(Descriptor(descriptor))
            loop.stop()
        }
        loop.run()
        #expect(server?.write([1, 2, 3]).count == 3)
        server?.abort()
        #expect(server?.descriptor == -1)
        let (_, ended) = client.readAll()
        #expect(ended.failure?.errno == ECONNRESET)
        listener.close()
    }

    @Test func closingTwiceIsHarmlessAndUseAfterItFails() {
        let (a, b) = makePair()
        a.close()
        a.close()
        #expect(a.descriptor == -1)
        #expect(a.write([1]).failure?.errno == EBADF)
        #expect(b.readAll().ended.isEnd)
    }

    @Test func aPlainStreamHasNoHandshake() {
        let (a, _) = makePair()
        guard case .done = a.handshake() else {
            Issue.record("expected done")
            return
        }
        #expect(!a.isTLS)
    }
}
