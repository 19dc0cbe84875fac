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

    /// Two stream sockets, each the peer of the other, that do not block and do not survive exec. Here, because
    /// only a room that imports CLinux sees the constants whichever module the compiler loads first.
    static func socketPair() throws(SystemError) -> (Int32, Int32) {
        var pair: (Int32, Int32) = (-1, -1)
        try systemCall("socketpair") {
            withUnsafeMutablePointer(to: &pair) {
                $0.withMemoryRebound(to: Int32.self, capacity: 2) {
                    socketpair(
                        AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0, $0)
                }
            }
        }
        return pair
    }

    /// Gives the number away; whoever takes it closes it.
    @inline(__always)
    consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }
}
