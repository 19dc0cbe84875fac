// Rows in aligned columns, for a terminal of some width or for a file.
//
// Columns are as wide as their widest cell. Where a terminal is narrower than that, the widest columns give first, and what was
// cut ends in an ellipsis; columns that people copy from (ids) stay whole. A file gets everything.
//
// Kind: value. Pure.

struct Table: Sendable {
    struct Column: Sendable {
        var title: String
        var alignsRight = false
        /// Never cut.
        var isWhole = false
    }

    struct Cell: Sendable, Equatable, ExpressibleByStringInterpolation {
        var text: String
        var tone = Paint.Tone.plain

        init(_ text: String, _ tone: Paint.Tone = .plain) {
            self.text = DisplayWidth.printable(text)
            self.tone = tone
        }

        init(stringLiteral value: String) { self.init(value) }
    }

    static let gap = 2
    /// A column narrower than this says nothing.
    static let leastWidth = 6

    var columns: [Column]
    var rows: [[Cell]] = []

    /// - Parameter width: nil: as wide as it needs.
    func lines(width: Int?, paint: Paint) -> [String] {
        let widths = widths(fitting: width)
        let head = columns.map { Cell($0.title.uppercased(), .bold) }
        return ([head] + rows).map { row in
            var line = ""
            for (index, cell) in row.enumerated() {
                let text = DisplayWidth.cut(cell.text, to: widths[index])
                let blanks = String(repeating: " ", count: widths[index] - DisplayWidth.of(text))
                let isLast = index == row.count - 1
                if columns[index].alignsRight {
                    line += blanks + paint(cell.tone, text)
                } else {
                    line += paint(cell.tone, text) + (isLast ? "" : blanks)
                }
                if !isLast { line += String(repeating: " ", count: Table.gap) }
            }
            return line
        }
    }

    private func widths(fitting limit: Int?) -> [Int] {
        let needed = columns.indices.map { index in rows.reduce(0) { max($0, DisplayWidth.of($1[index].text)) } }
        var widths = columns.indices.map { max(needed[$0], DisplayWidth.of(columns[$0].title)) }
        guard let limit else { return widths }
        var excess = widths.reduce(0, +) + Table.gap * (columns.count - 1) - limit
        // Titles first: what is said under them matters more.
        Table.shrink(&widths, by: &excess, columns.indices.map { columns[$0].isWhole ? widths[$0] : max(needed[$0], Table.leastWidth) })
        Table.shrink(&widths, by: &excess, columns.indices.map { columns[$0].isWhole ? widths[$0] : Table.leastWidth })
        return widths
    }

    /// Takes from the widest first, never below `least`.
    private static func shrink(_ widths: inout [Int], by excess: inout Int, _ least: [Int]) {
        while excess > 0 {
            let candidates = widths.indices.filter { widths[$0] > least[$0] }
            guard let widest = candidates.max(by: { widths[$0] < widths[$1] }) else { return }
            // Down to the next one, so that equals then share what is left.
            let next = candidates.map { widths[$0] }.filter { $0 < widths[widest] }.max() ?? 0
            let step = min(excess, max(1, widths[widest] - max(next, least[widest])))
            widths[widest] -= step
            excess -= step
        }
    }
}

/// Names and values under each other, the names aligned: one record.
struct Listing: Sendable {
    var rows: [(name: String, value: Table.Cell)] = []

    func lines(width: Int?, paint: Paint) -> [String] {
        let left = rows.map { DisplayWidth.of($0.name) }.max() ?? 0
        return rows.flatMap { name, value -> [String] in
            let room = width.map { max(20, $0 - left - 4) }
            let parts = room.map { DisplayWidth.wrap(value.text, to: $0) } ?? [value.text]
            return parts.enumerated().map { index, part in
                let label = index == 0 ? name : ""
                let blanks = String(repeating: " ", count: left - DisplayWidth.of(label) + 2)
                return "  " + paint(.dim, label) + blanks + paint(value.tone, part)
            }
        }
    }
}
