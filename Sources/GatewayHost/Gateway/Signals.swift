// Signals of the process, as descriptors and switches.
//
// Kind: control thread. Source: signalfd(2), signal(7).

import CLinux

enum Signals {
    private static func handled() -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in [SIGHUP, SIGTERM, SIGINT] { sigaddset(&set, signal) }
        return set
    }

    /// Before any thread starts: the signals we read are blocked everywhere, a write to a closed
    /// socket is an error and no signal, and there are descriptors for every connection.
    static func prepareProcess() {
        var set = handled()
        pthread_sigmask(SIG_BLOCK, &set, nil)
        gwl_ignore_signal(SIGPIPE)
        // A file that may not grow is an error of the write, as a full disk is.
        gwl_ignore_signal(SIGXFSZ)
        if gwl_raise_descriptor_limit() != 0 {
            log.warning("cannot raise the limit of open files", .field("errno", Int(gwl_errno())))
        }
    }

    static func open() throws(SystemError) -> Int32 {
        var set = handled()
        return try systemCall("signalfd") { gwl_signalfd(&set) }
    }

    /// The next signal that arrived; nil: none.
    static func next(_ descriptor: Int32) -> Int32? {
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        guard read(descriptor, &info, size) == size else { return nil }
        return Int32(bitPattern: info.ssi_signo)
    }
}

enum ProcessorCount {
    /// Processors this process may run on, at least one.
    static var available: Int { max(1, Int(gwl_available_processors())) }
}

enum ProcessTag {
    /// Eight hexadecimal digits that tell this process's request ids from any other's.
    static func make() -> String {
        var word: UInt32 = 0
        if getrandom(&word, 4, 0) != 4 { word = UInt32(truncatingIfNeeded: gwl_wall_ns()) }
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 8 - digits.utf8.count) + digits
    }
}
