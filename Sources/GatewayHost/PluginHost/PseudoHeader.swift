// :method, :path, :authority and :status: the parts of a head that are not headers, by the names that
// HTTP/2 gave them.
//
// :path is the whole target with its query.
//
// Kind: pure functions over an exchange.

import PluginABI

enum PseudoHeader {
    @inline(__always)
    static func get(_ name: Bytes, _ side: gw_side, _ exchange: Exchange) -> Bytes {
        if side == GW_RESPONSE {
            guard name.equals(Bytes(":status")), exchange.status > 0 else { return .absent }
            return digits(exchange.status, &exchange.arena)
        }
        if name.equals(Bytes(":method")) { return exchange.method }
        if name.equals(Bytes(":path")) { return exchange.target }
        if name.equals(Bytes(":authority")) { return exchange.authority }
        return .absent
    }

    static func set(_ name: Bytes, _ value: Bytes, _ side: gw_side, _ exchange: Exchange) -> gw_error {
        if side == GW_RESPONSE {
            guard name.equals(Bytes(":status")), let status = value.decimal, (200...599).contains(status) else {
                return GW_E_ARGUMENT
            }
            exchange.status = status
            return GW_OK
        }
        if name.equals(Bytes(":method")) {
            guard HeaderChange.isName(value) else { return GW_E_ARGUMENT }
            exchange.method = exchange.arena.copy(value)
            return GW_OK
        }
        if name.equals(Bytes(":path")) { return setPath(value, exchange) }
        if name.equals(Bytes(":authority")) {
            guard value.count > 0, value.count <= 256, value.buffer.allSatisfy(HTTPCharacters.isHost) else {
                return GW_E_ARGUMENT
            }
            exchange.authority = exchange.arena.copy(value)
            return GW_OK
        }
        return GW_E_ARGUMENT
    }

    private static func setPath(_ value: Bytes, _ exchange: Exchange) -> gw_error {
        guard value.count > 0, value.count <= 16 << 10, value[0] == 0x2f else { return GW_E_ARGUMENT }
        var end = 0
        while end < value.count, value[end] != 0x3f { end += 1 }
        guard value.slice(0, end).buffer.allSatisfy(HTTPCharacters.isPath),
            end == value.count || value.slice(end + 1, value.count).buffer.allSatisfy(HTTPCharacters.isQuery)
        else { return GW_E_ARGUMENT }
        exchange.target = exchange.arena.copy(value)
        exchange.path = exchange.target.slice(0, end)
        return GW_OK
    }

    /// A status of three digits.
    private static func digits(_ status: Int, _ arena: inout Arena) -> Bytes {
        let memory = arena.allocate(3).assumingMemoryBound(to: UInt8.self)
        memory[0] = UInt8(0x30 + status / 100 % 10)
        memory[1] = UInt8(0x30 + status / 10 % 10)
        memory[2] = UInt8(0x30 + status % 10)
        return Bytes(base: memory, count: 3)
    }
}
