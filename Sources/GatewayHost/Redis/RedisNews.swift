// Hears that something was published on a channel, and not what: a descriptor that becomes readable.
//
// Kind: confined to the thread that made it.

import CLinux

final class RedisNews {
    private let connection: RedisConnection
    private(set) var isAlive = true

    /// Subscribes, and waits until that is so.
    init(_ target: RedisTarget, _ channel: String) throws(RedisFailure) {
        connection = try RedisConnection(target.address, target.limits)
        connection.append([Array("SUBSCRIBE".utf8), Array(channel.utf8)])
        if let words = try connection.answer().error { throw RedisFailure(description: words, isRefusal: true) }
    }

    /// To be polled; nil once the connection is lost.
    var descriptor: Int32? { isAlive ? connection.descriptor : nil }

    /// Takes what has arrived. What it says is of no interest.
    func drain() {
        guard isAlive else { return }
        var room = InlineArray<4096, UInt8>(repeating: 0)
        var span = room.mutableSpan
        span.withUnsafeMutableBytes { bytes in
            // Ends when nothing is there at this moment: a message has some fifty bytes and is a change of the store.
            while isAlive {
                let count = recv(connection.descriptor, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT))
                if count > 0 { continue }
                if count < 0, gwl_errno() == EAGAIN || gwl_errno() == EINTR { return }
                isAlive = false
            }
        }
    }
}
