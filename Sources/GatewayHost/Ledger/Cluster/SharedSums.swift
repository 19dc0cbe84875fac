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
        var rest = who[...]
        func number(until mark: UInt8) -> Int64? {
            guard let end = rest.firstIndex(of: mark), end - rest.startIndex < 20 else { return nil }
            defer { rest = rest[(end + 1)...] }
            return Int64(String(decoding: rest[..<end], as: UTF8.self))
        }
        func part() -> String? {
            guard let count = number(until: 0x3a), count >= 0, count <= rest.count else { return nil }
            defer { rest = rest.dropFirst(Int(count)) }
            return String(decoding: rest.prefix(Int(count)), as: UTF8.self)
        }
        var start: Int64 = 0
        if hour {
            guard let number = number(until: 0x3b) else { return nil }
            start = number
        }
        guard let key = part(), let group = part(), let account = part(), let model = part(), rest.isEmpty else { return nil }
        return RollupBatch.Group(hour: start, day: CivilDay(number: day), key: key, group: group, account: account, model: model)
    }

    /// Columns that a newer gateway added are left out.
    static func sums(_ text: [UInt8]) -> RollupSums? {
        var sums = RollupSums()
        guard !text.isEmpty else { return sums }
        let parts = text.split(separator: 0x2c, omittingEmptySubsequences: false)
        for (column, part) in zip(RollupSums.Column.allCases, parts) {
            guard let number = Int64(String(decoding: part, as: UTF8.self)) else { return nil }
            sums[column] = number
        }
        return sums
    }
}
