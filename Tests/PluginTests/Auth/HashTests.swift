// The two hash functions against their published vectors.

import PluginKit
import Testing

@testable import AuthCore

@Suite struct HashTests {
    /// FIPS 180-4 examples (NIST), and lengths around the edge of a block.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
    ])
    func sha256(text: String, expected: String) {
        #expect(text.withBytes { SHA256.digest(of: $0) }.hexadecimal == expected)
    }

    @Test func sha256OfAMillionTimesA() {
        let text = String(repeating: "a", count: 1_000_000)
        #expect(
            text.withBytes { SHA256.digest(of: $0) }.hexadecimal
                == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    /// RFC 4231 sections 4.2, 4.3 and 4.4.
    @Test(arguments: [
        (
            [UInt8](repeating: 0x0b, count: 20), Array("Hi There".utf8),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xaa, count: 20), [UInt8](repeating: 0xdd, count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        ),
    ])
    func hmac(key: [UInt8], data: [UInt8], expected: String) {
        let tag = key.withUnsafeBufferPointer { key in
            data.withUnsafeBufferPointer { HMACSHA256(key: Bytes(key)).tag(of: Bytes($0)) }
        }
        #expect(tag.hexadecimal == expected)
    }

    @Test func aDigestReadsItsOwnHexadecimal() {
        let digest = SHA256.digest(of: "abc")
        #expect(Digest(hexadecimal: digest.hexadecimal)?.equals(digest) == true)
        #expect(Digest(hexadecimal: String(digest.hexadecimal.dropLast())) == nil)
        #expect(Digest(hexadecimal: "g" + digest.hexadecimal.dropLast()) == nil)
    }
}

extension HashTests {
    /// The authors' vectors for 128 bits: key 00..0f, input 00, 01, ... of the given length
    /// (github.com/veorq/SipHash, vectors.h; checked with `openssl mac -macopt size:16 SIPHASH`).
    @Test(arguments: [
        (0, "a3817f04ba25a8e66df67214c7550293"), (1, "da87c1d86b99af44347659119b22fc45"),
        (2, "8177228da4a45dc7fca38bdef60affe4"), (7, "a1f1ebbed8dbc153c0b84aa61ff08239"),
        (8, "3b62a9ba6258f5610f83e264f31497b4"), (15, "5493e99933b0a8117e08ec0f97cfc3d9"),
        (63, "5150d1772f50834a503e069a973fbd7c"),
    ])
    func sipHash(length: Int, expected: String) {
        let hash = SipHash(key0: 0x0706_0504_0302_0100, key1: 0x0f0e_0d0c_0b0a_0908)
        let input = (0..<length).map { UInt8($0) }
        let tag = input.withUnsafeBufferPointer { hash.tag(of: Bytes($0)) }
        let text = [tag.low, tag.high].map { word in
            let digits = String(word.byteSwapped, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        #expect(text.joined() == expected)
    }
}
