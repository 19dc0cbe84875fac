// gw_host: attr, attr_get, attr_set.
//
// Kind: free C functions; attr on any thread, the others on the request's loop.

import PluginABI

func hostAttribute(_ name: UnsafePointer<CChar>) -> gw_attr {
    let name = String(cString: name)
    guard let number = AttributeNames.intern(name) else {
        // 0 is no attribute: getting it finds nothing and setting it is refused.
        log.error("too many attribute names", .field("name", name), .field("limit", AttributeNames.limit))
        return 0
    }
    return number
}

func hostAttributeGet(
    _ request: UnsafeMutablePointer<gw_request>, _ attribute: gw_attr, _ out: UnsafeMutablePointer<gw_value>
) -> gw_error {
    HostCall.with(request, elsewhere: GW_E_STATE) { _, exchange in
        guard let value = exchange.attributes.find(attribute) else { return GW_E_ABSENT }
        out.update(from: value, count: 1)
        return GW_OK
    }
}

func hostAttributeSet(
    _ request: UnsafeMutablePointer<gw_request>, _ attribute: gw_attr, _ value: UnsafePointer<gw_value>
) -> gw_error {
    guard attribute != 0, attribute <= AttributeNames.limit else { return GW_E_ARGUMENT }
    if HostAttribute(rawValue: attribute)?.isReadOnly == true { return GW_E_FORBIDDEN }
    return HostCall.with(request, elsewhere: GW_E_STATE) { _, exchange in
        exchange.isBackground ? GW_E_STATE : setAttribute(attribute, value, exchange)
    }
}

@inline(__always)
private func setAttribute(_ attribute: gw_attr, _ value: UnsafePointer<gw_value>, _ exchange: Exchange) -> gw_error {
    if value.pointee.type == GW_TEXT, value.pointee.text.ptr != nil {
        let text = exchange.arena.copy(Bytes(value.pointee.text)).abi
        exchange.attributes.set(attribute, gw_value(type: GW_TEXT, reserved: 0, i: 0, real: 0, text: text))
        return GW_OK
    }
    var copy = value.pointee
    switch copy.type {
    case GW_NONE:
        copy.text = Bytes.absent.abi
    case GW_BOOL:
        copy.i = copy.i == 0 ? 0 : 1
        copy.real = 0
        copy.text = Bytes.absent.abi
    case GW_INT:
        copy.real = Double(copy.i)
        copy.text = Bytes.absent.abi
    case GW_REAL:
        guard copy.real.isFinite else { return GW_E_ARGUMENT }
        copy.i = Int64(exactly: copy.real.rounded(.towardZero)) ?? (copy.real < 0 ? .min : .max)
        copy.text = Bytes.absent.abi
    case GW_TEXT, GW_LIST, GW_MAP:
        let text = Bytes(copy.text)
        if text.isAbsent {
            // Setting something to absent removes it.
            copy = gw_value()
        } else {
            copy.text = exchange.arena.copy(text).abi
            if copy.type == GW_TEXT { copy.i = 0 }
            copy.real = 0
        }
    default:
        return GW_E_ARGUMENT
    }
    copy.reserved = 0
    exchange.attributes.set(attribute, copy)
    return GW_OK
}
