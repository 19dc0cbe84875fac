// Header names are recognised in any case, and nothing else is taken for one of them.

import Testing

@testable import GatewayHost

@Suite struct HeaderNameTests {
    @Test(arguments: HeaderName.allCases) func namesAreRecognisedInAnyCase(_ name: HeaderName) {
        let text = String(describing: name.text)
        for variant in [text, text.uppercased(), text.split(separator: "-").map(\.capitalized).joined(separator: "-")] {
            #expect(withWire(variant) { HeaderName($0) } == name)
        }
    }

    @Test(arguments: HeaderName.allCases) func oneByteOffIsAnotherName(_ name: HeaderName) {
        let text = Array(String(describing: name.text).utf8)
        for place in text.indices {
            var changed = text
            changed[place] = changed[place] == 0x7a ? 0x79 : 0x7a
            let wire = WireText(changed)
            #expect(HeaderName(wire.bytes) == .other)
        }
        #expect(withWire(String(decoding: text + [0x78], as: UTF8.self)) { HeaderName($0) } == .other)
    }

    @Test func classesDoNotOverlapWhereTheyMustNot() {
        for name in HeaderName.allCases where name.isFraming {
            #expect(!name.isHopByHop && !name.isClientCredential && !name.isForwarding)
        }
        #expect(HeaderName.authorization.isClientCredential)
        #expect(HeaderName.xForwardedFor.isForwarding)
        #expect(HeaderName.connection.isHopByHop)
        #expect(!HeaderName.anthropicBeta.isHopByHop)
    }
}

extension Substring {
    fileprivate var capitalized: String { prefix(1).uppercased() + dropFirst() }
}
