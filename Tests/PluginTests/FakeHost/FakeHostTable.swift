// The C table of the fake host: free functions that find their exchange behind the scope they get.

import Glibc
import PluginKit

/// Attribute names of the process.
enum FakeAttributes {
    private static let lock = TestLock()
    nonisolated(unsafe) private static var names: [String] = []

    static func intern(_ name: String) -> gw_attr {
        lock.lock()
        defer { lock.unlock() }
        if let index = names.firstIndex(of: name) { return gw_attr(index + 1) }
        names.append(name)
        return gw_attr(names.count)
    }
}

nonisolated(unsafe) let fakeHostTable: UnsafePointer<gw_host> = {
    let table = UnsafeMutablePointer<gw_host>.allocate(capacity: 1)
    UnsafeMutableRawPointer(table)
        .initializeMemory(as: UInt8.self, repeating: 0, count: MemoryLayout<gw_host>.size)
    table.pointee.size = UInt32(MemoryLayout<gw_host>.size)
    table.pointee.abi_minor = GW_ABI_MINOR
    table.pointee.name = UnsafePointer(strdup("fake"))
    table.pointee.version = UnsafePointer(strdup("1.0.0"))
    table.pointee.query = queryInterface
    table.pointee.log = log
    table.pointee.log_enabled = { _, level in level.rawValue >= GW_LOG_DEBUG.rawValue ? 1 : 0 }
    table.pointee.clock = { which in
        which == GW_CLOCK_WALL ? FakeHost.current.clock.wall : FakeHost.current.clock.monotonic
    }
    table.pointee.random = { buffer, length in
        FakeHost.current.fillRandom(UnsafeMutableRawBufferPointer(start: buffer, count: length))
    }
    table.pointee.config = { instance, pointer, out in
        guard let value = Arena.owner(of: instance, as: FakeHost.self).configValue(Bytes(pointer).string) else {
            return GW_E_ABSENT
        }
        out.pointee = value
        return GW_OK
    }
    table.pointee.secret = { _, _ in gw_str() }
    table.pointee.attr = { FakeAttributes.intern(String(cString: $0)) }
    table.pointee.attr_get = { raw, attribute, out in
        guard let value = exchange(raw).attributes[attribute] else { return GW_E_ABSENT }
        out.pointee = value
        return GW_OK
    }
    table.pointee.attr_set = setAttribute
    table.pointee.header_get = headerValue
    table.pointee.header_at = { raw, side, index, out in
        let exchange = exchange(raw)
        let headers = exchange.headers[.init(side), default: []].filter { !$0.name.hasPrefix(":") }
        guard headers.indices.contains(index) else { return GW_E_ABSENT }
        let header = headers[index]
        out.pointee = gw_pair(name: exchange.arena.copy(header.name), value: exchange.arena.copy(header.value))
        return GW_OK
    }
    table.pointee.header_set = { raw, side, name, value in
        exchange(raw).setHeader(
            Bytes(name).string, value.ptr == nil ? nil : Bytes(value).string, of: .init(side))
        return GW_OK
    }
    table.pointee.header_add = { raw, side, name, value in
        exchange(raw).headers[.init(side), default: []]
            .append((Bytes(name).string, Bytes(value).string))
        return GW_OK
    }
    table.pointee.body = { raw in exchange(raw).arena.copy(exchange(raw).body) }
    table.pointee.body_set = { raw, bytes in
        exchange(raw).body = Bytes(bytes).string
        return GW_OK
    }
    table.pointee.buffer_response = { _, _ in GW_OK }
    table.pointee.emit = { raw, bytes in
        exchange(raw).emit(Bytes(bytes).string)
        return GW_OK
    }
    table.pointee.respond = respond
    table.pointee.upstream_get = upstreamGet
    table.pointee.upstream_set = upstreamSet
    table.pointee.alloc = { raw, length in exchange(raw).arena.allocate(length) }
    table.pointee.unsubscribe = { raw, hooks in exchange(raw).unsubscribe(hooks) }
    table.pointee.after = { raw, _, done, user in exchange(raw).start(done, user, isReady: false) }
    table.pointee.expect = { raw, done, user in exchange(raw).start(done, user, isReady: false) }
    table.pointee.signal = { FakeSignals.signal($0) ? GW_OK : GW_E_ABSENT }
    table.pointee.cancel = { _, _ in }
    return UnsafePointer(table)
}()

func exchange(_ raw: UnsafeMutablePointer<gw_request>) -> FakeExchange {
    Arena.owner(of: raw, as: FakeExchange.self)
}

private func queryInterface(
    _ instance: UnsafeMutablePointer<gw_instance>?, _ id: UnsafePointer<CChar>
) -> UnsafeRawPointer? {
    let id = String(cString: id)
    guard let instance else { return nil }
    let host = Arena.owner(of: instance, as: FakeHost.self)
    guard !host.withheld.contains(id) else { return nil }
    return switch id {
    case GW_LEDGER: UnsafeRawPointer(fakeLedgerTable)
    case GW_LIMITER: UnsafeRawPointer(fakeLimiterTable)
    case GW_METRICS: UnsafeRawPointer(fakeMetricsTable)
    case GW_KV: UnsafeRawPointer(fakeKeyValueTable)
    case GW_FETCH: UnsafeRawPointer(fakeFetchTable)
    case GW_JSON: UnsafeRawPointer(fakeJSONTable)
    case GW_RECORDS: UnsafeRawPointer(fakeRecordsTable)
    default: nil
    }
}

private func log(
    _ instance: UnsafePointer<gw_instance>, _ request: UnsafePointer<gw_request>?,
    _ level: gw_level, _ text: gw_str
) {
    Arena.owner(of: instance, as: FakeHost.self).record(level, Bytes(text).string)
}

private func headerValue(
    _ raw: UnsafeMutablePointer<gw_request>, _ side: gw_side, _ name: gw_str
) -> gw_str {
    let exchange = exchange(raw)
    guard let value = exchange.header(Bytes(name).string, of: .init(side)) else { return gw_str() }
    return exchange.arena.copy(value)
}

private func setAttribute(
    _ raw: UnsafeMutablePointer<gw_request>, _ attribute: gw_attr, _ value: UnsafePointer<gw_value>
) -> gw_error {
    let exchange = exchange(raw)
    if value.pointee.type == GW_NONE {
        exchange.attributes[attribute] = nil
        return GW_OK
    }
    var copy = value.pointee
    if copy.type == GW_TEXT { copy.text = exchange.arena.copy(Array(Bytes(copy.text).buffer)) }
    exchange.attributes[attribute] = copy
    return GW_OK
}

private func respond(
    _ raw: UnsafeMutablePointer<gw_request>, _ status: Int32, _ headers: UnsafePointer<gw_pair>?,
    _ count: Int, _ body: gw_str
) -> gw_error {
    var all: [String: String] = [:]
    for index in 0..<count {
        all[Bytes(headers![index].name).string] = Bytes(headers![index].value).string
    }
    exchange(raw).stage(
        FakeExchange.Response(status: Int(status), headers: all, body: Bytes(body).string))
    return GW_OK
}

private func upstreamGet(
    _ raw: UnsafeMutablePointer<gw_request>, _ out: UnsafeMutablePointer<gw_upstream>
) -> gw_error {
    let exchange = exchange(raw)
    // Of the background it is the configured one, once the chain serves.
    guard raw.pointee.flags & GW_REQUEST_BACKGROUND == 0 || exchange.upstream.url != nil else { return GW_E_STATE }
    func view(_ text: String?) -> gw_str { text.map(exchange.arena.copy) ?? gw_str() }
    out.pointee.url = view(exchange.upstream.url)
    out.pointee.proxy = view(exchange.upstream.proxy)
    out.pointee.account = view(exchange.upstream.account)
    return GW_OK
}

private func upstreamSet(
    _ raw: UnsafeMutablePointer<gw_request>, _ upstream: UnsafePointer<gw_upstream>
) -> gw_error {
    func text(_ view: gw_str) -> String? { view.ptr == nil ? nil : Bytes(view).string }
    exchange(raw).setUpstream(
        FakeExchange.Upstream(
            url: text(upstream.pointee.url), proxy: text(upstream.pointee.proxy),
            account: text(upstream.pointee.account)))
    return GW_OK
}
