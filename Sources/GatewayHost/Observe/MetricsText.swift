// Metrics as text: Prometheus 0.0.4 and OpenMetrics 1.0.
//
// The two differ in little: OpenMetrics names a counter's family without `_total`, ends with
// `# EOF`, escapes quotation marks in HELP, and writes the bucket bounds as floats.
//
// Kind: value.
// Source: https://prometheus.io/docs/instrumenting/exposition_formats/ and OpenMetrics 1.0.0.

struct MetricsText {
    enum Format: Sendable {
        case prometheus, openMetrics

        var contentType: String {
            switch self {
            case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
            case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }
    }

    private let format: Format
    private var bytes: [UInt8] = []

    init(_ format: Format) {
        self.format = format
        bytes.reserveCapacity(16 << 10)
    }

    mutating func append(_ family: MetricFamily) {
        let series = family.all
        guard !series.isEmpty else { return }
        let sampleName = family.kind == .counter ? family.name + "_total" : family.name
        let name = format == .openMetrics ? family.name : sampleName
        put("# HELP \(name) ")
        putEscaped(family.help, quotes: format == .openMetrics)
        put("\n# TYPE \(name) \(family.kind.name)\n")
        for (values, series) in series {
            if family.kind == .histogram {
                appendHistogram(family, values, series)
            } else {
                appendSample(sampleName, family.labels, values, nil, MetricsText.number(series.value))
            }
        }
    }

    mutating func finish() -> [UInt8] {
        if format == .openMetrics { put("# EOF\n") }
        return bytes
    }

    private mutating func appendHistogram(_ family: MetricFamily, _ values: [String], _ series: MetricSeries) {
        var total: UInt64 = 0
        for (index, bound) in family.bounds.enumerated() {
            total += series.cell.pointee.count(index)
            appendSample(family.name + "_bucket", family.labels, values, bucketBound(bound), "\(total)")
        }
        total += series.cell.pointee.count(family.bounds.count)
        appendSample(family.name + "_bucket", family.labels, values, "+Inf", "\(total)")
        appendSample(family.name + "_sum", family.labels, values, nil, MetricsText.number(series.value))
        appendSample(family.name + "_count", family.labels, values, nil, "\(total)")
    }

    private mutating func appendSample(
        _ name: String, _ labels: [String], _ values: [String], _ bound: String?, _ number: String
    ) {
        put(name)
        if !labels.isEmpty || bound != nil {
            var separator = "{"
            for (label, value) in zip(labels, values) {
                put("\(separator)\(label)=\"")
                putEscaped(value, quotes: true)
                put("\"")
                separator = ","
            }
            if let bound { put("\(separator)le=\"\(bound)\"") }
            put("}")
        }
        put(" \(number)\n")
    }

    private func bucketBound(_ bound: Double) -> String {
        format == .openMetrics ? MetricsText.float(bound) : MetricsText.number(bound)
    }

    /// A float in OpenMetrics' canonical form: never without point or exponent.
    static func float(_ value: Double) -> String {
        let text = value.description
        return text.contains(".") || text.contains("e") || text.contains("n") ? text : text + ".0"
    }

    /// Whole numbers without a fraction, and the names Prometheus has for what is not finite.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return "\(Int64(value))" }
        return value.description
    }

    private mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// Backslash and line feed, and in label values the quotation mark, are escaped.
    private mutating func putEscaped(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case 0x5c: put("\\\\")
            case 0x0a: put("\\n")
            case 0x22 where quotes: put("\\\"")
            default: bytes.append(byte)
            }
        }
    }
}
