// The series of each label combination that this worker has met, resolved once.
//
// Small numbers of LabelTable index straight into arrays, so that counting an exchange is a few
// array reads and a few atomics, and no text is touched. Resolution happens at the first use, so a
// series that never counted anything is not in the scrape.
//
// Kind: confined to its worker.

import PluginKit

/// What is counted for each small number, resolved when it is first counted.
struct SeriesRows<Row: BitwiseCopyable>: ~Copyable {
    /// Initialised where it is resolved.
    private let rows: UnsafeMutablePointer<Row>
    private let isResolved: UnsafeMutablePointer<Bool>

    init(count: Int) {
        rows = .allocate(capacity: max(count, 1))
        isResolved = .allocate(capacity: max(count, 1))
        isResolved.initialize(repeating: false, count: max(count, 1))
    }

    deinit {
        rows.deallocate()
        isResolved.deallocate()
    }

    /// Where it is: a row is long, and an exchange needs a part of it.
    /// - Precondition: `index` is smaller than the `count` it was made for, as numbers of a LabelTable are.
    @inline(__always)
    func at(_ index: Int, or resolve: () -> Row) -> UnsafePointer<Row> {
        if !isResolved[index] {
            (rows + index).initialize(to: resolve())
            isResolved[index] = true
        }
        return UnsafePointer(rows + index)
    }
}

/// Series of one metric over two small numbers. A row takes memory when something in it is counted.
struct SeriesGrid: ~Copyable {
    private let rows: UnsafeMutablePointer<UnsafeMutablePointer<Series?>?>
    private let rowCount: Int
    private let columns: Int

    init(rows count: Int, columns: Int) {
        rowCount = count
        self.columns = columns
        rows = .allocate(capacity: max(count, 1))
        rows.initialize(repeating: nil, count: max(count, 1))
    }

    deinit {
        for row in 0..<rowCount { rows[row]?.deallocate() }
        rows.deallocate()
    }

    /// - Precondition: both are smaller than the grid was made for.
    @inline(__always)
    func at(_ row: Int, _ column: Int, or resolve: () -> Series) -> Series {
        if let series = rows[row]?[column] { return series }
        return remember(row, column, resolve())
    }

    private func remember(_ row: Int, _ column: Int, _ series: Series) -> Series {
        if rows[row] == nil {
            let cells = UnsafeMutablePointer<Series?>.allocate(capacity: columns)
            cells.initialize(repeating: nil, count: columns)
            rows[row] = cells
        }
        rows[row]?[column] = series
        return series
    }
}

/// Kinds of tokens, in the order of `TokenKind.allCases`, as label values.
enum TokenKind: Int, CaseIterable {
    case input, output, cacheRead, cacheWrite5m, cacheWrite1h

    var label: StaticString {
        switch self {
        case .input: "input"
        case .output: "output"
        case .cacheRead: "cache_read"
        case .cacheWrite5m: "cache_write_5m"
        case .cacheWrite1h: "cache_write_1h"
        }
    }

    var attribute: String {
        switch self {
        case .input: GW_ATTR_TOKENS_INPUT
        case .output: GW_ATTR_TOKENS_OUTPUT
        case .cacheRead: GW_ATTR_CACHE_READ
        case .cacheWrite5m: GW_ATTR_CACHE_WRITE_5M
        case .cacheWrite1h: GW_ATTR_CACHE_WRITE_1H
        }
    }
}

/// Classes of statuses as label values; what the client saw nothing of is "none".
enum StatusClass: Int, CaseIterable {
    case none, informational, success, redirection, clientError, serverError

    init(_ status: Int) { self = StatusClass(rawValue: status / 100) ?? .none }

    var label: StaticString {
        switch self {
        case .none: "none"
        case .informational: "1xx"
        case .success: "2xx"
        case .redirection: "3xx"
        case .clientError: "4xx"
        case .serverError: "5xx"
        }
    }
}
