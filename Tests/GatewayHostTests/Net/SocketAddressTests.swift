// Addresses: text in, text out, and the form of the kernel.

import CLinux
import Testing

@testable import GatewayHost

@Suite struct SocketAddressTests {
    @Test(arguments: [
        ("127.0.0.1:3000", "127.0.0.1:3000"), ("0.0.0.0:0", "0.0.0.0:0"), ("*:80", "0.0.0.0:80"),
        ("localhost:65535", "127.0.0.1:65535"), ("[::1]:3000", "[::1]:3000"), ("[::]:1", "[::]:1"),
        ("[2001:DB8::00:1]:443", "[2001:db8::1]:443"), ("255.10.100.9:1", "255.10.100.9:1"),
        ("unix:/run/gateway.sock", "unix:/run/gateway.sock"),
    ])
    func textsAreRead(_ text: String, _ canonical: String) throws {
        #expect(try SocketAddress.parse(text).description == canonical)
    }

    @Test(arguments: [
        "", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:+1", "::1:3000", "[::1]",
        "[127.0.0.1]:1", "example.com:80", "256.0.0.1:80", "unix:", "unix:/" + String(repeating: "x", count: 120),
    ])
    func othersAreRefusedWithTheText(_ text: String) {
        let error = #expect(throws: AddressError.self) { _ = try SocketAddress.parse(text) }
        #expect(error?.description.contains("\"\(text)\"") == true)
    }

    @Test(arguments: ["192.0.2.7:80", "[2001:db8::7]:80", "unix:/tmp/x"])
    func theKernelsFormIsReadBack(_ text: String) throws {
        let address = try SocketAddress.parse(text)
        let read = address.withSystemAddress { SocketAddress($0, length: Int($1)) }
        #expect(read == address)
    }

    @Test func anIPv4AddressInIPv6ClothesIsIPv4() throws {
        let address = try SocketAddress.parse("[::ffff:192.0.2.7]:80")
        let read = address.withSystemAddress { SocketAddress($0, length: Int($1)) }
        #expect(read?.description == "192.0.2.7:80")
    }

    @Test func loopbackIsKnown() throws {
        #expect(try SocketAddress.parse("127.9.9.9:1").isLoopback)
        #expect(try SocketAddress.parse("[::1]:1").isLoopback)
        #expect(try !SocketAddress.parse("10.0.0.1:1").isLoopback)
    }

    @Test func aSmallBufferIsRespected() throws {
        var bytes = [UInt8](repeating: 0, count: 4)
        for text in ["192.0.2.7:80", "[2001:db8::7]:80"] {
            #expect(try bytes.withUnsafeMutableBufferPointer { try SocketAddress.parse(text).writeHost(into: $0) } == 0)
        }
    }
}
