// TLS between two ends of a socket pair: who is accepted, who is refused and in which words, how a
// stream ends, and that bytes survive any sequence of partial writes.

import CLinux
import Testing

@testable import GatewayHost

@Suite struct TLSTests {
    private let certificates = TestCertificates()

    private func makePair(
        _ leaf: TestCertificates.Leaf = TestCertificates.Leaf(), selfSigned: Bool = false,
        host: String = "gateway.test",
        sessions: TLSSessionSlot? = nil
    ) throws -> (client: ByteStream, server: ByteStream) {
        let files = certificates.issue(leaf, selfSigned: selfSigned)
        return try makePair(
            TLSServerContext(certificateFile: files.certificateFile, keyFile: files.keyFile),
            TLSClientContext(caFile: certificates.authorityFile), host: host, sessions: sessions)
    }

    private func makePair(
        _ server: TLSServerContext, _ client: TLSClientContext, host: String = "gateway.test",
        sessions: TLSSessionSlot? = nil
    ) throws -> (client: ByteStream, server: ByteStream) {
        let (a, b) = makeSocketPair()
        return (
            try ByteStream(Descriptor(a), client: client, host: host, sessions: sessions),
            try ByteStream(Descriptor(b), server: server)
        )
    }

    @Test(arguments: ["gateway.test", "127.0.0.1"])
    func bothSidesTalk(_ host: String) throws {
        let (client, server) = try makePair(host: host)
        #expect(shakeHands(client, server) == (nil, nil))
        #expect(client.write([1, 2], [3]).count == 3)
        #expect(server.readAll().bytes == [1, 2, 3])
        #expect(server.write([4]).count == 1)
        #expect(client.readAll().bytes == [4])
        #expect(client.isTLS && !client.isResumed)
    }

    @Test func aSessionIsResumed() throws {
        let files = certificates.issue()
        let serverContext = try TLSServerContext(certificateFile: files.certificateFile, keyFile: files.keyFile)
        let clientContext = try TLSClientContext(caFile: certificates.authorityFile)
        let slot = TLSSessionSlot()
        for round in 0..<3 {
            let (client, server) = try makePair(serverContext, clientContext, sessions: slot)
            #expect(shakeHands(client, server) == (nil, nil))
            #expect(client.isResumed == (round > 0))
            #expect(server.isResumed == (round > 0))
            // The ticket comes with the first bytes read.
            #expect(server.write([1]).count == 1)
            #expect(client.readAll().bytes == [1])
            #expect(slot.session != nil)
            client.close()
            server.close()
        }
    }

    @Test func aReplacedCertificateKeepsSessionsGood() throws {
        let files = certificates.issue()
        let clientContext = try TLSClientContext(caFile: certificates.authorityFile)
        let first = try TLSServerContext(certificateFile: files.certificateFile, keyFile: files.keyFile)
        let slot = TLSSessionSlot()
        var (client, server) = try makePair(first, clientContext, sessions: slot)
        #expect(shakeHands(client, server) == (nil, nil))
        #expect(server.write([1]).count == 1)
        _ = client.readAll()
        let next = certificates.issue()
        let second = try TLSServerContext(
            certificateFile: next.certificateFile, keyFile: next.keyFile, replacing: first)
        (client, server) = try makePair(second, clientContext, sessions: slot)
        #expect(shakeHands(client, server) == (nil, nil))
        #expect(client.isResumed)
    }

    @Test func anUnknownAuthorityIsRefusedByName() throws {
        let (client, server) = try makePair(selfSigned: true)
        let (error, other) = shakeHands(client, server)
        #expect(error?.kind == .certificate)
        #expect(
            error?.description.hasPrefix("TLS with gateway.test: certificate refused: self-signed certificate") == true)
        #expect(error?.description.contains("issued by /CN=leaf") == true)
        #expect(other?.description.hasPrefix("TLS with the client: ") == true)
    }

    @Test func anExpiredCertificateIsRefusedWithItsDate() throws {
        let (client, server) = try makePair(TestCertificates.Leaf(from: -7000, until: -60))
        let error = shakeHands(client, server).0
        #expect(error?.kind == .certificate)
        #expect(error?.description.contains("certificate has expired (it was valid until ") == true)
        #expect(error?.description.hasSuffix(" GMT)") == true)
    }

    @Test(arguments: ["other.test", "127.0.0.2"])
    func anotherNamesCertificateIsRefused(_ host: String) throws {
        let (client, server) = try makePair(host: host)
        let error = shakeHands(client, server).0
        #expect(error?.kind == .certificate)
        #expect(error?.description.hasPrefix("TLS with \(host): certificate refused: ") == true)
        #expect(error?.description.contains("mismatch (it was issued to /CN=leaf") == true)
    }

    @Test func withoutVerificationAnythingIsAccepted() throws {
        let files = certificates.issue(selfSigned: true)
        let (client, server) = try makePair(
            TLSServerContext(certificateFile: files.certificateFile, keyFile: files.keyFile),
            TLSClientContext(verifies: false), host: "whoever.test")
        #expect(shakeHands(client, server) == (nil, nil))
    }

    @Test func aPlainServerIsRecognised() throws {
        let (a, b) = makeSocketPair()
        let client = try ByteStream(Descriptor(a), client: TLSClientContext(verifies: false), host: "plain.test")
        let server = ByteStream(Descriptor(b))
        _ = client.handshake()
        #expect(server.write(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)).count == 28)
        guard case .failed(let error) = client.handshake() else {
            Issue.record("expected a failure")
            return
        }
        #expect(error.kind == .handshake)
        #expect(
            error.description
                == "TLS with plain.test: wrong version number (the other side does not speak TLS on this port)")
    }

    @Test func aCloseDuringTheHandshakeIsADisconnect() throws {
        let (a, b) = makeSocketPair()
        let client = try ByteStream(Descriptor(a), client: TLSClientContext(verifies: false), host: "gone.test")
        let server = ByteStream(Descriptor(b))
        _ = client.handshake()
        _ = server.readAll()
        server.close()
        // Another test may be starting a process just now, which holds the descriptor until its exec.
        var end = pollfd(fd: a, events: Int16(POLLIN), revents: 0)
        #expect(poll(&end, 1, 30_000) == 1)
        guard case .failed(let error) = client.handshake() else {
            Issue.record("expected a failure")
            return
        }
        #expect(error.kind == .disconnected)
        #expect(error.description == "TLS with gone.test: the connection was closed during the handshake")
    }

    @Test func aProperEndIsAnEndAndACutIsACut() throws {
        var (client, server) = try makePair()
        #expect(shakeHands(client, server) == (nil, nil))
        #expect(server.write([9]).count == 1)
        server.shutdownWrite()
        var (bytes, ended) = client.readAll()
        #expect(bytes == [9])
        #expect(ended.isEnd)
        #expect(client.write([8]).count == 1, "the other direction stays open")
        #expect(server.readAll().bytes == [8])

        (client, server) = try makePair()
        #expect(shakeHands(client, server) == (nil, nil))
        #expect(server.write([9]).count == 1)
        server.close()
        (bytes, ended) = client.readAll()
        #expect(bytes == [9])
        #expect(ended.failure == .truncated)
        #expect(ended.failure?.isDisconnect == true)
    }

    @Test func anEndThatFindsTheSocketFullIsSaidLater() throws {
        let block = [UInt8](repeating: 5, count: 10_000)
        var (client, server) = try makePair()
        #expect(shakeHands(client, server) == (nil, nil))
        var fitting = 0
        while server.write(block).count != nil { fitting += 1 }
        // A second pair takes as many, and is then full without holding a record back.
        (client, server) = try makePair()
        #expect(shakeHands(client, server) == (nil, nil))
        for _ in 0..<fitting { #expect(server.write(block).count == block.count) }
        #expect(!server.shutdownWrite())
        #expect(server.writeInterest == .write)
        let (bytes, blocked) = client.readAll()
        #expect(bytes.count == fitting * block.count)
        #expect(blocked.isWouldBlock)
        #expect(server.shutdownWrite())
        #expect(client.readAll().ended.isEnd)
    }

    @Test func anEndInTheMiddleOfARecordIsSeenAsACut() throws {
        let (client, server) = try makePair()
        #expect(shakeHands(client, server) == (nil, nil))
        let block = [UInt8](repeating: 5, count: 10_000)
        while server.write(block).count != nil {}
        server.shutdownWrite()
        server.close()
        #expect(client.readAll().ended.failure == .truncated)
    }

    @Test func writingToAClosedEndFailsWithoutASignal() throws {
        let (client, server) = try makePair()
        #expect(shakeHands(client, server) == (nil, nil))
        client.close()
        #expect(server.write([1]).failure?.errno == EPIPE)
    }

    @Test func bufferedInputIsKnown() throws {
        let (client, server) = try makePair()
        #expect(shakeHands(client, server) == (nil, nil))
        _ = client.readAll()
        #expect(!client.hasBufferedInput)
        #expect(server.write([1, 2]).count == 2)
        #expect(server.write([3]).count == 1)
        var byte = [UInt8](repeating: 0, count: 1)
        var read: [UInt8] = []
        repeat {
            #expect(byte.withUnsafeMutableBytes { client.read(into: $0) }.count == 1)
            read += byte
        } while client.hasBufferedInput
        #expect(read == [1, 2, 3])
    }

    /// Whatever is offered after a write that blocked, the same bytes arrive in the same order.
    @Test(arguments: 1...6)
    func anySequenceOfPartialWritesArrives(seed: Int) throws {
        var random = SplitMix(state: UInt64(seed))
        let (client, server) = try makePair()
        #expect(shakeHands(client, server) == (nil, nil))
        let bytes = pattern(600_000)
        var sent = 0
        var received: [UInt8] = []
        var blocked = 0
        while received.count < bytes.count {
            while sent < bytes.count {
                let longest = Int.random(in: 0...3, using: &random) == 0 ? 60_000 : 900
                let first = min(Int.random(in: 1...longest, using: &random), bytes.count - sent)
                let second = min(Int.random(in: 0...longest, using: &random), bytes.count - sent - first)
                let result = bytes.withUnsafeBytes {
                    server.write(
                        UnsafeRawBufferPointer(rebasing: $0[sent..<sent + first]),
                        UnsafeRawBufferPointer(rebasing: $0[sent + first..<sent + first + second]))
                }
                guard let count = result.count else {
                    #expect(result.isWouldBlock, "\(result)")
                    blocked += 1
                    break
                }
                #expect(count > 0 && count <= first + second)
                sent += count
            }
            let (some, ended) = client.readAll(chunk: Int.random(in: 1...40_000, using: &random))
            #expect(ended.isWouldBlock)
            received += some
        }
        let same = received == bytes  // compared outside, or a failure prints all of it
        #expect(same, "seed \(seed)")
        #expect(blocked > 0)
    }

    @Test func filesThatCannotBeUsedAreNamed() throws {
        let files = certificates.issue()
        let others = certificates.issue()
        let missing = #expect(throws: TLSError.self) {
            _ = try TLSServerContext(certificateFile: "/nowhere/cert.pem", keyFile: files.keyFile)
        }
        #expect(missing?.description == "TLS certificate file /nowhere/cert.pem: No such file or directory (ENOENT)")
        let misfit = #expect(throws: TLSError.self) {
            _ = try TLSServerContext(certificateFile: files.certificateFile, keyFile: others.keyFile)
        }
        #expect(misfit?.description.contains(others.keyFile) == true)
        #expect(misfit?.description.contains("key values mismatch") == true)
        let authorities = #expect(throws: TLSError.self) { _ = try TLSClientContext(caFile: "/nowhere/ca.pem") }
        #expect(authorities?.description == "TLS authorities file /nowhere/ca.pem: No such file or directory (ENOENT)")
        #expect(authorities?.kind == .configuration)
    }
}

/// A small seeded generator, so that a failing case can be run again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
