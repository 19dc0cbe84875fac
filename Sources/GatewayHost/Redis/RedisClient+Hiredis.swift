// The edge to hiredis: its event hooks over our loop, and its callbacks.
//
// hiredis calls `addWrite` for every command; the descriptor's interest in writing is touched only when the socket is
// full, and otherwise the loop is asked once a turn to send. It frees its context itself after an error, and tells
// everybody before; what it calls meanwhile finds `context` nil.
//
// Kind: loop-confined; free C functions on the loop's thread.
// Source: hiredis 0.14, async.h and the adapters beside it.

import CHiredis
import CLinux

/// One step of a greeting.
final class RedisGreeting {
    let judge: (RedisReply) -> Void
    init(_ judge: @escaping (RedisReply) -> Void) { self.judge = judge }
}

extension RedisClient: LoopHandler, TurnSender {
    func attach(_ made: UnsafeMutablePointer<redisAsyncContext>) throws(SystemError) {
        gwredis_close_on_exec(&made.pointee.c)
        // Until it is connected, being writable is what says so.
        registration = try loop.add(made.pointee.c.fd, [.read, .write], self)
        made.pointee.ev.data = Unmanaged.passUnretained(self).toOpaque()
        made.pointee.data = made.pointee.ev.data
        made.pointee.ev.addRead = redisHookIgnored
        made.pointee.ev.delRead = redisHookIgnored
        made.pointee.ev.addWrite = redisWriteWanted
        made.pointee.ev.delWrite = redisHookIgnored
        made.pointee.ev.cleanup = redisCleanup
        _ = redisAsyncSetConnectCallback(made, redisConnected)
        _ = redisAsyncSetDisconnectCallback(made, redisDisconnected)
    }

    func ready(_ readiness: Readiness) {
        if readiness.contains(.write), context != nil { write() }
        if !readiness.isDisjoint(with: [.read, .hangup, .readHangup]), let context { redisAsyncHandleRead(context) }
    }

    func sendGathered() {
        asksForSend = false
        if context != nil { write() }
    }

    private func write() {
        guard let context else { return }
        isWriting = true
        wantsWrite = false
        redisAsyncHandleWrite(context)
        isWriting = false
        // The context may be gone, and a registration that is gone is ignored.
        loop.modify(registration, wantsWrite || state == .connecting ? [.read, .write] : [.read])
    }

    func writeWanted() {
        if isWriting { return wantsWrite = true }
        guard !asksForSend, state != .connecting, registration != .none else { return }
        asksForSend = true
        loop.sendAtEndOfTurn(self)
    }

    /// hiredis lets go of the descriptor.
    func detached() {
        loop.remove(registration)
        registration = .none
        asksForSend = false
    }

    /// hiredis gave the context up by itself: an error, or the other side closed.
    func ended(_ made: UnsafePointer<redisAsyncContext>) {
        guard context == UnsafeMutablePointer(mutating: made) else { return }
        context = nil
        drop(reason(made), state: .resting)
    }

    /// Gives the context up. Those that wait are told by hiredis.
    func free() {
        guard let made = context else { return }
        context = nil
        redisAsyncFree(made)
    }

    func reason(_ made: UnsafePointer<redisAsyncContext>) -> String {
        let words = String(cString: gwredis_error(made))
        return words.isEmpty || words.hasPrefix("Server closed") ? "the connection closed" : words
    }
}

private func client(_ data: UnsafeMutableRawPointer?) -> RedisClient {
    // The loop keeps its client alive while it is registered, and `cleanup` is the last that hiredis calls with it.
    Unmanaged<RedisClient>.fromOpaque(data.unsafelyUnwrapped).takeUnretainedValue()
}

private func redisHookIgnored(_ data: UnsafeMutableRawPointer?) {}

private func redisWriteWanted(_ data: UnsafeMutableRawPointer?) { client(data).writeWanted() }

private func redisCleanup(_ data: UnsafeMutableRawPointer?) { client(data).detached() }

private func redisConnected(_ context: UnsafePointer<redisAsyncContext>?, _ status: Int32) {
    guard let context else { return }
    let client = client(context.pointee.data)
    if status == REDIS_OK { client.connected() } else { client.ended(context) }
}

private func redisDisconnected(_ context: UnsafePointer<redisAsyncContext>?, _ status: Int32) {
    guard let context else { return }
    client(context.pointee.data).ended(context)
}

func redisReplyArrived(
    _ context: UnsafeMutablePointer<redisAsyncContext>?, _ reply: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?
) {
    let call = Unmanaged<RedisCall>.fromOpaque(data.unsafelyUnwrapped).takeRetainedValue()
    call.client.arrived(call, reply.map { RedisReply($0.assumingMemoryBound(to: redisReply.self)) })
}

func redisGreetingArrived(
    _ context: UnsafeMutablePointer<redisAsyncContext>?, _ reply: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?
) {
    let greeting = Unmanaged<RedisGreeting>.fromOpaque(data.unsafelyUnwrapped).takeRetainedValue()
    if let reply { greeting.judge(RedisReply(reply.assumingMemoryBound(to: redisReply.self))) }
}
