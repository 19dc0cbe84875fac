// What the host counts about one plugin instance: time per hook, overruns, failures.
//
// Kind: shared.

struct InstanceMetrics: Sendable {
    /// One series per phase, in the order of `Phase`.
    private let durations: [MetricSeries]
    private let failed: [MetricSeries]
    let overruns: MetricSeries
    private let suspensionOverruns: MetricSeries

    init(instance: String, host: HostMetrics) {
        durations = Phase.allCases.map { host.series(.hookDuration, instance, "\($0.hookName)") }
        failed = Phase.allCases.map { host.series(.hookFailures, instance, "\($0.hookName)") }
        overruns = host.series(.hookOverruns, instance)
        suspensionOverruns = host.series(.suspensionOverruns, instance)
    }

    /// Sampled: one exchange in 64.
    func hookTook(_ nanoseconds: UInt64, _ phase: Phase) {
        durations[Int(phase.rawValue)].observe(Double(nanoseconds) / 1e9)
    }

    func hookFailed(_ phase: Phase) { failed[Int(phase.rawValue)].add(1) }
    func suspensionOverran() { suspensionOverruns.add(1) }

    var failureCount: Int { failed.reduce(0) { $0 + $1.count } }
}
