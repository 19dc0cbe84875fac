// How a group and its sums are written in Redis: two texts of a hash.
//
//   who    5:alice0:4:main17:claude-sonnet-4-6      key, group, account, model, each behind its bytes; before hours `1792000800;`
//   sums   3,3,0,0,0,0,3,1200,84                    the columns of RollupSums in their order, zeros at the end left out
//
// Redis never computes with them: its scripts have numbers of 53 bits, and sums have 64.
//
// Kind: pure functions.

enum SharedSums {
    static func who(_ group: RollupBatch.Group, hour: Bool) -> [UInt8] {
        var text = hour ? Array("\(group.hour);".utf8) : []
        for part in [group.key, group.group, group.account, group.model] {
            text += Array("\(part.utf8.count):".utf8)
            text += Array(part.utf8)
        }
        return text
    }

    static func text(_ sums: RollupSums) -> [UInt8] {
        var values = RollupSums.Column.allCases.map { sums[$0] }
        while values.last == 0 { values.removeLast() }
        return Array(values.map { "\($0)" }.joined(separator: ",").utf8)
    }

    /// nil: it was written by nobody who writes like this.
    static func group(_ who: [UInt8], day: Int64, hour: Bool) -> RollupBatch.Group? {
        var at = 0
        func part() -> String? {
            guard let count = number(who, &at, until: 0x3a), count >= 0, count <= Int64(who.count - at) else { return nil }
            defer { at += Int(count) }
            return String(decoding: who[at..<at + Int(count)], as: UTF8.self)
        }
        var start: Int64 = 0
        if hour {
            guard let number = number(who, &at, until: 0x3b) else { return nil }
            start = number
        }
        guard let key = part(), let group = part(), let account = part(), let model = part(), at == who.count else { return nil }
        return RollupBatch.Group(hour: start, day: CivilDay(number: day), key: key, group: group, account: account, model: model)
    }

    /// Columns that a newer gateway added are left out.
    static func sums(_ text: [UInt8]) -> RollupSums? {
        var sums = RollupSums()
        var at = 0
        for column in RollupSums.Column.allCases where at < text.count {
            guard let number = number(text, &at, until: 0x2c) else { return nil }
            sums[column] = number
        }
        return sums
    }

    /// Decimal digits up to a mark, which is passed over, or the end. There are a hundred thousand of them in a question about a month,
    /// so no text is made of each.
    private static func number(_ text: [UInt8], _ at: inout Int, until mark: UInt8) -> Int64? {
        var place = at
        let isNegative = place < text.count && text[place] == 0x2d
        if isNegative { place += 1 }
        let first = place
        var value: Int64 = 0
        while place < text.count, text[place] != mark {
            let digit = Int64(text[place]) - 0x30
            // Counted downwards, where there is room for one more.
            let (tens, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (next, isTooLargeYet) = tens.subtractingReportingOverflow(digit)
            guard (0...9).contains(digit), !isTooLarge, !isTooLargeYet else { return nil }
            value = next
            place += 1
        }
        guard place > first, place < text.count || mark == 0x2c, isNegative || value > .min else { return nil }
        at = place + 1
        return isNegative ? value : -value
    }
}
