// What a descriptor is ready for, who is told, and the ticket that stands for the watch.
//
// Kind: values; the handler is loop-confined.

import CLinux

/// What epoll reports about a descriptor. The bits are epoll's own, so nothing is translated.
struct Readiness: OptionSet, Sendable, CustomStringConvertible {
    let rawValue: UInt32

    @inline(__always)
    init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Bytes, a connection, or the end can be read without waiting.
    static let read = Readiness(rawValue: 0x001)
    /// Something can be written without waiting.
    static let write = Readiness(rawValue: 0x004)
    /// The other side sent its FIN: no more will come after what is buffered. It stays true, and
    /// level-triggered, so drop it from the interest once it was seen.
    static let readHangup = Readiness(rawValue: 0x2000)
    /// Both directions are over, or the socket is in error. Reported even when not asked for, again
    /// and again: a handler that gets it must close or remove its descriptor.
    static let hangup = Readiness(rawValue: 0x010)

    /// Folds EPOLLERR into `hangup`, so that one question answers both.
    @inline(__always)
    init(epollEvents events: UInt32) { rawValue = (events | (events & 0x008) << 1) & ~0x008 }

    var description: String {
        let names: [(Readiness, String)] = [
            (.read, "read"), (.write, "write"), (.readHangup, "readHangup"), (.hangup, "hangup"),
        ]
        return "[" + names.filter { contains($0.0) }.map(\.1).joined(separator: " ") + "]"
    }
}

/// Something that watches a descriptor.
protocol LoopHandler: AnyObject {
    /// The descriptor is ready. Level-triggered: what is left undone is reported again next turn.
    /// - Thread: the loop's.
    func ready(_ readiness: Readiness)

    /// Calls `ready` of the handler at this address. Leave it to the default: it is a requirement so that the
    /// loop can call it by the type it remembers, which counts no reference.
    static func deliver(_ readiness: Readiness, to address: UnsafeMutableRawPointer)
}

extension LoopHandler {
    /// - Precondition: `address` is that of a living object of this type.
    static func deliver(_ readiness: Readiness, to address: UnsafeMutableRawPointer) {
        Unmanaged<Self>.fromOpaque(address)._withUnsafeGuaranteedRef { $0.ready(readiness) }
    }
}

/// Something that has work to finish once all events of a turn have been seen, such as one flush
/// for everything written during it.
protocol TurnHandler: AnyObject {
    /// - Thread: the loop's.
    func turnEnded()
}

/// A watch on a descriptor. A slot and the generation it was given out in: an event or a call that
/// arrives with a stale one is recognised and dropped, even when the number of the descriptor and
/// the slot are in use again.
struct Registration: Equatable, Sendable {
    let slot: UInt32
    let generation: UInt32

    /// Stands for no watch; every operation on it does nothing.
    static let none = Registration(slot: .max, generation: 0)

    @inline(__always)
    init(slot: UInt32, generation: UInt32) {
        self.slot = slot
        self.generation = generation
    }

    @inline(__always)
    init(token: UInt64) {
        slot = UInt32(truncatingIfNeeded: token)
        generation = UInt32(truncatingIfNeeded: token >> 32)
    }

    /// The same as one number, as it travels through epoll.
    @inline(__always)
    var token: UInt64 { UInt64(generation) << 32 | UInt64(slot) }
}
