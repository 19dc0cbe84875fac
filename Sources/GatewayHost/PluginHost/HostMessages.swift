// gw_host: body, body_set, buffer_response, emit, respond, upstream_get, upstream_set, alloc,
// unsubscribe.
//
// Kind: free C functions on the request's loop.

import PluginABI

func hostBody(_ request: UnsafeMutablePointer<gw_request>) -> gw_str {
    guard let call = HostCall(request), call.exchange.bodyIsComplete else { return Bytes.absent.abi }
    return call.exchange.body.abi
}

/// Until the first attempt is sent, like the headers: a retry sends the body again as it is then.
func hostBodySet(_ request: UnsafeMutablePointer<gw_request>, _ bytes: gw_str) -> gw_error {
    guard let call = HostCall(request), !call.exchange.isBackground, call.exchange.bodyIsComplete,
        call.exchange.phase == .body || call.exchange.phase == .select
    else { return GW_E_STATE }
    // Setting to absent removes: an empty body.
    let bytes = Bytes(bytes)
    call.exchange.body = bytes.isEmpty ? Bytes("") : call.exchange.arena.copy(bytes)
    return GW_OK
}

func hostBufferResponse(_ request: UnsafeMutablePointer<gw_request>, _ limit: Int) -> gw_error {
    guard let call = HostCall(request), call.exchange.phase == .response, call.isInHook else { return GW_E_STATE }
    guard limit > 0 else { return GW_E_ARGUMENT }
    // Several may ask; the smallest limit is the one that all of them accepted.
    call.exchange.bufferResponseLimit = min(limit, call.exchange.bufferResponseLimit ?? limit)
    return GW_OK
}

func hostEmit(_ request: UnsafeMutablePointer<gw_request>, _ bytes: gw_str) -> gw_error {
    guard let call = HostCall(request), call.exchange.phase == .chunk, call.isInHook else { return GW_E_STATE }
    let bytes = Bytes(bytes)
    call.place.documents.chunkChanged()
    var emitted = call.exchange.emitted ?? []
    call.exchange.emitted = nil
    emitted.append(bytes.isEmpty ? Bytes("") : call.exchange.chunkArena.copy(bytes))
    call.exchange.emitted = emitted
    return GW_OK
}

func hostRespond(
    _ request: UnsafeMutablePointer<gw_request>, _ status: Int32, _ headers: UnsafePointer<gw_pair>?, _ count: Int,
    _ body: gw_str
) -> gw_error {
    guard let call = HostCall(request), call.isInHook, !call.exchange.isCommitted else { return GW_E_STATE }
    switch call.exchange.phase {
    case .request, .body, .select, .attempt, .response, .admin: break
    case .chunk, .complete: return GW_E_STATE
    }
    guard (200...599).contains(status), count >= 0, count <= HeaderChange.fieldLimit, count == 0 || headers != nil else {
        return GW_E_ARGUMENT
    }
    let fields = UnsafeBufferPointer(start: headers, count: count)
    for field in fields {
        let name = Bytes(field.name)
        guard HeaderChange.isName(name), HeaderChange.isValue(Bytes(field.value)),
            !HeaderChange.belongsToHost(HeaderName(name))
        else { return GW_E_ARGUMENT }
    }
    let exchange = call.exchange
    let bytes = Bytes(body)
    let copies = UnsafeMutableBufferPointer(
        start: exchange.arena.allocate(count * MemoryLayout<HeaderField>.stride)
            .bindMemory(to: HeaderField.self, capacity: count), count: count)
    for (index, field) in fields.enumerated() {
        let name = exchange.arena.copy(Bytes(field.name))
        copies.initializeElement(
            at: index,
            to: HeaderField(
                name: name, value: exchange.arena.copy(Bytes(field.value)), known: HeaderName(name), origin: .plugin))
    }
    exchange.staged = StagedResponse(
        status: Int(status), headers: copies, body: bytes.isEmpty ? Bytes("") : exchange.arena.copy(bytes),
        origin: call.scope.pointee.entry)
    return GW_OK
}

func hostUpstreamGet(_ request: UnsafeMutablePointer<gw_request>, _ out: UnsafeMutablePointer<gw_upstream>) -> gw_error {
    guard let call = HostCall(request) else { return GW_E_STATE }
    let choice = call.exchange.choice
    // Of the background it is the configured one, once the chain serves.
    guard !call.exchange.isBackground || !choice.url.isAbsent else { return GW_E_STATE }
    var whole = gw_upstream(
        size: 0, connect_ms: choice.connectMilliseconds, first_byte_ms: choice.firstByteMilliseconds,
        idle_ms: choice.idleMilliseconds, url: choice.url.abi, proxy: choice.proxy.abi, account: choice.account.abi)
    // As much as both sides know, and `size` says how much that is.
    let size = min(Int(out.pointee.size), MemoryLayout<gw_upstream>.size)
    guard size >= 8 else { return GW_E_ARGUMENT }
    whole.size = UInt32(size)
    UnsafeMutableRawPointer(out).copyMemory(from: &whole, byteCount: size)
    return GW_OK
}

/// Until the attempt is sent: in on_request, on_body and on_select.
func hostUpstreamSet(_ request: UnsafeMutablePointer<gw_request>, _ upstream: UnsafePointer<gw_upstream>) -> gw_error {
    HostCall.with(request, elsewhere: GW_E_STATE) { _, exchange in
        HeaderChange.isAllowed(GW_REQUEST, exchange) ? setUpstream(exchange, upstream) : GW_E_STATE
    }
}

@inline(__always)
private func setUpstream(_ exchange: Exchange, _ upstream: UnsafePointer<gw_upstream>) -> gw_error {
    let size = min(Int(upstream.pointee.size), MemoryLayout<gw_upstream>.size)
    guard size >= 8 else { return GW_E_ARGUMENT }
    // Members that the caller's struct does not reach keep what they are.
    let standing = exchange.choice
    var given = gw_upstream(
        size: 0, connect_ms: standing.connectMilliseconds, first_byte_ms: standing.firstByteMilliseconds,
        idle_ms: standing.idleMilliseconds, url: standing.url.abi, proxy: standing.proxy.abi, account: standing.account.abi)
    if size == MemoryLayout<gw_upstream>.size {
        given = upstream.pointee
    } else {
        withUnsafeMutableBytes(of: &given) { $0.copyMemory(from: UnsafeRawBufferPointer(start: upstream, count: size)) }
    }
    guard UpstreamText.isClean(Bytes(given.url)), UpstreamText.isClean(Bytes(given.proxy)),
        UpstreamText.isClean(Bytes(given.account))
    else { return GW_E_ARGUMENT }
    // No URL means the one that stands, which is the configured upstream unless a plugin changed it.
    let url = given.url.len == 0 ? standing.url : Bytes(given.url)
    guard UpstreamText.isURL(url) else { return GW_E_ARGUMENT }
    exchange.choice = UpstreamChoice(
        url: UpstreamText.kept(url, standing.url, &exchange.arena),
        proxy: UpstreamText.kept(Bytes(given.proxy), standing.proxy, &exchange.arena),
        account: UpstreamText.kept(Bytes(given.account), standing.account, &exchange.arena),
        connectMilliseconds: given.connect_ms, firstByteMilliseconds: given.first_byte_ms, idleMilliseconds: given.idle_ms)
    return GW_OK
}

/// What the texts of an upstream may be; whether they lead anywhere the dialer finds out.
enum UpstreamText {
    /// No control characters and no blanks: these texts become addresses and log fields.
    @inline(__always)
    static func isClean(_ text: Bytes) -> Bool {
        if text.count == 0 { return true }
        guard text.count <= 4096, let base = text.base else { return false }
        for index in 0..<text.count where base[index] <= 0x20 || base[index] == 0x7f { return false }
        return true
    }

    @inline(__always)
    static func isURL(_ text: Bytes) -> Bool {
        guard text.count > 7, let base = text.base else { return false }
        let beginning = UInt64(littleEndian: UnsafeRawPointer(base).loadUnaligned(as: UInt64.self))
        if beginning == 0x2f2f_3a73_7074_7468 { return text.count > 8 }  // "https://"
        return beginning & 0xff_ffff_ffff_ffff == 0x2f_2f3a_7074_7468  // "http://"
    }

    /// The exchange's own copy of a text, which what stood before is already; empty is absent.
    @inline(__always)
    static func kept(_ text: Bytes, _ standing: Bytes, _ arena: inout Arena) -> Bytes {
        if text.count == 0 { return .absent }
        return text.base == standing.base && text.count == standing.count ? standing : arena.copy(text)
    }
}

func hostAllocate(_ request: UnsafeMutablePointer<gw_request>, _ length: Int) -> UnsafeMutableRawPointer? {
    // Never NULL, so a call from a foreign thread cannot be answered: it would corrupt the arena.
    precondition(length >= 0 && length <= 1 << 30, "a plugin asked alloc() for \(length) bytes")
    let memory = HostCall.with(request, elsewhere: UnsafeMutableRawPointer?.none) { _, exchange in
        exchange.arena.allocateZeroed(max(length, 1))
    }
    precondition(memory != nil, "a plugin called alloc() from a thread that does not own the request")
    return memory
}

func hostUnsubscribe(_ request: UnsafeMutablePointer<gw_request>, _ hooks: UInt32) {
    HostCall.with(request, elsewhere: ()) { scope, exchange in
        scope.pointee.unsubscribed |= hooks
        if exchange.phase == .chunk { HostCall(request)?.place.documents.chunkChanged() }
    }
}
