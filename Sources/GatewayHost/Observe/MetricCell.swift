// The number behind one series: a counter's sum, a gauge's value, a histogram's buckets.
//
// A cell is made once, never moves and is never freed, so its address is the handle that plugins
// keep. Changing it is one uncontended atomic operation; reading it for a scrape is a relaxed load.
//
// Kind: shared memory of atomics.

import Synchronization

enum MetricKind: Int32, Sendable {
    case counter, gauge, histogram

    var name: String {
        switch self {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        }
    }
}

/// One atomic number that holds a Double, or a count.
struct MetricNumber: ~Copyable {
    private let bits = Atomic<UInt64>(0)

    @inline(__always)
    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    @inline(__always)
    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    @inline(__always)
    func add(_ amount: Double) {
        var seen = bits.load(ordering: .relaxed)
        while true {
            let sum = Double(bitPattern: seen) + amount
            let (done, now) = bits.weakCompareExchange(expected: seen, desired: sum.bitPattern, ordering: .relaxed)
            if done { return }
            seen = now
        }
    }
}

/// The fixed part of a cell; a histogram's bucket counts follow it in memory.
struct MetricCell: ~Copyable {
    let kind: MetricKind
    /// Finite upper bounds, ascending; there is one count more, for what is above all of them.
    let bounds: UnsafePointer<Double>?
    let boundCount: Int
    private let counts: UnsafeMutablePointer<Atomic<UInt64>>?
    private let number = MetricNumber()

    private init(kind: MetricKind, bounds: UnsafePointer<Double>?, boundCount: Int) {
        self.kind = kind
        self.bounds = bounds
        self.boundCount = boundCount
        if kind == .histogram {
            let counts = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: boundCount + 1)
            for index in 0...boundCount { (counts + index).initialize(to: Atomic(0)) }
            self.counts = counts
        } else {
            counts = nil
        }
    }

    /// A new cell. Lives in: process.
    /// - Parameter bounds: must live as long.
    static func make(kind: MetricKind, bounds: UnsafePointer<Double>?, boundCount: Int) -> UnsafeMutablePointer<MetricCell> {
        let cell = UnsafeMutablePointer<MetricCell>.allocate(capacity: 1)
        cell.initialize(to: MetricCell(kind: kind, bounds: bounds, boundCount: boundCount))
        return cell
    }

    /// A counter's or a gauge's value, a histogram's sum.
    @inline(__always)
    var value: Double { number.value }

    func count(_ bucket: Int) -> UInt64 { counts.unsafelyUnwrapped[bucket].load(ordering: .relaxed) }

    /// A counter ignores what is negative or no number; a gauge takes everything; a histogram nothing.
    @inline(__always)
    func add(_ amount: Double) {
        if kind == .gauge || (kind == .counter && amount >= 0) { number.add(amount) }
    }

    /// Only a gauge can be set.
    @inline(__always)
    func set(_ value: Double) {
        if kind == .gauge { number.set(value) }
    }

    /// Only a histogram observes; what is no number is ignored.
    @inline(__always)
    func observe(_ value: Double) {
        guard let counts, let bounds, !value.isNaN else { return }
        // Bounds are few and what is observed lies low among them: a walk beats halving.
        var place = 0
        while place < boundCount, value > bounds[place] { place &+= 1 }
        (counts + place).pointee.add(1, ordering: .relaxed)
        number.add(value)
    }

    /// For what is counted elsewhere: so many more in each bucket, and their sum. Only a histogram takes it.
    func add(counts more: [UInt64], sum: Double) {
        guard let counts, more.count == boundCount + 1 else { return }
        for (place, count) in more.enumerated() { (counts + place).pointee.add(count, ordering: .relaxed) }
        number.add(sum)
    }
}

/// A cell as the host's own code holds it.
struct MetricSeries: @unchecked Sendable {
    let cell: UnsafeMutablePointer<MetricCell>

    @inline(__always) func add(_ amount: Double) { cell.pointee.add(amount) }
    @inline(__always) func set(_ value: Double) { cell.pointee.set(value) }
    @inline(__always) func observe(_ value: Double) { cell.pointee.observe(value) }
    func add(counts: [UInt64], sum: Double) { cell.pointee.add(counts: counts, sum: sum) }
    var value: Double { cell.pointee.value }
    /// A counter of whole things.
    var count: Int { Int(cell.pointee.value) }
}
