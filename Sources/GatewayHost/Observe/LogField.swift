// A name and a value on a log line.
//
// Values are kept as they are and turned into text only when the line is written, so a field costs
// two words. A `Secret` becomes `[redacted]` here, whatever the level.
//
// Kind: value. A `Bytes` value must live until the logging call returns; nothing keeps it longer.

struct LogField: Sendable {
    enum Value: Sendable {
        case literal(StaticString)
        case text(String)
        case bytes(Bytes)
        case integer(Int)
        case number(Double)
        case bool(Bool)
        /// Written as seconds with the fraction, under the name it was given.
        case duration(Duration)
        case secret
    }

    let name: StaticString
    let value: Value

    @inline(__always)
    init(_ name: StaticString, _ value: Value) {
        self.name = name
        self.value = value
    }

    @inline(__always)
    static func field(_ name: StaticString, _ value: StaticString) -> LogField {
        LogField(name, .literal(value))
    }
    @inline(__always) @_disfavoredOverload
    static func field(_ name: StaticString, _ value: String) -> LogField { LogField(name, .text(value)) }
    @inline(__always)
    static func field(_ name: StaticString, _ value: Bytes) -> LogField { LogField(name, .bytes(value)) }
    @inline(__always)
    static func field(_ name: StaticString, _ value: some FixedWidthInteger) -> LogField {
        LogField(name, .integer(Int(clamping: value)))
    }
    @inline(__always)
    static func field(_ name: StaticString, _ value: Double) -> LogField { LogField(name, .number(value)) }
    @inline(__always)
    static func field(_ name: StaticString, _ value: Bool) -> LogField { LogField(name, .bool(value)) }
    @inline(__always)
    static func field(_ name: StaticString, _ value: Duration) -> LogField {
        LogField(name, .duration(value))
    }
    @inline(__always)
    static func field(_ name: StaticString, _ value: Secret) -> LogField { LogField(name, .secret) }
}
