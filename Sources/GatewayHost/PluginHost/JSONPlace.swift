// A place in a JSON document as the plugin contract's gw_value.
//
// Kind: value; views live as long as the document, decoded text as long as `keep` makes it.

import PluginABI

struct JSONPlace {
    let scanner: JSONScanner
    let span: JSONSpan

    /// nil if a text's escapes or a number are malformed. JSON's null is GW_NONE.
    /// - Parameter keep: gives memory for text that had to be decoded.
    func value(keep: ([UInt8]) -> Bytes) -> gw_value? {
        let raw = scanner.bytes(span)
        switch span.kind {
        case .null: return JSONPlace.make(GW_NONE)
        case .bool: return JSONPlace.make(GW_BOOL, integer: raw.count == 4 ? 1 : 0)
        case .number: return number(raw)
        case .string: return text(keep)
        case .array:
            var count: Int64 = 0
            guard scanner.forEachElement(of: span, { _, _ in count += 1 }) else { return nil }
            return JSONPlace.make(GW_LIST, integer: count, text: raw)
        case .object:
            var count: Int64 = 0
            guard scanner.forEachMember(of: span, { _, _ in count += 1 }) else { return nil }
            return JSONPlace.make(GW_MAP, integer: count, text: raw)
        }
    }

    private func number(_ raw: Bytes) -> gw_value? {
        if let whole = JSONPlace.integer(raw) { return JSONPlace.make(GW_INT, integer: whole, real: Double(whole)) }
        guard let real = Double(raw.string), real.isFinite else { return nil }
        let truncated = Int64(exactly: real.rounded(.towardZero)) ?? (real < 0 ? .min : .max)
        return JSONPlace.make(GW_REAL, integer: truncated, real: real)
    }

    private func text(_ keep: ([UInt8]) -> Bytes) -> gw_value? {
        guard let raw = scanner.rawString(span) else { return nil }
        guard raw.buffer.contains(0x5c) else {
            return JSONPlace.make(GW_TEXT, text: raw.isEmpty ? Bytes("") : raw)
        }
        var decoded: [UInt8] = []
        guard JSONString.decode(raw, into: &decoded) else { return nil }
        return JSONPlace.make(GW_TEXT, text: keep(decoded))
    }

    private static func integer(_ raw: Bytes) -> Int64? {
        guard raw.count > 0 else { return nil }
        let isNegative = raw[0] == 0x2d
        if let magnitude = (isNegative ? raw.slice(1, raw.count) : raw).decimal {
            return Int64(isNegative ? -magnitude : magnitude)
        }
        return raw.count <= 20 ? Int64(raw.string) : nil
    }

    private static func make(_ type: gw_type, integer: Int64 = 0, real: Double = 0, text: Bytes = .absent) -> gw_value {
        gw_value(type: type, reserved: 0, i: integer, real: real, text: text.abi)
    }
}
