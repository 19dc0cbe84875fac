// The typed values that plugins and the host attach to one exchange, indexed by interned number.
//
// Kind: loop-confined value. Text lives in the exchange's arena or in memory that outlives it.

import PluginABI

struct AttributeTable: ~Copyable {
    private var values: UnsafeMutablePointer<gw_value>
    private var capacity: Int
    /// One past the highest number that was set, so that a reset clears only what was used.
    private var used = 0

    init(capacity: Int = 32) {
        self.capacity = capacity
        values = .allocate(capacity: capacity)
        values.initialize(repeating: gw_value(), count: capacity)
    }

    deinit { values.deallocate() }

    @inline(__always)
    func get(_ id: UInt32) -> gw_value? { find(id)?.pointee }

    /// Where the value is, until the next one is set; nil if there is none.
    @inline(__always)
    func find(_ id: UInt32) -> UnsafePointer<gw_value>? {
        guard Int(id) < used, values[Int(id)].type != GW_NONE else { return nil }
        return UnsafePointer(values + Int(id))
    }

    @inline(__always)
    func text(_ attribute: HostAttribute) -> Bytes {
        guard let value = find(attribute.rawValue), value.pointee.type == GW_TEXT else { return .absent }
        return Bytes(value.pointee.text)
    }

    /// - Precondition: `id` came from `AttributeNames`.
    @inline(__always)
    mutating func set(_ id: UInt32, _ value: gw_value) {
        if Int(id) >= capacity { grow(Int(id)) }
        values[Int(id)] = value
        used = max(used, Int(id) + 1)
    }

    @inline(__always)
    mutating func set(_ attribute: HostAttribute, text: Bytes) {
        set(attribute.rawValue, gw_value(type: text.isAbsent ? GW_NONE : GW_TEXT, reserved: 0, i: 0, real: 0, text: text.abi))
    }

    @inline(__always)
    mutating func set(_ attribute: HostAttribute, integer: Int64) {
        set(attribute.rawValue, gw_value(type: GW_INT, reserved: 0, i: integer, real: Double(integer), text: Bytes.absent.abi))
    }

    @inline(__always)
    mutating func set(_ attribute: HostAttribute, bool: Bool) {
        set(attribute.rawValue, gw_value(type: GW_BOOL, reserved: 0, i: bool ? 1 : 0, real: 0, text: Bytes.absent.abi))
    }

    @inline(__always)
    mutating func reset() {
        values.update(repeating: gw_value(), count: used)
        used = 0
    }

    private mutating func grow(_ id: Int) {
        var size = capacity * 2
        while size <= id { size *= 2 }
        let larger = UnsafeMutablePointer<gw_value>.allocate(capacity: size)
        larger.moveInitialize(from: values, count: capacity)
        (larger + capacity).initialize(repeating: gw_value(), count: size - capacity)
        values.deallocate()
        values = larger
        capacity = size
    }
}
