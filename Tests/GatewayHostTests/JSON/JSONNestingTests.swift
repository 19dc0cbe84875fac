// Stepping over nested values, beside a reader that takes one byte after the other.

import CLinux
import Testing

@testable import GatewayHost

@Suite struct JSONNestingTests {
    enum End: Equatable { case inside, ended(Int), tooDeep(Int) }

    /// What JSONNesting's rules say, as plainly as they can be written.
    static func reference(_ text: [UInt8], limit: Int) -> End {
        var depth = 0
        var isInString = false
        var isEscaped = false
        for (at, byte) in text.enumerated() {
            if isEscaped {
                // Outside of strings a bracket is one whatever stands before it.
                isEscaped = false
                if isInString || byte == 0x5c || byte == 0x22 { continue }
            } else if byte == 0x5c {
                isEscaped = true
                continue
            } else if byte == 0x22 {
                isInString.toggle()
                continue
            }
            if isInString { continue }
            switch byte {
            case 0x7b, 0x5b:
                depth += 1
                if depth > limit { return .tooDeep(at + 1) }
            case 0x7d, 0x5d:
                depth -= 1
                if depth == 0 { return .ended(at + 1) }
            default: break
            }
        }
        return .inside
    }

    typealias Skip =
        @convention(c) (
            UnsafeMutablePointer<gwl_json_place>?, UnsafePointer<UInt8>?, Int, Int, UInt32
        ) -> gwl_json_step

    /// The same by `skip`, of pieces that end at `stops`, each in memory of exactly its size.
    static func skipped(_ text: [UInt8], _ stops: [Int], limit: Int, _ skip: Skip) -> End {
        var place = gwl_json_place()
        var start = 0
        for stop in stops + [text.count] where stop > start {
            let piece = WireText(text[start..<stop])
            let step = skip(&place, piece.bytes.base, 0, piece.count, UInt32(limit))
            switch step.outcome {
            case GWL_JSON_ENDED: return .ended(start + step.at)
            case GWL_JSON_TOO_DEEP: return .tooDeep(start + step.at)
            default: #expect(step.at == piece.count)
            }
            start = stop
        }
        return .inside
    }

    @Test func bothWaysAgreeWithOneByteAfterTheOther() {
        var random = SplitMix(state: 20)
        let alphabets = [Array("{}[]\"\\".utf8), Array("{[\"\\xxxxxxxxxxxxxxxx".utf8), Array("[]{}\"aaaaaaaaaaaaaaaaaaaaaaaaaaaa".utf8)]
        for round in 0..<6000 {
            let alphabet = alphabets[round % alphabets.count]
            let count = Int.random(in: 0..<300, using: &random)
            let limit = [1, 3, 512].randomElement(using: &random)!
            let text = [UInt8(ascii: "[")] + (0..<count).map { _ in alphabet.randomElement(using: &random)! }
            let stops = (0..<Int.random(in: 0..<4, using: &random)).map { _ in Int.random(in: 0...text.count, using: &random) }
                .sorted()
            let expected = Self.reference(text, limit: limit)
            #expect(Self.skipped(text, stops, limit: limit, gwl_json_skip) == expected, "\(text) \(stops)")
            #expect(Self.skipped(text, stops, limit: limit, gwl_json_skip_plainly) == expected, "\(text) \(stops)")
        }
    }

    /// The bytes before a value are readable, the bytes behind the end are not.
    @Test func valuesBehindOthersEndWhereTheyEnd() {
        for before in [0, 1, 40, 63, 64, 65, 200] {
            for length in 0..<140 {
                let value = Array("[\"\(String(repeating: "x", count: length))\\\"]\",{}]".utf8)
                let text = WireText(Array(repeating: UInt8(ascii: "}"), count: before) + value)
                for skip: Skip in [gwl_json_skip, gwl_json_skip_plainly] {
                    var place = gwl_json_place()
                    let step = skip(&place, text.bytes.base, before, text.count, 512)
                    #expect(step.outcome == GWL_JSON_ENDED && step.at == text.count)
                }
            }
        }
    }
}
