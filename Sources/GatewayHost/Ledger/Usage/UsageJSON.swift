// Sums of usage as JSON, with the members that the documents name.
//
// Kind: pure functions.

enum UsageJSON {
    static func lines(_ lines: [(group: UsageGroup, sums: RollupSums)], _ dimensions: [UsageDimension]) -> JSONValue {
        .array(
            lines.map { line in
                var object = JSONObject()
                for dimension in dimensions { object[dimension.rawValue] = .string(line.group.text(dimension)) }
                for column in RollupSums.Column.allCases { object[column.name] = .int(line.sums[column]) }
                return .object(object)
            })
    }
}
