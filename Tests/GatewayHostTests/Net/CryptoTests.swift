// Sealing, derived keys and passwords against published vectors.

import Testing

@testable import GatewayHost

@Suite struct CryptoTests {
    private func bytes(_ hexadecimal: String) -> [UInt8] { Hexadecimal.bytes(Array(hexadecimal.utf8))! }
    private func secret(_ bytes: [UInt8]) -> SecretBytes { bytes.withUnsafeBytes { SecretBytes(copying: $0) } }

    /// RFC 4231, case 2.
    @Test func hmacOfAKnownMessage() {
        var result = [UInt8](repeating: 0, count: 32)
        HMAC.sha256(key: Bytes("Jefe"), Bytes("what do ya want for nothing?"), into: &result)
        #expect(result == bytes("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"))
    }

    /// RFC 5869, case 1, of whose 42 bytes we make 32.
    @Test func hkdfOfAKnownSecret() {
        let (input, salt, info) = (
            [UInt8](repeating: 0x0b, count: 22), bytes("000102030405060708090a0b0c"), bytes("f0f1f2f3f4f5f6f7f8f9")
        )
        let key = input.withUnsafeBytes { input in
            salt.withUnsafeBytes { salt in
                info.withUnsafeBytes { HKDF.derive(Bytes(input), salt: Bytes(salt), purpose: Bytes($0)) }
            }
        }
        #expect(
            key.withBytes { [UInt8]($0.buffer) } == bytes("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"))
        #expect("\(key)" == "[redacted]" && String(reflecting: key).contains("redacted"))
    }

    /// The GCM specification's test case 16 (256 bit key, with associated data), opened as we lay it out.
    @Test func gcmOpensAKnownText() {
        let key = secret(bytes("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"))
        let plain = bytes(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39")
        let sealed = bytes(
            "cafebabefacedbaddecaf888"
                + "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
                + "76fc6ece0f4e1768cddf8853bb2d551b")
        let place = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2")
        #expect(AESGCM.open(sealed, key: key, place: place) == plain)
        #expect(AESGCM.open(sealed, key: key, place: place + [0]) == nil)
    }

    @Test func everyBitOfASealedTextCounts() {
        let key = secret([UInt8](repeating: 7, count: 32))
        for plain in [[], [1], [UInt8](repeating: 9, count: 100)] as [[UInt8]] {
            let sealed = AESGCM.seal(plain, key: key, place: [1, 2])
            #expect(sealed.count == plain.count + AESGCM.overheadBytes)
            #expect(AESGCM.open(sealed, key: key, place: [1, 2]) == plain)
            #expect(AESGCM.seal(plain, key: key, place: [1, 2]) != sealed)
            for bit in 0..<(sealed.count * 8) {
                var other = sealed
                other[bit / 8] ^= 1 << UInt8(bit % 8)
                #expect(AESGCM.open(other, key: key, place: [1, 2]) == nil)
            }
            for count in 0..<sealed.count {
                #expect(AESGCM.open(Array(sealed[..<count]), key: key, place: [1, 2]) == nil)
            }
        }
    }

    /// RFC 7914 section 12, the second vector, cut to 32 bytes as scrypt's output can be.
    @Test func scryptOfAKnownPassword() {
        let text = Scrypt.hash(Secret("password"), salt: Array("NaCl".utf8), costLog: 10, blockSize: 8, parallelism: 16)
        #expect(
            text
                == "$scrypt$ln=10,r=8,p=16$TmFDbA$"
                + Base64URL.text(bytes("fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162")))
        #expect(Scrypt.verify(Secret("password"), against: text))
        #expect(!Scrypt.verify(Secret("passwore"), against: text))
    }

    @Test func aPasswordIsKnownAgainAndAForeignTextIsNone() {
        let text = Scrypt.hash(Secret("correct horse"))
        #expect(text.hasPrefix("$scrypt$ln=15,r=8,p=3$"))
        #expect(Scrypt.verify(Secret("correct horse"), against: text))
        #expect(!Scrypt.verify(Secret(""), against: text))
        for foreign in [
            "", "correct horse", "$2b$12$abc", "$scrypt$ln=15,r=8$AAAA$AAAA",
            "$scrypt$ln=40,r=8,p=1$AAAA$\(String(repeating: "A", count: 43))",
            "$scrypt$ln=15,p=8,r=3$AAAA$\(String(repeating: "A", count: 43))",
        ] {
            #expect(!Scrypt.verify(Secret("correct horse"), against: foreign))
        }
    }

    /// RFC 4648 section 10, and what only this alphabet has.
    @Test func base64urlGoesBothWaysAndTakesNothingElse() {
        for (plain, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE")] {
            #expect(Base64URL.text(Array(plain.utf8)) == text)
            #expect(Base64URL.bytes(text) == Array(plain.utf8))
        }
        #expect(Base64URL.text([0xfb, 0xff]) == "-_8")
        for other in ["Zg==", "Z", "Zh", "Zm9", "Zm+v", "Zm/v", "Zm 9v", "Zmé"] where other != "Zm9v" {
            #expect(Base64URL.bytes(other) == nil, "\(other)")
        }
        for count in 0..<100 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ count) }
            #expect(Base64URL.bytes(Base64URL.text(bytes)) == bytes)
        }
    }
}
