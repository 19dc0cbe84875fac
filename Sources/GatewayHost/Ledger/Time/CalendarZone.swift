// A time zone of the IANA database: which hour and which day a moment falls into, for roll-ups and budgets.
//
// Read from the system's compiled files (tzfile(5)), so that the operator's zone follows the system's updates and
// nothing of it is built in.
//
// Kind: value; reading a file blocks. Source: RFC 8536.

struct CalendarZone: Sendable, Equatable {
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    /// As it was asked for: "Europe/Berlin".
    let name: String
    /// Moments at which the offset changes, ascending, in seconds since 1970.
    private let moments: [Int64]
    /// From each moment on.
    private let offsets: [Int64]
    /// Before the first.
    private let first: Int64
    /// Behind the last.
    private let rule: TimeZoneRule?

    static let utc = CalendarZone(name: "UTC")

    private init(name: String) {
        self.name = name
        moments = []
        offsets = []
        first = 0
        rule = nil
    }

    /// - Throws: a sentence, when there is no such zone.
    static func named(_ name: String, folder: String = "/usr/share/zoneinfo") throws(Fault) -> CalendarZone {
        if name == "UTC" { return utc }
        let isPlain = name.utf8.allSatisfy { byte in
            byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a || byte &- 0x30 < 10 || "/_+-".utf8.contains(byte)
        }
        guard isPlain, !name.isEmpty, !name.hasPrefix("/"), name.utf8.count < 100 else {
            throw Fault(description: "\"\(name)\" is no name of a time zone. Write it like Europe/Berlin")
        }
        switch FileBytes.read("\(folder)/\(name)", limit: 1 << 20) {
        case .failure:
            throw Fault(
                description: "there is no time zone \(name) in \(folder). Write it like Europe/Berlin, or install tzdata")
        case .success(let bytes):
            guard let zone = bytes.withUnsafeBytes({ CalendarZone(name: name, Bytes($0)) }) else {
                throw Fault(description: "\(folder)/\(name) is no time zone file")
            }
            return zone
        }
    }

    /// Reads a zone file; nil when it is none.
    init?(name: String, _ bytes: Bytes) {
        guard let header = Header(bytes, at: 0) else { return nil }
        if header.version == 0 {
            guard let table = Table(bytes, at: Header.byteCount, header, timeBytes: 4) else { return nil }
            self.init(name: name, table, rule: nil)
            return
        }
        // The same again with wide times, behind the table for old readers; then the rule, between two line breaks.
        let second = Header.byteCount + header.bodyBytes(timeBytes: 4)
        guard let wide = Header(bytes, at: second), let table = Table(bytes, at: second + Header.byteCount, wide, timeBytes: 8)
        else { return nil }
        let footer = second + Header.byteCount + wide.bodyBytes(timeBytes: 8)
        guard footer < bytes.count, bytes[footer] == 0x0a else { return nil }
        let rest = bytes.slice(footer + 1, bytes.count)
        guard let end = rest.buffer.firstIndex(of: 0x0a) else { return nil }
        let text = rest.slice(0, end).string
        let rule = text.isEmpty ? nil : TimeZoneRule(text)
        if !text.isEmpty, rule == nil { return nil }
        self.init(name: name, table, rule: rule)
    }

    private init(name: String, _ table: Table, rule: TimeZoneRule?) {
        self.name = name
        moments = table.moments
        offsets = table.offsets
        first = table.first
        self.rule = rule
    }

    // MARK: Questions

    /// Seconds east of Greenwich.
    func offset(at seconds: Int64) -> Int64 {
        guard let last = moments.last, seconds < last else { return rule?.offset(at: seconds) ?? offsets.last ?? first }
        var low = 0
        var high = moments.count
        while low < high {
            let middle = (low + high) / 2
            if moments[middle] <= seconds { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? first : offsets[low - 1]
    }

    /// The day on the calendars of the zone.
    func day(of seconds: Int64) -> CivilDay { CivilDay.of(seconds: seconds + offset(at: seconds)).day }

    /// When the hour of the zone's clocks began in which this moment lies, in seconds since 1970. An hour that the
    /// clocks show twice is two hours.
    func hour(of seconds: Int64) -> Int64 {
        let local = seconds + offset(at: seconds)
        return seconds - ((local % 3600) + 3600) % 3600
    }

    /// The first moment of a day, in seconds since 1970.
    ///
    /// Where clocks jump over midnight it is the moment of the jump.
    func start(of day: CivilDay) -> Int64 {
        // Offsets are within 26 hours; the day begins where the question for it changes its answer.
        var low = day.number * CivilDay.seconds - 30 * 3600
        var high = low + 60 * 3600
        while low < high {
            let middle = low + (high - low) / 2
            if self.day(of: middle) < day { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: The file

    private struct Header {
        static let byteCount = 44
        let version: UInt8
        /// In the order of the file: ut/local, standard/wall, leap seconds, times, types, characters.
        let utCount, standardCount, leapCount, timeCount, typeCount, characterCount: Int

        init?(_ bytes: Bytes, at offset: Int) {
            guard bytes.count - offset >= Self.byteCount, bytes.slice(offset, offset + 4).equals(Bytes("TZif")) else { return nil }
            func count(_ place: Int) -> Int { Int(CalendarZone.number(bytes, offset + 20 + place * 4, 4)) }
            version = bytes[offset + 4]
            utCount = count(0)
            standardCount = count(1)
            leapCount = count(2)
            timeCount = count(3)
            typeCount = count(4)
            characterCount = count(5)
            // Far above what exists; it keeps sums from overflowing.
            guard [utCount, standardCount, leapCount, timeCount, typeCount, characterCount].allSatisfy({ (0..<100_000).contains($0) }),
                typeCount > 0
            else { return nil }
        }

        func bodyBytes(timeBytes: Int) -> Int {
            timeCount * (timeBytes + 1) + typeCount * 6 + characterCount + leapCount * (timeBytes + 4) + standardCount + utCount
        }
    }

    private struct Table {
        var moments: [Int64] = []
        var offsets: [Int64] = []
        var first: Int64

        init?(_ bytes: Bytes, at offset: Int, _ header: Header, timeBytes: Int) {
            guard bytes.count - offset >= header.bodyBytes(timeBytes: timeBytes) else { return nil }
            let types = offset + header.timeCount * (timeBytes + 1)
            func utOffset(_ type: Int) -> Int64 { CalendarZone.number(bytes, types + type * 6, 4) }
            // Type 0 holds before the first moment (RFC 8536 section 3.2).
            first = utOffset(0)
            for place in 0..<header.timeCount {
                let type = Int(bytes[offset + header.timeCount * timeBytes + place])
                guard type < header.typeCount else { return nil }
                moments.append(CalendarZone.number(bytes, offset + place * timeBytes, timeBytes))
                offsets.append(utOffset(type))
            }
            guard zip(moments, moments.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
        }
    }

    /// A signed number, the first byte the highest.
    private static func number(_ bytes: Bytes, _ at: Int, _ count: Int) -> Int64 {
        var value = Int64(Int8(bitPattern: bytes[at]))
        for place in 1..<count { value = value << 8 | Int64(bytes[at + place]) }
        return value
    }
}
