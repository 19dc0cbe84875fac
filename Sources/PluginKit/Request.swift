// One exchange, as this plugin sees it: headers, attributes, body, upstream, memory.
//
// A thin, typed spelling of the host's functions. Every accessor is one call through the host
// table and costs no allocation; views live in the request unless the member says otherwise.
//
// Kind: value over the host's gw_request, confined to the worker's thread and to the calls in which
// the host hands it out; the compiler keeps it out of tasks because it is not Sendable.

public struct Request {
    public let raw: UnsafeMutablePointer<gw_request>
    @usableFromInline let host: UnsafePointer<gw_host>

    @usableFromInline @inline(__always)
    init(raw: UnsafeMutablePointer<gw_request>, host: UnsafePointer<gw_host>) {
        self.raw = raw
        self.host = host
    }

    /// Unique in this process; also in the logs.
    @inlinable public var id: UInt64 { raw.pointee.id }
    /// The first response byte has left.
    @inlinable public var isCommitted: Bool { raw.pointee.flags & GW_REQUEST_COMMITTED != 0 }
    /// The response was staged by a plugin or by the host.
    @inlinable public var isLocal: Bool { raw.pointee.flags & GW_REQUEST_LOCAL != 0 }
    /// The response is an event stream.
    @inlinable public var isEventStream: Bool { raw.pointee.flags & GW_REQUEST_SSE != 0 }

    // MARK: Headers

    /// The first header of that name, `:method` `:path` `:authority` `:status` among them.
    @inlinable @inline(__always)
    public func header(_ name: Bytes, of side: gw_side = GW_REQUEST) -> Bytes {
        Bytes(host.pointee.header_get(raw, side, name.abi))
    }

    /// Sets a header, or removes it if `value` is absent.
    @inlinable @inline(__always) @discardableResult
    public func setHeader(
        _ name: Bytes, _ value: Bytes, of side: gw_side = GW_REQUEST
    ) -> Bool {
        host.pointee.header_set(raw, side, name.abi, value.abi) == GW_OK
    }

    // MARK: Attributes

    /// The text of an attribute; absent if it is not set or not text.
    @inlinable @inline(__always)
    public func text(_ attribute: Attribute) -> Bytes {
        var value = gw_value()
        guard host.pointee.attr_get(raw, attribute.id, &value) == GW_OK, value.type == GW_TEXT
        else { return .absent }
        return Bytes(value.text)
    }

    /// The integer of an attribute; nil if it is not set or not an integer.
    @inlinable @inline(__always)
    public func integer(_ attribute: Attribute) -> Int? {
        var value = gw_value()
        guard host.pointee.attr_get(raw, attribute.id, &value) == GW_OK, value.type == GW_INT
        else { return nil }
        return Int(value.i)
    }

    /// True if the attribute is set to true.
    @inlinable
    public func flag(_ attribute: Attribute) -> Bool {
        var value = gw_value()
        guard host.pointee.attr_get(raw, attribute.id, &value) == GW_OK, value.type == GW_BOOL
        else { return false }
        return value.i != 0
    }

    /// Sets an attribute to `text`, or removes it if `text` is absent.
    @inlinable @inline(__always) @discardableResult
    public func set(_ attribute: Attribute, text: Bytes) -> Bool {
        var value = gw_value()
        value.type = text.isAbsent ? GW_NONE : GW_TEXT
        value.text = text.abi
        return host.pointee.attr_set(raw, attribute.id, &value) == GW_OK
    }

    // MARK: Body

    /// The complete request body, from `onBody` on.
    @inlinable public var body: Bytes { Bytes(host.pointee.body(raw)) }

    /// Sends these bytes instead of the chunk; several calls send in that order, empty bytes drop it.
    @discardableResult
    public func emit(_ bytes: Bytes) -> Bool { host.pointee.emit(raw, bytes.abi) == GW_OK }

    // MARK: Upstream

    /// Where the current attempt goes so far; from `onSelect` on.
    public func upstream() -> gw_upstream? {
        var upstream = gw_upstream()
        upstream.size = UInt32(MemoryLayout<gw_upstream>.size)
        return host.pointee.upstream_get(raw, &upstream) == GW_OK ? upstream : nil
    }

    /// Decides where the current attempt goes; the last plugin to say so wins.
    public func setUpstream(_ upstream: gw_upstream) -> Bool {
        var upstream = upstream
        upstream.size = UInt32(MemoryLayout<gw_upstream>.size)
        return host.pointee.upstream_set(raw, &upstream) == GW_OK
    }

    // MARK: State

    /// State of this plugin for this exchange, in memory of the request: nothing to free. Only
    /// trivial types, because nobody runs a deinitialiser.
    @inlinable @inline(__always) @discardableResult
    public func makeState<State: BitwiseCopyable>(
        _ initial: State
    ) -> UnsafeMutablePointer<State> {
        // The header promises memory; the importer alone thinks that it may be NULL.
        let memory = host.pointee.alloc(raw, MemoryLayout<State>.stride).unsafelyUnwrapped
        let state = memory.bindMemory(to: State.self, capacity: 1)
        state.initialize(to: initial)
        raw.pointee.user = memory
        return state
    }

    /// What `makeState` made earlier in this exchange, with the same type; nil if it did not.
    @inlinable @inline(__always)
    public func state<State: BitwiseCopyable>(
        _ type: State.Type = State.self
    ) -> UnsafeMutablePointer<State>? {
        raw.pointee.user?.assumingMemoryBound(to: State.self)
    }

    /// No more of these hooks (GW_ON_...) for this exchange.
    @inlinable @inline(__always)
    public func unsubscribe(_ hooks: UInt32) { host.pointee.unsubscribe(raw, hooks) }

    // MARK: Diagnostics

    public func log(_ level: gw_level, _ text: @autoclosure () -> String) {
        let instance = raw.pointee.worker.pointee.instance
        guard host.pointee.log_enabled(instance, level) != 0 else { return }
        text().withBytes { host.pointee.log(instance, raw, level, $0.abi) }
    }

    /// Fills `buffer` from the host's source of randomness.
    public func random(_ buffer: UnsafeMutableRawBufferPointer) {
        guard let base = buffer.baseAddress else { return }
        host.pointee.random(base, buffer.count)
    }

    /// Nanoseconds; see `Instance.clock`.
    @inlinable public func clock(_ which: gw_clock) -> UInt64 { host.pointee.clock(which) }
}

/// An interned attribute name. Make it in `Plugin.init`, use it in every hook.
public struct Attribute: Sendable {
    @usableFromInline let id: gw_attr
    init(id: gw_attr) { self.id = id }
}
