// What tests need when a second thread takes part.

import CLinux

@testable import GatewayHost

/// A thread that runs a closure, for tests that need a second one.
final class TestThread {
    private var thread = pthread_t()

    init(_ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(Body(body))
        precondition(pthread_create(&thread, nil, testThreadMain, box.toOpaque()) == 0)
    }

    func join() { pthread_join(thread, nil) }

    fileprivate final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}

private func testThreadMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    Unmanaged<TestThread.Body>.fromOpaque(argument!).takeRetainedValue().run()
    return nil
}

/// Collects integers from any thread.
final class NumberLog: Sendable {
    private let state = Locked<[Int]>([])
    func add(_ value: Int) { state.withLock { $0.append(value) } }
    var values: [Int] { state.withLock { $0 } }
}
