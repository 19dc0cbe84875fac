// Finds the sealed texts of a document and puts others in their place, leaving every other byte as it is.
//
// Kind: pure.

enum SealedFields {
    /// A document nests no deeper than the parser that took it in allows.
    private static let depthLimit = 128

    /// - Parameter replace: the sealed text and its pointer; nil leaves it.
    /// - Returns: the document with what was replaced; nil if nothing was.
    static func replacing(in document: [UInt8], _ replace: (SealedText, _ pointer: String) -> String?) -> [UInt8]? {
        document.withUnsafeBytes { raw in
            let scanner = JSONScanner(Bytes(raw))
            var edits: [(span: JSONSpan, text: String)] = []
            func visit(_ span: JSONSpan, _ pointer: String, _ depth: Int) {
                guard depth < depthLimit else { return }
                switch span.kind {
                case .object:
                    scanner.forEachMember(of: span) { key, value in
                        var name: [UInt8] = []
                        // A name that cannot be read cannot be a field of a schema either.
                        guard JSONString.decode(key.raw, into: &name) else { return }
                        visit(value, "\(pointer)/\(escaped(name))", depth + 1)
                    }
                case .array: scanner.forEachElement(of: span) { index, value in visit(value, "\(pointer)/\(index)", depth + 1) }
                case .string:
                    guard let text = scanner.rawString(span), text.hasPrefix(Bytes("gws1.")), let sealed = SealedText(text.string),
                        let other = replace(sealed, pointer)
                    else { return }
                    edits.append((span, other))
                case .null, .bool, .number: return
                }
            }
            guard let whole = scanner.document() else { return nil }
            visit(whole, "", 0)
            guard !edits.isEmpty else { return nil }
            var result: [UInt8] = []
            result.reserveCapacity(document.count)
            var at = 0
            for edit in edits {
                result += document[at..<(edit.span.start + 1)]
                result += edit.text.utf8
                at = edit.span.end - 1
            }
            return result + document[at...]
        }
    }

    /// As RFC 6901 writes a name in a pointer.
    private static func escaped(_ name: [UInt8]) -> String {
        var token: [UInt8] = []
        for byte in name {
            switch byte {
            case 0x7e: token += [0x7e, 0x30]
            case 0x2f: token += [0x7e, 0x31]
            default: token.append(byte)
            }
        }
        return String(decoding: token, as: UTF8.self)
    }
}
