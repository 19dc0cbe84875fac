// An answer about usage as a table for people, as JSON, and as CSV.
//
// Kind: value. Pure.

enum UsageReport {
    typealias Line = (group: UsageGroup, sums: RollupSums)

    /// Dollars with all nine digits that a nano-dollar has.
    static func dollars(_ nano: Int64) -> String { ExactDecimal.text(nano, digits: 9, least: 2) }

    static func table(_ lines: [Line], _ dimensions: [UsageDimension]) -> Table {
        let numbers: [(title: String, columns: [RollupSums.Column])] = [
            ("requests", [.requests]), ("failed", [.failed, .interrupted]), ("refused", [.refused]), ("input", [.inputTokens]),
            ("read", [.cacheReadTokens]), ("written", [.cacheWrite5mTokens, .cacheWrite1hTokens]), ("output", [.outputTokens]),
        ]
        var table = Table(columns: dimensions.map { Table.Column(title: $0.rawValue) })
        table.columns += numbers.map { Table.Column(title: $0.title, alignsRight: true, isWhole: true) }
        table.columns.append(Table.Column(title: "dollars", alignsRight: true, isWhole: true))
        func row(_ names: [String], _ sums: RollupSums) -> [Table.Cell] {
            let unpriced = sums[.unpriced] > 0
            return names.map { Table.Cell($0) }
                + numbers.map { Table.Cell("\($0.columns.reduce(0) { $0 + sums[$1] })") }
                + [Table.Cell((unpriced ? "≥ " : "") + dollars(sums[.cost]), unpriced ? .warning : .plain)]
        }
        var total = RollupSums()
        for line in lines {
            total.add(line.sums)
            table.rows.append(row(dimensions.map { line.group.text($0) }, line.sums))
        }
        if !dimensions.isEmpty, lines.count > 1 {
            table.rows.append(row(dimensions.indices.map { $0 == 0 ? "all" : "" }, total))
        }
        return table
    }

    static func csv(_ lines: [Line], _ dimensions: [UsageDimension]) -> [String] {
        let head = dimensions.map(\.rawValue) + RollupSums.Column.allCases.map(\.name)
        return [head.joined(separator: ",")]
            + lines.map { line in
                (dimensions.map { CSVText.field(line.group.text($0)) } + RollupSums.Column.allCases.map { "\(line.sums[$0])" })
                    .joined(separator: ",")
            }
    }
}
