// One header line, as places in the head it was read from.
//
// Offsets instead of views, because the buffer that holds the head may move while the rest of it
// arrives. Twenty bytes.
//
// Kind: value.

struct HTTPField: Equatable, Sendable {
    var nameStart: UInt32
    var nameCount: UInt32
    var valueStart: UInt32
    var valueCount: UInt32
    var name: HeaderName
    /// The message's Connection header names this field, so it must not be passed on (RFC 9110
    /// section 7.6.1). Never set for the names that frame or route a message.
    var isNominated = false

    /// Must not be passed on to the next hop.
    @inline(__always)
    var isHopByHop: Bool { isNominated || name.isHopByHop }

    @inline(__always)
    func name(in head: Bytes) -> Bytes {
        head.slice(Int(nameStart), Int(nameStart) + Int(nameCount))
    }

    /// The value without the blanks around it.
    @inline(__always)
    func value(in head: Bytes) -> Bytes {
        head.slice(Int(valueStart), Int(valueStart) + Int(valueCount))
    }
}
