// Going from mark to mark, beside a search that takes one byte after the other.

import CLinux
import Testing

@testable import GatewayHost

@Suite struct MarkedBytesTests {
    /// The places of line ends in a text of which ever more is there.
    static func places(_ text: [UInt8], seen: [Int], passesPairs: Bool) -> [Int] {
        var marks = MarkedBytes()
        var found: [Int] = []
        for count in seen {
            // Memory of its own each time: the text may have moved, and nothing behind it is readable.
            let wire = WireText(text[..<count])
            guard let base = wire.bytes.base else { continue }
            while true {
                let at = marks.next(
                    in: base, count, mask: { gwl_mask64_either($0, 0x0a, 0x0d) }, byte: { $0 == 0x0a || $0 == 0x0d })
                guard at < count else { break }
                let isPair = passesPairs && at + 1 < count && text[at] == 0x0d && text[at + 1] == 0x0a
                if passesPairs, text[at] == 0x0d, at + 1 == count { break }
                found.append(at)
                marks.pass(isPair ? at + 1 : at)
            }
        }
        return found
    }

    @Test func everyMarkIsFoundOnceHoweverTheTextComes() {
        var random = SplitMix(state: 7)
        for round in 0..<3000 {
            let alphabet = Array((round.isMultiple(of: 2) ? "\r\nx" : "\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx").utf8)
            let text = (0..<Int.random(in: 0..<400, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
            let seen =
                (0..<Int.random(in: 0..<5, using: &random)).map { _ in Int.random(in: 0...text.count, using: &random) }.sorted()
                + [text.count]
            let all = text.indices.filter { text[$0] == 0x0a || text[$0] == 0x0d }
            #expect(Self.places(text, seen: seen, passesPairs: false) == all)
            let firsts = all.filter { !($0 > 0 && text[$0] == 0x0a && text[$0 - 1] == 0x0d) }
            let last = text.last == 0x0d ? Array(firsts.dropLast()) : firsts
            #expect(Self.places(text, seen: seen, passesPairs: true) == last)
        }
    }

    /// The masks against what they say of each byte alone.
    @Test func masksAgreeWithTheirBytes() {
        for byte in UInt8.min...UInt8.max {
            for place in [0, 1, 15, 16, 31, 47, 48, 63] {
                var block = [UInt8](repeating: UInt8(ascii: "a"), count: 64)
                block[place] = byte
                let bit = UInt64(1) << UInt64(place)
                #expect(gwl_mask64_unprintable(block) == (byte < 0x20 || byte > 0x7e ? bit : 0))
                #expect(gwl_mask64_either(block, 0x0a, 0x0d) == (byte == 0x0a || byte == 0x0d ? bit : 0))
                guard place < 16 else { continue }
                let isPath = (byte | 0x20) &- 0x61 < 26 || byte &- 0x2d < 13
                #expect(gwl_mask16_outside_paths(block) == (isPath ? 0 : UInt32(truncatingIfNeeded: bit)))
                // Whatever the search steps over may stand in a path.
                if isPath { #expect(HTTPCharacters.isPath(byte)) }
            }
        }
    }
}
