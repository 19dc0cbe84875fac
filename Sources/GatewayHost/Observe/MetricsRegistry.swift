// All metrics of the process, by name.
//
// Defining is idempotent, so that a plugin's counters survive its reload: the same name with the
// same kind, labels and buckets is the same metric. The same name with another shape is refused.
//
// Kind: shared; the mutex is taken to define and to scrape, never to count.

final class MetricsRegistry: Sendable {
    static let familyLimit = 500
    static let labelLimit = 12
    static let bucketLimit = 64

    private struct State {
        var byName: [String: Int] = [:]
        var families: [MetricFamily] = []
        var collectors: [@Sendable () -> Void] = []
    }
    private let state = Locked(State())

    enum Refusal: Error, Equatable {
        /// A name, label or bucket that Prometheus would not take.
        case malformed(String)
        /// The name exists with another kind, other labels or other buckets.
        case conflict
        case tooMany
    }

    init() {}

    /// The metric of that name, made if it is new.
    /// - Parameter name: for a counter with or without `_total`.
    /// - Parameter bounds: of a histogram: finite upper bounds, strictly ascending.
    /// - Thread: any.
    func define(
        _ kind: MetricKind, _ name: String, help: String, labels: [String] = [], bounds: [Double] = []
    ) throws(Refusal) -> MetricFamily {
        let base = kind == .counter && name.hasSuffix("_total") ? String(name.dropLast(6)) : name
        // What ends in `_total` is read as the samples of a counter.
        guard MetricsRegistry.isName(base, colons: true), !base.hasSuffix("_total") else { throw .malformed("name '\(name)'") }
        guard labels.count <= MetricsRegistry.labelLimit, Set(labels).count == labels.count else {
            throw .malformed("labels of '\(name)'")
        }
        for label in labels {
            guard MetricsRegistry.isName(label, colons: false), !label.hasPrefix("__"), label != "le" else {
                throw .malformed("label '\(label)' of '\(name)'")
            }
        }
        guard kind == .histogram || bounds.isEmpty, bounds.count <= MetricsRegistry.bucketLimit,
            bounds.allSatisfy(\.isFinite), zip(bounds, bounds.dropFirst()).allSatisfy({ $0 < $1 })
        else { throw .malformed("buckets of '\(name)'") }

        let result = state.withLock { state -> Result<MetricFamily, Refusal> in
            if let place = state.byName[base] {
                let known = state.families[place]
                let isSame = known.kind == kind && known.labels == labels && known.bounds == bounds
                return isSame ? .success(known) : .failure(.conflict)
            }
            guard state.families.count < MetricsRegistry.familyLimit else { return .failure(.tooMany) }
            let family = MetricFamily(kind: kind, name: base, help: help, labels: labels, bounds: bounds)
            state.byName[base] = state.families.count
            state.families.append(family)
            return .success(family)
        }
        return try result.get()
    }

    /// Runs before every scrape, to set gauges that are read elsewhere. Thread: any; it may run on
    /// any loop, so it touches only what is shared.
    func beforeScrape(_ collect: @escaping @Sendable () -> Void) {
        state.withLock { $0.collectors.append(collect) }
    }

    /// Every metric as text.
    func exposition(_ format: MetricsText.Format) -> [UInt8] {
        let (families, collectors) = state.withLock { ($0.families, $0.collectors) }
        for collect in collectors { collect() }
        var text = MetricsText(format)
        for family in families { text.append(family) }
        return text.finish()
    }

    /// Number of series of all metrics.
    var seriesCount: Int { state.withLock { $0.families }.reduce(0) { $0 + $1.all.count } }

    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`; label names without the colon.
    private static func isName(_ name: String, colons: Bool) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first), name.utf8.count <= 200 else { return false }
        return name.utf8.allSatisfy {
            switch $0 {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x5f: true
            case 0x3a: colons
            default: false
            }
        }
    }
}
