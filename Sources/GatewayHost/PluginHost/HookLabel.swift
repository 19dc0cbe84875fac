// The name of a hook of an instance, in memory that is never freed, so that a watchdog or a signal
// handler may read it at any moment.
//
// Kind: shared, immutable. One per instance name and hook for the life of the process: bounded by
// the names the operator ever used, not by the number of reloads.

/// Layout known to gwl_crash_marks in CLinux: two NUL-terminated names.
struct HookLabel {
    let instance: UnsafePointer<CChar>
    let hook: UnsafePointer<CChar>

    /// What the callback of an operation is called in place of a hook.
    static let callback = Phase.allCases.count
    /// The same for worker_start and worker_stop.
    static let worker = Phase.allCases.count + 1
    /// The same for the functions of gw.admin/1.
    static let administration = Phase.allCases.count + 2
    /// The same for what a plugin does about records that it is told of.
    static let records = Phase.allCases.count + 3
    /// Labels of one instance: one per phase, and these four.
    static let count = Phase.allCases.count + 4

    private static let labels = Locked<[String: UInt]>([:])

    /// The labels of an instance, indexed by phase. Lives in: process.
    static func all(of instance: String) -> UnsafePointer<HookLabel> {
        let address = labels.withLock { labels -> UInt in
            if let known = labels[instance] { return known }
            let made = UnsafeMutablePointer<HookLabel>.allocate(capacity: count)
            let name = copy(instance)
            for phase in Phase.allCases {
                (made + Int(phase.rawValue)).initialize(
                    to: HookLabel(instance: name, hook: copy("\(phase.hookName)")))
            }
            (made + callback).initialize(to: HookLabel(instance: name, hook: copy("callback")))
            (made + worker).initialize(to: HookLabel(instance: name, hook: copy("worker_start or worker_stop")))
            (made + administration).initialize(to: HookLabel(instance: name, hook: copy("check, act or fixed")))
            (made + records).initialize(to: HookLabel(instance: name, hook: copy("watcher of records")))
            labels[instance] = UInt(bitPattern: made)
            return UInt(bitPattern: made)
        }
        return UnsafePointer(bitPattern: address).unsafelyUnwrapped
    }

    private static func copy(_ text: String) -> UnsafePointer<CChar> {
        let utf8 = text.utf8CString
        let memory = UnsafeMutablePointer<CChar>.allocate(capacity: utf8.count)
        utf8.withUnsafeBufferPointer { memory.initialize(from: $0.baseAddress.unsafelyUnwrapped, count: $0.count) }
        return UnsafePointer(memory)
    }
}
