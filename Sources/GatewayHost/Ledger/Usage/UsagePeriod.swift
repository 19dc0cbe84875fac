// The times that a question about usage is about, as people write them.
//
// Kind: pure functions.

enum UsagePeriod {
    /// One of the two is not what it should be; `name` says which.
    struct Fault: Error, Equatable {
        var name: String
        /// A clause: "is no day. Write it like …".
        var words: String
    }

    /// Without a beginning: the last thirty days.
    private static let usualDays: Int64 = 30

    /// Days from `since` up to and including `until`: 2026-11-01, or 30d for the last thirty days.
    /// - Parameter now: seconds since 1970.
    static func days(since: String?, until: String?, _ zone: CalendarZone, now: Int64) throws(Fault) -> Range<Int64> {
        let today = zone.day(of: now).number
        func day(_ name: String, _ text: String?, unless initial: Int64) throws(Fault) -> Int64 {
            guard let text else { return initial }
            if let day = CivilDay(text) { return day.number }
            if let count = count(text) { return today - count + 1 }
            throw Fault(name: name, words: "\(ConfigFault.printable(text, limit: 60)) is no day. Write it like 2026-11-01, or 30d")
        }
        let first = try day("since", since, unless: today - usualDays + 1)
        let last = try day("until", until, unless: today)
        guard first <= last else { throw Fault(name: "since", words: "lies behind until") }
        return first..<last + 1
    }

    /// Moments from `since` up to, and without, `until`, in nanoseconds since 1970; a day means all its hours.
    static func moments(since: String?, until: String?, _ zone: CalendarZone, now: Int64) throws(Fault) -> Range<Int64> {
        func moment(_ name: String, _ text: String?) throws(Fault) -> (seconds: Int64, isDay: Bool)? {
            guard let text else { return nil }
            if let count = count(text) { return (zone.start(of: CivilDay(number: zone.day(of: now).number - count + 1)), true) }
            guard let seconds = RowTime.seconds(text, zone), abs(seconds) < Int64.max / 1_000_000_000 else {
                throw Fault(name: name, words: "is no day and no moment. Write it like 2026-11-01, 30d or 2026-11-26T04:00:00Z")
            }
            return (seconds, CivilDay(text) != nil)
        }
        let first = try moment("since", since).map { $0.seconds * 1_000_000_000 } ?? .min
        var last = Int64.max
        if let (seconds, isDay) = try moment("until", until) {
            let end = isDay ? zone.start(of: CivilDay(number: zone.day(of: seconds).number + 1)) : seconds
            last = end * 1_000_000_000
        }
        return first..<max(first, last)
    }

    private static func count(_ text: String) -> Int64? {
        guard text.hasSuffix("d"), let count = Int64(text.dropLast()), (1...100_000).contains(count) else { return nil }
        return count
    }
}

extension UsageDimension {
    /// `day,key,model`; nil in place of a word that is none, which is the first of the pair.
    static func list(_ text: String) -> Result<[UsageDimension], UsagePeriod.Fault> {
        var dimensions: [UsageDimension] = []
        for word in text.split(separator: ",") {
            guard let dimension = UsageDimension(rawValue: String(word)) else {
                let question = SpellingSuggestion.question(for: String(word), in: allCases.map(\.rawValue)) ?? ""
                return .failure(
                    UsagePeriod.Fault(name: "by", words: "has no \"\(ConfigFault.printable(String(word), limit: 60))\". \(question)"))
            }
            if !dimensions.contains(dimension) { dimensions.append(dimension) }
        }
        return .success(dimensions)
    }
}
