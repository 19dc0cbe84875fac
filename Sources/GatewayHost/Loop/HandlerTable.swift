// Who watches what: the loop's table from registrations to handlers.
//
// The table keeps a handler alive from `insert` until the turn in which it was removed has ended:
// a handler may remove and drop itself in the middle of being called, and no reference is counted
// per event. A slot's generation moves on when it is freed, so a stale registration finds nothing.
//
// Kind: loop-confined value that is not copied; it makes no system call.

struct HandlerTable: ~Copyable {
    struct Slot {
        /// Kept alive by the table's own +1 (`retain` in insert, `retired` after remove); nil: a free slot.
        var handler: UnsafeMutableRawPointer?
        var type: any LoopHandler.Type
        var generation: UInt32
        var descriptor: Int32
        var interest: Readiness
        var nextFree: UInt32
    }

    private var slots: UnsafeMutablePointer<Slot>
    private var capacity: Int
    private var used = 0
    private var firstFree: UInt32 = .max
    private var retired: [Unmanaged<AnyObject>] = []
    /// Handlers in the table.
    private(set) var count = 0

    init(capacity: Int = 64) {
        self.capacity = capacity
        slots = .allocate(capacity: capacity)
    }

    deinit {
        for index in 0..<used {
            if let handler = slots[index].handler { Unmanaged<AnyObject>.fromOpaque(handler).release() }
        }
        for handler in retired { handler.release() }
        slots.deinitialize(count: used)
        slots.deallocate()
    }

    mutating func insert(_ handler: any LoopHandler, descriptor: Int32, interest: Readiness) -> Registration {
        let address = Unmanaged.passRetained(handler as AnyObject).toOpaque()
        let type = type(of: handler)
        count += 1
        if firstFree != .max {
            let index = firstFree
            let slot = slots + Int(index)
            firstFree = slot.pointee.nextFree
            slot.pointee.handler = address
            slot.pointee.type = type
            slot.pointee.descriptor = descriptor
            slot.pointee.interest = interest
            return Registration(slot: index, generation: slot.pointee.generation)
        }
        if used == capacity { grow() }
        let index = UInt32(used)
        used += 1
        (slots + Int(index)).initialize(
            to: Slot(
                handler: address, type: type, generation: 1, descriptor: descriptor, interest: interest, nextFree: .max))
        return Registration(slot: index, generation: 1)
    }

    /// The slot of a registration that is still good; valid until the next insert.
    @inline(__always)
    func find(_ registration: Registration) -> UnsafeMutablePointer<Slot>? {
        let index = Int(registration.slot)
        guard index < used else { return nil }
        let slot = slots + index
        return slot.pointee.generation == registration.generation && slot.pointee.handler != nil ? slot : nil
    }

    /// Frees the slot; the handler lives on until `releaseRetired`. Returns the descriptor, or nil for a stale registration.
    mutating func remove(_ registration: Registration) -> Int32? {
        guard let slot = find(registration), let handler = slot.pointee.handler else { return nil }
        retired.append(Unmanaged<AnyObject>.fromOpaque(handler))
        slot.pointee.handler = nil
        slot.pointee.generation &+= 1
        slot.pointee.nextFree = firstFree
        firstFree = registration.slot
        count -= 1
        return slot.pointee.descriptor
    }

    @inline(__always)
    var hasRetired: Bool { !retired.isEmpty }

    /// Hands over the handlers that were removed, each with the reference the caller must release.
    /// Returned rather than released here, because their deinitialisers may use the table.
    mutating func takeRetired() -> [Unmanaged<AnyObject>] {
        var taken: [Unmanaged<AnyObject>] = []
        swap(&taken, &retired)
        return taken
    }

    private mutating func grow() {
        precondition(capacity < Int(UInt32.max) / 2, "more descriptors than Linux has")
        let larger = UnsafeMutablePointer<Slot>.allocate(capacity: capacity * 2)
        larger.moveInitialize(from: slots, count: used)
        slots.deallocate()
        slots = larger
        capacity *= 2
    }
}
