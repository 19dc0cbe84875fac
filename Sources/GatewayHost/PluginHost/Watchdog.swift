// The thread that looks at the loops from outside, every 10 ms, and names the plugin and hook that
// keeps one of them busy.
//
// It cannot stop a hook. It can say which one it is while it still runs, count it, and after repeated
// overruns of the operator's limit put the plugin in quarantine, where its calls count as failed.
//
// Kind: shared; `sample` runs on the watchdog's thread only, or in tests on theirs.

import CLinux
import Synchronization

final class Watchdog: @unchecked Sendable {
    static let intervalMilliseconds = 10

    private let host: PluginHost
    private let watched = Locked<[PluginInstance]>([])
    private let stopping = Atomic<Bool>(false)
    private var thread: pthread_t?

    /// What was seen of a mark. Touched by `sample` alone.
    private struct Sighting {
        var calls: UInt64 = 0
        var label: UInt = 0
        var since = Instant.distantFuture
        var isBudgetReported = false
        var isLimitReported = false
    }
    private var sightings = [Sighting](repeating: Sighting(), count: HookMarks.limit)

    init(host: PluginHost) { self.host = host }

    /// The instances of a generation that serves from now on, beside those that still drain.
    func watch(_ generation: ChainGeneration) { watched.withLock { $0.append(contentsOf: generation.instances) } }

    /// The generation was destroyed.
    func forget(_ generation: ChainGeneration) {
        watched.withLock { watched in
            watched.removeAll { instance in generation.instances.contains { $0 === instance } }
        }
    }

    // MARK: Thread

    /// Without the thread the gateway works as before and only names no one, so a failure is logged.
    func start() {
        precondition(thread == nil, "a watchdog is started once")
        var before = sigset_t()
        gwl_block_signals(&before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var thread = pthread_t()
        let me = Unmanaged.passRetained(self)
        let code = pthread_create(&thread, nil, watchdogMain, me.toOpaque())
        if code != 0 {
            me.release()
            log.error("no watchdog", .field("reason", SystemError.text(of: code)))
            return
        }
        self.thread = thread
    }

    func stop() {
        guard let thread else { return }
        stopping.store(true, ordering: .releasing)
        pthread_join(thread, nil)
        self.thread = nil
    }

    fileprivate func run() {
        while !stopping.load(ordering: .acquiring) {
            usleep(UInt32(Watchdog.intervalMilliseconds) * 1000)
            sample(.read())
        }
    }

    // MARK: Looking

    /// Looks at every loop once.
    func sample(_ now: Instant) {
        for index in 0..<HookMarks.count { look(HookMarks.at(index), &sightings[index], now) }
    }

    private func look(_ mark: UnsafeMutablePointer<HookMark>, _ sighting: inout Sighting, _ now: Instant) {
        let label = mark.pointee.label.load(ordering: .acquiring)
        let calls = mark.pointee.calls.load(ordering: .relaxed)
        guard label != 0 else {
            sighting = Sighting()
            return
        }
        if sighting.label != label || sighting.calls != calls {
            sighting = Sighting(calls: calls, label: label, since: now)
            return
        }
        // Nothing is known of the time before the first look: this is the least it can be.
        let elapsed = now.nanoseconds(since: sighting.since)
        guard let instance = instance(of: label) else { return }
        if !sighting.isBudgetReported, elapsed >= UInt64(instance.plan.hookBudget.wholeNanoseconds) {
            sighting.isBudgetReported = true
            instance.metrics.overruns.add(1)
            report("plugin hook exceeds its budget", label, mark, elapsed)
        }
        if !sighting.isLimitReported, elapsed >= UInt64(instance.plan.hookLimit.wholeNanoseconds) {
            sighting.isLimitReported = true
            mark.pointee.overrun.store(calls, ordering: .relaxed)
            report("plugin hook exceeds its limit", label, mark, elapsed)
            if instance.hookOverran(at: now) {
                host.quarantineBegan(instance)
                log.error(
                    "plugin in quarantine", .field("plugin", instance.name),
                    .field("seconds", PluginInstance.quarantineNanoseconds / 1_000_000_000))
            }
        }
    }

    private func report(_ message: StaticString, _ label: UInt, _ mark: UnsafeMutablePointer<HookMark>, _ elapsed: UInt64) {
        guard let label = UnsafePointer<HookLabel>(bitPattern: label) else { return }
        log.warning(
            message, .field("plugin", String(cString: label.pointee.instance)),
            .field("hook", String(cString: label.pointee.hook)),
            .field("request", mark.pointee.request.load(ordering: .relaxed)),
            .field("thread", mark.pointee.thread.load(ordering: .relaxed)),
            .field("milliseconds", elapsed / 1_000_000))
    }

    /// The newest instance whose label it is; labels belong to names, so an older generation's overrun
    /// counts for its successor, which runs the same plugin.
    private func instance(of label: UInt) -> PluginInstance? {
        watched.withLock { watched in
            watched.last { instance in
                let first = UInt(bitPattern: HookLabel.all(of: instance.name))
                return label >= first && label < first + UInt(HookLabel.count * MemoryLayout<HookLabel>.stride)
            }
        }
    }
}

private func watchdogMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    let watchdog = Unmanaged<Watchdog>.fromOpaque(argument.unsafelyUnwrapped).takeRetainedValue()
    gwl_set_thread_name("watchdog")
    watchdog.run()
    return nil
}
