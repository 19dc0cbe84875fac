// The mark of the hook that runs on a loop: which plugin, which hook, for which request.
//
// A hook cannot be interrupted, but it can be named. The loop stores three words before each hook
// and one after it, which costs nothing measurable; the watchdog compares them from outside, and
// the crash report writes them to standard error when the process dies inside a plugin.
//
// Kind: shared memory of atomics, never freed. One writer, the loop; any readers.

import CLinux
import Synchronization

/// Layout known to gwl_crash_marks in CLinux: label, request and thread come first, in this order.
struct HookMark: ~Copyable {
    /// Address of the running hook's `HookLabel`; 0 while no plugin runs.
    let label = Atomic<UInt>(0)
    let request = Atomic<UInt64>(0)
    /// The loop's thread as the kernel numbers it.
    let thread = Atomic<UInt64>(0)
    /// Calls so far, so that two calls of one hook for one request are not taken for one.
    let calls = Atomic<UInt64>(1)
    /// The call that was seen to run longer than the operator's limit. Written by the watchdog.
    let overrun = Atomic<UInt64>(0)

    @inline(__always)
    func enter(_ label: UInt, request: UInt64) {
        self.request.store(request, ordering: .relaxed)
        calls.store(calls.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
        self.label.store(label, ordering: .releasing)
    }

    /// The call has returned. True if it ran longer than the operator's limit, so it has failed.
    @inline(__always) @discardableResult
    func leave() -> Bool {
        label.store(0, ordering: .releasing)
        return overrun.load(ordering: .relaxed) == calls.load(ordering: .relaxed)
    }
}

/// The marks of all loops of the process.
enum HookMarks {
    /// As many as OperationBoard allows loops.
    static let limit = 255

    private struct Marks {
        var count = 0
        var free: [Int] = []
    }
    private static let marks = Locked(Marks())
    nonisolated(unsafe) private static let memory: UnsafeMutablePointer<HookMark> = {
        let memory = UnsafeMutablePointer<HookMark>.allocate(capacity: limit)
        for index in 0..<limit { (memory + index).initialize(to: HookMark()) }
        return memory
    }()

    static func take() -> UnsafeMutablePointer<HookMark> {
        let index = marks.withLock { marks -> Int in
            if let index = marks.free.popLast() { return index }
            precondition(marks.count < limit, "a process has at most \(limit) loops")
            marks.count += 1
            return marks.count - 1
        }
        return memory + index
    }

    static func giveBack(_ mark: UnsafeMutablePointer<HookMark>) {
        mark.pointee.leave()
        marks.withLock { $0.free.append(mark - memory) }
    }

    /// Marks that were ever taken; a free one has no label.
    static var count: Int { marks.withLock(\.count) }
    static func at(_ index: Int) -> UnsafeMutablePointer<HookMark> { memory + index }

    /// From here on a fatal signal writes the marks to standard error before the process dies.
    /// - Thread: control, once.
    static func reportOnCrash() {
        gwl_crash_marks(memory, MemoryLayout<HookMark>.stride, limit)
    }
}
