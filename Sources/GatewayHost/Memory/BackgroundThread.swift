// A thread that runs one function and is waited for by nobody: the log's writer, the demonstration.
//
// It takes no signals; those belong to whoever reads them from a descriptor. (Loops have threads of their
// own making, which are joined.)
//
// Kind: free of state.

import CLinux

enum BackgroundThread {
    /// - Parameter name: at most 15 bytes, as `top -H` shows it.
    static func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
        var before = sigset_t()
        gwl_block_signals(&before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var thread = pthread_t()
        // Balanced in runBackgroundThread.
        let work = Unmanaged.passRetained(Work(name: name, body: body))
        let code = pthread_create(&thread, nil, runBackgroundThread, work.toOpaque())
        precondition(code == 0, "no thread for \(name): errno \(code)")
        pthread_detach(thread)
    }

    fileprivate final class Work: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}

private func runBackgroundThread(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    let work = Unmanaged<BackgroundThread.Work>.fromOpaque(context!).takeRetainedValue()
    gwl_set_thread_name(work.name)
    work.body()
    return nil
}
