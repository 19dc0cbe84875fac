// The series of each label combination that this worker has met, resolved once.
//
// Small numbers of LabelTable index straight into arrays, so that counting an exchange is a few
// array reads and a few atomics, and no text is touched. Resolution happens at the first use, so a
// series that never counted anything is not in the scrape.
//
// Kind: confined to its worker.

import PluginKit

/// Series of one metric over two small numbers.
struct SeriesGrid {
    private var cells: [Series?]
    private let columns: Int

    init(rows: Int, columns: Int) {
        cells = Array(repeating: nil, count: rows * columns)
        self.columns = columns
    }

    mutating func at(_ row: Int, _ column: Int, or resolve: () -> Series) -> Series {
        let index = row * columns + column
        if let series = cells[index] { return series }
        let series = resolve()
        cells[index] = series
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
