// Hashes of known messages, and random bytes.

import Testing

@testable import GatewayHost

@Suite struct SHA256Tests {
    /// FIPS 180-4's examples and the empty message.
    @Test func knownMessages() {
        #expect(
            SHA256.digest(Bytes("")).description == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(
            SHA256.digest(Bytes("abc")).description
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func aHasherStartsAfreshAndTakesPieces() {
        var hasher = SHA256()
        hasher.update(Bytes("something else"))
        _ = hasher.finish()
        hasher.update(Bytes("a"))
        hasher.update(Bytes("bc"))
        let digest = hasher.finish()
        #expect(digest == SHA256.digest(Bytes("abc")))
        #expect(digest.matches(SHA256.digest(Bytes("abc"))))
        #expect(!digest.matches(SHA256.digest(Bytes("abd"))))
    }

    @Test func randomBytesDiffer() {
        let text = RandomBytes.hexadecimal(32)
        #expect(text.utf8.count == 64)
        #expect(text != RandomBytes.hexadecimal(32))
    }
}
