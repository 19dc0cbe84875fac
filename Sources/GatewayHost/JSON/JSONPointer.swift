// Values by RFC 6901 pointer, in a document that is only scanned: `/usage/output_tokens`; and how a pointer is
// written.
//
// Kind: value.

enum JSONPointer {
    /// `pointer` and one more step: a member's name, or an index.
    static func appending(_ name: String, to pointer: String) -> String {
        let needsEscape = name.utf8.contains { $0 == 0x7e || $0 == 0x2f }
        guard needsEscape else { return "\(pointer)/\(name)" }
        var step = ""
        for scalar in name.unicodeScalars {
            switch scalar {
            case "~": step += "~0"
            case "/": step += "~1"
            default: step.unicodeScalars.append(scalar)
            }
        }
        return "\(pointer)/\(step)"
    }

    /// The names and indices of a pointer, escapes undone.
    static func tokens(_ pointer: String) -> [String] {
        pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
            String($0).replacing("~1", with: "/").replacing("~0", with: "~")
        }
    }

    static func appending(_ index: Int, to pointer: String) -> String { "\(pointer)/\(index)" }
}

extension JSONScanner {
    /// The value that a pointer names, or nil: when the document is not one whole value, when nothing
    /// is there, or when the pointer is malformed. The empty pointer names the document.
    func value(at pointer: Bytes) -> JSONSpan? {
        guard var value = document() else { return nil }
        var at = 0
        while at < pointer.count {
            guard pointer[at] == 0x2f else { return nil }
            var tokenEnd = at + 1
            while tokenEnd < pointer.count, pointer[tokenEnd] != 0x2f { tokenEnd += 1 }
            guard let next = step(value, pointer.slice(at + 1, tokenEnd)) else { return nil }
            value = next
            at = tokenEnd
        }
        return value
    }

    private func step(_ value: JSONSpan, _ token: Bytes) -> JSONSpan? {
        switch value.kind {
        case .object:
            guard token.buffer.contains(0x7e) else { return member(value, token) }
            guard let decoded = Self.decode(token) else { return nil }
            return decoded.withUnsafeBufferPointer { member(value, Bytes(UnsafeRawBufferPointer($0))) }
        case .array: return element(value, token)
        default: return nil
        }
    }

    private func member(_ object: JSONSpan, _ name: Bytes) -> JSONSpan? {
        var found: JSONSpan?
        let isWhole = forEachMember(of: object) { key, value in
            if key.equals(name) { found = value }
        }
        return isWhole ? found : nil
    }

    private func element(_ array: JSONSpan, _ token: Bytes) -> JSONSpan? {
        guard let wanted = token.decimal, token.count == 1 || token[0] != 0x30 else { return nil }
        var found: JSONSpan?
        let isWhole = forEachElement(of: array) { index, value in
            if index == wanted { found = value }
        }
        return isWhole ? found : nil
    }

    /// Undoes `~1` for a slash and `~0` for a tilde.
    static func decode(_ token: Bytes) -> [UInt8]? {
        var decoded: [UInt8] = []
        var at = 0
        while at < token.count {
            if token[at] == 0x7e {
                guard at + 1 < token.count, token[at + 1] == 0x30 || token[at + 1] == 0x31 else { return nil }
                decoded.append(token[at + 1] == 0x30 ? 0x7e : 0x2f)
                at += 2
            } else {
                decoded.append(token[at])
                at += 1
            }
        }
        return decoded
    }
}
