// A file descriptor with one owner, closed when the owner lets go of it.
//
// Kind: value that is not copied; it may be handed to another thread.

import CLinux

struct Descriptor: ~Copyable, Sendable {
    let number: Int32

    /// Takes over an open descriptor.
    @inline(__always)
    init(_ number: Int32) {
        assert(number >= 0)
        self.number = number
    }

    deinit { close(number) }

    /// Gives the number away; whoever takes it closes it.
    @inline(__always)
    consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }
}
