// gw.json/1 in Swift words: a place in a JSON document by RFC 6901 pointer. The host parses a
// document that it handed out itself (the body, the data of a chunk) at most once, whoever asks.
//
// Kind: value over the host's constant table; [worker].

public struct Documents: @unchecked Sendable {
    // The table is constant and lives as long as the process.
    private let table: UnsafePointer<gw_json>
    init(_ table: UnsafePointer<gw_json>) { self.table = table }

    /// The value at `pointer`; nil if the document has none or is not JSON. Lives in: as `document`.
    public func value(_ request: Request, in document: Bytes, at pointer: Bytes) -> gw_value? {
        var value = gw_value()
        let error = table.pointee.get(request.raw, document.abi, pointer.abi, &value)
        return error == GW_OK ? value : nil
    }

    /// The text at `pointer`; absent if there is none.
    public func text(_ request: Request, in document: Bytes, at pointer: Bytes) -> Bytes {
        guard let value = value(request, in: document, at: pointer), value.type == GW_TEXT
        else { return .absent }
        return Bytes(value.text)
    }
}

extension Instance {
    public func documents() throws -> Documents { Documents(try query(GW_JSON, as: gw_json.self)) }
}
