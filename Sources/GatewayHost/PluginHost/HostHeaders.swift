// gw_host: header_get, header_at, header_set, header_add, and the names with a colon.
//
// Request headers can be changed until the attempt is sent, so up to and including on_select. Response
// headers can be changed in on_attempt and on_response, before the commit. Names and values are
// checked, so no plugin can smuggle a second header or a second message in; what frames a message is
// the host's alone.
//
// Kind: free C functions on the request's loop.

import CLinux
import PluginABI

func hostHeaderGet(_ request: UnsafeMutablePointer<gw_request>, _ side: gw_side, _ name: gw_str) -> gw_str {
    let name = Bytes(name)
    return HostCall.with(request, elsewhere: Bytes.absent.abi) { _, exchange in
        guard name.count > 0 else { return Bytes.absent.abi }
        switch side {
        case GW_REQUEST:
            if name[0] == 0x3a { return PseudoHeader.get(name, GW_REQUEST, exchange).abi }
            guard let index = exchange.requestHeaders.firstIndex(named: name) else { return Bytes.absent.abi }
            return exchange.requestHeaders[index].value.abi
        case GW_RESPONSE:
            if name[0] == 0x3a { return PseudoHeader.get(name, GW_RESPONSE, exchange).abi }
            guard let index = exchange.responseHeaders.firstIndex(named: name) else { return Bytes.absent.abi }
            return exchange.responseHeaders[index].value.abi
        default:
            return resultHeader(request, name).abi
        }
    }
}

/// Of the operation whose callback runs now.
private func resultHeader(_ request: UnsafeMutablePointer<gw_request>, _ name: Bytes) -> Bytes {
    HostCall(request)?.place.operations.resultWork?.header(name) ?? .absent
}

func hostHeaderAt(
    _ request: UnsafeMutablePointer<gw_request>, _ side: gw_side, _ index: Int, _ out: UnsafeMutablePointer<gw_pair>
) -> gw_error {
    HostCall.with(request, elsewhere: GW_E_STATE) { _, exchange in
        guard index >= 0 else { return GW_E_ABSENT }
        switch side {
        case GW_REQUEST:
            guard index < exchange.requestHeaders.count else { return GW_E_ABSENT }
            put(exchange.requestHeaders[index], in: out)
        case GW_RESPONSE:
            guard index < exchange.responseHeaders.count else { return GW_E_ABSENT }
            put(exchange.responseHeaders[index], in: out)
        case GW_RESULT:
            guard let field = HostCall(request)?.place.operations.resultWork?.header(at: index) else { return GW_E_ABSENT }
            out.pointee = gw_pair(name: field.name.abi, value: field.value.abi)
        default:
            return GW_E_ARGUMENT
        }
        return GW_OK
    }
}

@inline(__always)
private func put(_ field: HeaderField, in out: UnsafeMutablePointer<gw_pair>) {
    out.pointee = gw_pair(name: field.name.abi, value: field.value.abi)
}

func hostHeaderSet(
    _ request: UnsafeMutablePointer<gw_request>, _ side: gw_side, _ name: gw_str, _ value: gw_str
) -> gw_error {
    changeHeader(request, side, Bytes(name), Bytes(value), adding: false)
}

func hostHeaderAdd(
    _ request: UnsafeMutablePointer<gw_request>, _ side: gw_side, _ name: gw_str, _ value: gw_str
) -> gw_error {
    changeHeader(request, side, Bytes(name), Bytes(value), adding: true)
}

@inline(__always)
private func changeHeader(
    _ request: UnsafeMutablePointer<gw_request>, _ side: gw_side, _ name: Bytes, _ value: Bytes, adding: Bool
) -> gw_error {
    HostCall.with(request, elsewhere: GW_E_STATE) { _, exchange in
        guard HeaderChange.isAllowed(side, exchange) else { return GW_E_STATE }
        if name.count > 0, name[0] == 0x3a {
            return adding ? GW_E_ARGUMENT : PseudoHeader.set(name, value, side, exchange)
        }
        let known = HeaderName(name)
        guard known == .other ? HeaderChange.isName(name) : HeaderChange.isUnfolded(name),
            value.isAbsent ? !adding : HeaderChange.isValue(value), !HeaderChange.belongsToHost(known)
        else { return GW_E_ARGUMENT }
        let copy = exchange.arena.copy(value)
        if side == GW_REQUEST {
            HeaderChange.apply(name, copy, known, adding, &exchange.requestHeaders, &exchange.arena)
        } else {
            HeaderChange.apply(name, copy, known, adding, &exchange.responseHeaders, &exchange.arena)
        }
        return GW_OK
    }
}

/// What may be changed, and how.
enum HeaderChange {
    /// Headers of one side that plugins may add; a loop that adds without end stops here.
    static let fieldLimit = 512

    @inline(__always)
    static func isAllowed(_ side: gw_side, _ exchange: Exchange) -> Bool {
        if exchange.isBackground { return false }
        switch side {
        case GW_REQUEST:
            switch exchange.phase {
            case .request, .body, .select: return true
            case .attempt, .response, .chunk, .complete, .admin: return false
            }
        case GW_RESPONSE:
            return !exchange.isCommitted && (exchange.phase == .response || exchange.phase == .attempt)
        default:
            return false
        }
    }

    /// One or more token characters (RFC 9110 section 5.6.2).
    @inline(__always)
    static func isName(_ name: Bytes) -> Bool {
        guard name.count > 0, name.count <= 256, let base = name.base else { return false }
        for index in 0..<name.count where !HTTPCharacters.isToken(base[index]) { return false }
        return true
    }

    /// Whether a name that was recognised is one of token characters: recognising folds case by setting
    /// bit 5, which also makes a hyphen or a digit of a control character, and of nothing else.
    @inline(__always)
    static func isUnfolded(_ name: Bytes) -> Bool {
        guard let base = name.base else { return false }
        if name.count < 8 {
            for index in 0..<name.count where base[index] < 0x20 { return false }
            return true
        }
        let raw = UnsafeRawPointer(base)
        var at = 0
        while true {
            // A recognised byte is below 0x80; it is no control character if bit 5 or bit 6 is set.
            let word = raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            if (word | word << 1) & 0x4040_4040_4040_4040 != 0x4040_4040_4040_4040 { return false }
            if at &+ 8 == name.count { return true }
            at = min(at &+ 8, name.count &- 8)
        }
    }

    /// No control character but tab, and no blank at either end (RFC 9110 section 5.5).
    @inline(__always)
    static func isValue(_ value: Bytes) -> Bool {
        guard let base = value.base else { return false }
        if value.count == 0 { return true }
        if value.count > 64 << 10 { return false }
        if value.count >= 16 {
            var at = 0
            while at &+ 16 < value.count {
                if gwl_mask16_controls(base + at) != 0 { return false }
                at &+= 16
            }
            if gwl_mask16_controls(base + (value.count &- 16)) != 0 { return false }
        } else {
            for index in 0..<value.count where base[index] < 0x20 && base[index] != 0x09 || base[index] == 0x7f {
                return false
            }
        }
        return !HTTPCharacters.isBlank(base[0]) && !HTTPCharacters.isBlank(base[value.count - 1])
    }

    /// What frames the message or steers the connection.
    @inline(__always)
    static func belongsToHost(_ name: HeaderName) -> Bool {
        switch name {
        case .contentLength, .host, .expect: true
        default: name.isHopByHop && name != .proxyAuthenticate && name != .proxyAuthorization
        }
    }

    @inline(__always)
    static func apply(
        _ name: Bytes, _ value: Bytes, _ known: HeaderName, _ adding: Bool, _ list: inout HeaderList, _ arena: inout Arena
    ) {
        if adding {
            guard list.count < fieldLimit else { return }
            list.append(HeaderField(name: arena.copy(name), value: value, known: known, origin: .plugin))
        } else {
            list.set(name: name, known: known, value: value, origin: .plugin, arena: &arena)
        }
    }
}
