// Whom the gateway takes for the client behind proxies, and who may see the admin mounts.

import Testing

@testable import GatewayHost

@Suite struct ForwardedForTests {
    private let trusted = [AddressRange("10.0.0.0/8")!, AddressRange("127.0.0.1")!]

    private func client(_ peer: String, _ header: String?) -> String? {
        var header = header ?? ""
        return header.withUTF8 { utf8 in
            ForwardedFor.client(peer: IPAddress(peer)!, header: Bytes(UnsafeRawBufferPointer(utf8)), trusted: trusted)?
                .string
        }
    }

    @Test func aStrangersHeaderIsNotBelieved() { #expect(client("192.0.2.1", "203.0.113.9") == nil) }
    @Test func aTrustedProxyIsBelieved() { #expect(client("10.0.0.1", "203.0.113.9") == "203.0.113.9") }
    @Test func theLastUntrustedAddressCounts() {
        #expect(client("10.0.0.1", "198.51.100.7, 203.0.113.9 , 10.2.3.4") == "203.0.113.9")
    }
    @Test func whatTheClientInventedBeforeItIsIgnored() {
        #expect(client("10.0.0.1", "127.0.0.1, 203.0.113.9") == "203.0.113.9")
    }
    @Test func nonsenseStopsTheReading() { #expect(client("10.0.0.1", "203.0.113.9, unknown, 10.2.3.4") == "10.2.3.4") }
    @Test func noHeaderMeansThePeer() { #expect(client("10.0.0.1", nil) == nil) }

    @Test func adminMountsAnswerLoopbackOnlyByDefault() {
        let access = AdminAccess()
        #expect(access.refusal(of: IPAddress("127.0.0.1"), authorization: .absent) == nil)
        #expect(access.refusal(of: IPAddress("::1"), authorization: .absent) == nil)
        #expect(access.refusal(of: IPAddress("192.0.2.1"), authorization: .absent)?.status == 403)
        #expect(access.refusal(of: nil, authorization: .absent)?.status == 403)
    }

    @Test func aTokenIsComparedWhole() {
        let access = AdminAccess(token: Secret("correct horse"))
        let peer = IPAddress("127.0.0.1")
        #expect(access.refusal(of: peer, authorization: Bytes("Bearer correct horse")) == nil)
        #expect(access.refusal(of: peer, authorization: Bytes("bearer correct horse")) == nil)
        for wrong: StaticString in ["Bearer correct hors", "Bearer correct horsf", "Basic correct horse", "Bearer "] {
            #expect(access.refusal(of: peer, authorization: Bytes(wrong))?.status == 401)
        }
    }

    @Test func acceptEncodingIsNarrowedToWhatCanBeRead() {
        let cases: [(StaticString, StaticString)] = [
            ("gzip, deflate, br, zstd", "gzip, deflate"), ("br", "identity"), ("GZIP;q=0.5", "gzip"),
            ("gzip;q=0, deflate", "deflate"), ("*", "identity"), ("identity", "identity"), ("", "identity"),
        ]
        for (offered, expected) in cases {
            #expect(RequestHead.acceptEncoding(Bytes(offered)).string == Bytes(expected).string)
        }
    }
}
