// The headers of one message, as views into memory of the exchange.
//
// Order and spelling are kept, because a relay must not change what it does not understand. Each
// field carries the recognised name, so that the relay compares a byte and not a string, and who
// wrote it, because what a client sent as a credential never travels on, while what a plugin set
// under the same name does.
//
// Kind: loop-confined value. Views live as long as the arena or head they point into.

import CLinux

struct HeaderField {
    enum Origin: UInt8 {
        case message  // as it arrived
        case plugin  // set or added by a plugin
    }

    var name: Bytes
    var value: Bytes
    var known: HeaderName
    var origin: Origin

    /// It lies in the head it came in as `name: value` with one space, which is how it is written too.
    @inline(__always)
    var isAsItCame: Bool {
        guard origin == .message, let name = name.base, let value = value.base else { return false }
        return name + self.name.count + 2 == value && (value - 1).pointee == 0x20
    }

    /// Name, colon, space and value. - Precondition: isAsItCame.
    @inline(__always)
    var line: Bytes { Bytes(base: name.base, count: name.count &+ 2 &+ value.count) }

    /// As a line of a head, with colon, space and CR LF.
    @inline(__always)
    var lineBytes: Int { name.count &+ value.count &+ 4 }

    @inline(__always)
    func isNamed(_ name: Bytes, _ known: HeaderName) -> Bool {
        self.known == known && (known != .other || self.name.equalsIgnoringCase(name))
    }
}

struct HeaderList: ~Copyable {
    private var fields: UnsafeMutablePointer<HeaderField>
    private var capacity: Int
    private(set) var count = 0
    /// Bytes of all fields as lines of a head.
    private(set) var lineBytes = 0

    init(capacity: Int = 32) {
        self.capacity = capacity
        fields = .allocate(capacity: capacity)
    }

    deinit { fields.deallocate() }

    @inline(__always)
    subscript(index: Int) -> HeaderField {
        assert(index >= 0 && index < count)
        return fields[index]
    }

    @inline(__always)
    mutating func clear() {
        count = 0
        lineBytes = 0
    }

    @inline(__always)
    mutating func append(_ field: HeaderField) {
        if count == capacity { grow() }
        (fields + count).initialize(to: field)
        count += 1
        lineBytes &+= field.lineBytes
    }

    /// The first field of that name; nil if there is none.
    @inline(__always)
    func firstIndex(of known: HeaderName) -> Int? {
        for i in 0..<count where fields[i].known == known { return i }
        return nil
    }

    func firstIndex(named name: Bytes) -> Int? {
        let known = HeaderName(name)
        if known != .other { return firstIndex(of: known) }
        var field = UnsafePointer(fields)
        for i in 0..<count {
            // Their lengths tell most names apart, for less than a call.
            if field.pointee.name.count == name.count, field.pointee.known == .other,
                field.pointee.name.equalsIgnoringCase(name)
            {
                return i
            }
            field += 1
        }
        return nil
    }

    @inline(__always)
    func value(of known: HeaderName) -> Bytes {
        guard let index = firstIndex(of: known) else { return .absent }
        return fields[index].value
    }

    /// Replaces every field of that name by one, in the place and spelling of the first; absent
    /// removes them all. A name that is not there yet is appended, copied to `arena`.
    mutating func set(
        name: Bytes, known: HeaderName, value: Bytes, origin: HeaderField.Origin, arena: inout Arena
    ) {
        var index = 0
        while index < count, !fields[index].isNamed(name, known) { index &+= 1 }
        if index == count {
            if !value.isAbsent {
                append(HeaderField(name: arena.copy(name), value: value, known: known, origin: origin))
            }
            return
        }
        if !value.isAbsent {
            lineBytes &+= value.count &- fields[index].value.count
            fields[index].value = value
            fields[index].origin = origin
            index &+= 1
        }
        removeAll(name, known, from: index)
    }

    private mutating func removeAll(_ name: Bytes, _ known: HeaderName, from start: Int) {
        var index = start
        while index < count, !fields[index].isNamed(name, known) { index &+= 1 }
        var kept = index
        while index < count {
            if fields[index].isNamed(name, known) {
                lineBytes &-= fields[index].lineBytes
            } else {
                fields[kept] = fields[index]
                kept &+= 1
            }
            index &+= 1
        }
        count = kept
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<HeaderField>.allocate(capacity: capacity * 2)
        larger.moveInitialize(from: fields, count: count)
        fields.deallocate()
        fields = larger
        capacity *= 2
    }
}
