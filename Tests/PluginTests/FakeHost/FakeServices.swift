// gw.kv/1, gw.fetch/1 and gw.json/1 for tests: a dictionary, canned pages, a small reader.

import PluginKit

nonisolated(unsafe) let fakeKeyValueTable: UnsafePointer<gw_kv> = {
    let table = UnsafeMutablePointer<gw_kv>.allocate(capacity: 1)
    table.initialize(
        to: gw_kv(
            size: UInt32(MemoryLayout<gw_kv>.size), flags: 0,
            get: { raw, key, done, user in
                let exchange = exchange(raw)
                let value = exchange.host.keyValues[Bytes(key).string]
                return exchange.start(
                    done, user, error: value == nil ? GW_E_ABSENT : GW_OK, bytes: Array((value ?? "").utf8))
            },
            set: { raw, key, value, _, done, user in
                exchange(raw).host.keyValues[Bytes(key).string] = Bytes(value).string
                return exchange(raw).start(done, user)
            },
            add: { raw, key, delta, _, done, user in
                let host = exchange(raw).host
                let sum = (Int64(host.keyValues[Bytes(key).string] ?? "0") ?? 0) + delta
                host.keyValues[Bytes(key).string] = String(sum)
                return exchange(raw).start(done, user, number: sum)
            },
            swap: { raw, key, expected, value, _, done, user in
                let host = exchange(raw).host
                let current = host.keyValues[Bytes(key).string]
                guard current == (expected.ptr == nil ? nil : Bytes(expected).string) else {
                    return exchange(raw).start(
                        done, user, error: GW_E_CONFLICT, bytes: Array((current ?? "").utf8))
                }
                host.keyValues[Bytes(key).string] = Bytes(value).string
                return exchange(raw).start(done, user)
            }))
    return UnsafePointer(table)
}()

nonisolated(unsafe) let fakeFetchTable: UnsafePointer<gw_fetch> = {
    let table = UnsafeMutablePointer<gw_fetch>.allocate(capacity: 1)
    table.initialize(
        to: gw_fetch(
            size: UInt32(MemoryLayout<gw_fetch>.size), reserved: 0,
            start: { raw, fetch, done, user in
                let exchange = exchange(raw)
                let proxy = Bytes(fetch.pointee.proxy)
                exchange.host.fetched.append(
                    "\(Bytes(fetch.pointee.method).string) \(Bytes(fetch.pointee.url).string)"
                        + (proxy.isAbsent ? "" : " via \(proxy.string)"))
                if Bytes(fetch.pointee.method).equals("CONNECT") {
                    let flags = exchange.host.blockedWays[proxy.string]
                    return exchange.start(done, user, error: flags == nil ? GW_OK : GW_E_UNAVAILABLE, number: flags ?? 0)
                }
                guard let page = exchange.host.pages[Bytes(fetch.pointee.url).string] else {
                    return exchange.start(done, user, error: GW_E_UNAVAILABLE)
                }
                return exchange.start(done, user, number: page.status, bytes: Array(page.body.utf8))
            },
            reopen: { raw, proxy in exchange(raw).host.fetched.append("reopen \(Bytes(proxy).string)") }))
    return UnsafePointer(table)
}()

nonisolated(unsafe) let fakeJSONTable: UnsafePointer<gw_json> = {
    let table = UnsafeMutablePointer<gw_json>.allocate(capacity: 1)
    table.initialize(
        to: gw_json(
            size: UInt32(MemoryLayout<gw_json>.size), reserved: 0,
            get: { raw, document, pointer, out in
                guard let json = try? JSON(parsing: Bytes(document)) else { return GW_E_ARGUMENT }
                guard let value = json.value(at: Bytes(pointer).string, exchange(raw).arena) else {
                    return GW_E_ABSENT
                }
                out.pointee = value
                return GW_OK
            }))
    return UnsafePointer(table)
}()

extension JSON {
    /// A scalar by RFC 6901 pointer, its text in `arena`; nil for anything else.
    func value(at pointer: String, _ arena: Arena) -> gw_value? {
        var place = self
        for step in pointer.split(separator: "/") {
            if case .list(let elements) = place {
                guard let index = Int(step), elements.indices.contains(index) else { return nil }
                place = elements[index]
            } else {
                place = place[String(step)]
            }
        }
        var value = gw_value()
        switch place {
        case .text(let text):
            value.type = GW_TEXT
            value.text = arena.copy(text)
        case .integer(let integer):
            value.type = GW_INT
            value.i = integer
        case .bool(let bool):
            value.type = GW_BOOL
            value.i = bool ? 1 : 0
        case .list(let elements):
            value.type = GW_LIST
            value.i = Int64(elements.count)
            value.text = arena.copy(place.serialized)
        case .map(let members):
            value.type = GW_MAP
            value.i = Int64(members.count)
            value.text = arena.copy(place.serialized)
        default: return nil
        }
        return value
    }
}
