// A listener: addresses, inherited options, pauses, and what happens without descriptors.

import CLinux
import Testing

@testable import GatewayHost

@Suite struct ListenerTests {
    @Test func aConnectionComesWithItsAddressAndWithoutDelay() throws {
        let loop = try EventLoop(index: 0)
        let handler = TestAcceptor()
        let listener = try Listener(loop: loop, address: .loopback(port: 0), handler: handler)
        #expect(listener.address.port != 0)
        let client = try connectTo(listener.address)
        let clientAddress = try SocketAddress.local(of: client.number)
        var from: SocketAddress?
        var noDelay: Int32 = -1
        var flags: Int32 = 0
        handler.onAccept = { descriptor, address in
            from = address
            noDelay = gwl_get_option(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
            flags = gwl_descriptor_flags(descriptor)
            close(descriptor)
            loop.stop()
        }
        loop.run()
        #expect(from == clientAddress)
        #expect(noDelay == 1)
        #expect(flags == 3, "non-blocking and closed on exec")
        listener.close()
    }

    @Test func severalListenersShareAPort() throws {
        let loop = try EventLoop(index: 0)
        let handler = TestAcceptor()
        let first = try Listener(loop: loop, address: .loopback(port: 0), handler: handler)
        let second = try Listener(loop: loop, address: first.address, handler: handler)
        #expect(first.address == second.address)
        first.close()
        second.close()
    }

    @Test func anAddressInUseIsNamed() throws {
        let loop = try EventLoop(index: 0)
        let handler = TestAcceptor()
        let first = try Listener(loop: loop, address: .loopback(port: 0), sharesPort: false, handler: handler)
        #expect(throws: SystemError(EADDRINUSE, "bind", subject: first.address.description)) {
            _ = try Listener(loop: loop, address: first.address, sharesPort: false, handler: handler)
        }
        first.close()
    }

    @Test func aPausedListenerLeavesConnectionsWaiting() throws {
        let loop = try EventLoop(index: 0)
        let handler = TestAcceptor()
        let listener = try Listener(loop: loop, address: .loopback(port: 0), handler: handler)
        let client = try connectTo(listener.address)
        var accepted = 0
        handler.onAccept = { descriptor, _ in
            accepted += 1
            close(descriptor)
            loop.stop()
        }
        listener.pause()
        let ticker = Ticker()
        let timer = LoopTimer(ticker)
        ticker.onTimer = {
            #expect(accepted == 0)
            try! listener.resume()
        }
        loop.arm(timer, at: loop.now.adding(milliseconds: 1))
        loop.run()
        #expect(accepted == 1)
        listener.close()
        withExtendedLifetime(client.number) {}
    }

    @Test func anInheritedSocketIsAccepted() throws {
        let loop = try EventLoop(index: 0)
        let handler = TestAcceptor()
        let socket = try ListeningSocket.open(.loopback(port: 0), sharesPort: false, backlog: 8)
        let listener = try Listener(loop: loop, inherited: socket, handler: handler)
        let client = try connectTo(listener.address)
        handler.onAccept = { descriptor, _ in
            close(descriptor)
            loop.stop()
        }
        loop.run()
        listener.close()
        withExtendedLifetime(client.number) {}
    }

    @Test func anAbandonedUnixSocketIsTakenOverAndALiveOneIsNot() throws {
        var template = Array("/tmp/gateway-test-XXXXXX".utf8CString)
        let directory = String(cString: mkdtemp(&template))
        let address = SocketAddress(unixPath: "\(directory)/socket")
        defer {
            unlink(address.path)
            rmdir(directory)
        }
        do { _ = try ListeningSocket.open(address, sharesPort: false, backlog: 8) }
        let live = try ListeningSocket.open(address, sharesPort: false, backlog: 8)
        #expect(throws: SystemError(EADDRINUSE, "bind", subject: address.description)) {
            _ = try ListeningSocket.open(address, sharesPort: false, backlog: 8)
        }
        #expect(try SocketAddress.local(of: live.number) == address)
    }

    /// In a process of its own, because the limit is the process's.
    @Test func withoutDescriptorsAcceptingRestsAndGoesOn() async {
        await #expect(processExitsWith: .success) {
            let loop = try EventLoop(index: 0)
            let handler = TestAcceptor()
            let listener = try Listener(loop: loop, address: .loopback(port: 0), handler: handler)
            let client = try connectTo(listener.address)
            let before = gwl_descriptor_limit()
            let next = dup(0)
            close(next)
            // No number below the first free one: the next descriptor is refused.
            precondition(gwl_set_descriptor_limit(UInt64(next)) == 0)
            handler.onFailure = { precondition(gwl_set_descriptor_limit(before) == 0) }
            var accepted = 0
            handler.onAccept = { descriptor, _ in
                accepted += 1
                close(descriptor)
                loop.stop()
            }
            loop.run()
            precondition(handler.failures == [SystemError(EMFILE, "accept4", subject: listener.address.description)])
            precondition(accepted == 1)
            precondition(loop.counters.turns < 10, "the loop does not spin meanwhile")
            listener.close()
            withExtendedLifetime(client.number) {}
        }
    }
}

private final class Ticker: TimerHandler {
    var onTimer: () -> Void = {}
    func timerFired(_ timer: LoopTimer) { onTimer() }
}
