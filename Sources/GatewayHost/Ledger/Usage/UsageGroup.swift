// What usage may be asked by, and a group of an answer.
//
// Kind: value.

enum UsageDimension: String, CaseIterable, Sendable {
    case day, hour, key, group, account, model, node

    /// In the tables of roll-ups, which know no nodes: they are those of one.
    var column: String {
        switch self {
        case .day: "day"
        case .hour: "hour"
        case .key: "key_name"
        case .group: "group_name"
        case .account: "account"
        case .model, .node: "model"
        }
    }

    func read(_ row: SQLiteRow, _ place: Int32, _ group: inout UsageGroup) {
        switch self {
        case .day: group.day = CivilDay(number: row.int(place))
        case .hour: group.hour = row.int(place)
        case .key: group.key = row.text(place)
        case .group: group.group = row.text(place)
        case .account: group.account = row.text(place)
        case .model: group.model = row.text(place)
        case .node: break
        }
    }
}

/// Nil where the answer is not grouped by it.
struct UsageGroup: Hashable, Sendable {
    var day: CivilDay?
    /// Seconds since 1970.
    var hour: Int64?
    var key: String?
    var group: String?
    var account: String?
    var model: String?
    var node: String?

    init() {}

    init(_ group: RollupBatch.Group, by dimensions: [UsageDimension]) {
        for dimension in dimensions {
            switch dimension {
            case .day: day = group.day
            case .hour: hour = group.hour
            case .key: key = group.key
            case .group: self.group = group.group
            case .account: account = group.account
            case .model: model = group.model
            case .node: break
            }
        }
    }

    /// As tables, JSON and CSV write it; hours as RFC 3339.
    func text(_ dimension: UsageDimension) -> String {
        switch dimension {
        case .day: day?.description ?? ""
        case .hour: hour.map { RowTime.text(seconds: $0) } ?? ""
        case .key: key ?? ""
        case .group: group ?? ""
        case .account: account ?? ""
        case .model: model ?? ""
        case .node: node ?? ""
        }
    }
}

extension UsageGroup: Comparable {
    static func < (one: UsageGroup, other: UsageGroup) -> Bool {
        for dimension in UsageDimension.allCases {
            let a = one.text(dimension)
            let b = other.text(dimension)
            if a != b { return a < b }
        }
        return false
    }
}
