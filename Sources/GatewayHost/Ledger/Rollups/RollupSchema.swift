// The tables of the roll-ups, and the statements that are made from the list of columns.
//
//   hours, days      what was folded: by hour or day, key, group, account, model
//   removed_hours    of rows that retention has removed, so that the rest can be held against the journal
//   state            how far the journal is folded, in which time zone, and what other nodes must be told (RollupStore+Changes)
//
// `changed` of hours and days is the number of the folding that touched them last: what a shared ledger has not been told yet.
//
// Kind: value.

enum RollupSchema {
    static let version: Int64 = 2
    /// "GWRO" (PRAGMA application_id).
    static let applicationID: Int64 = 0x4757_524f

    static let columns = RollupSums.Column.allCases.map(\.name)
    private static let identity = "key_name, group_name, account, model"

    static let create = """
        BEGIN IMMEDIATE;
        CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        \(table("hours", "hour INTEGER NOT NULL, day INTEGER NOT NULL", "hour", ", changed INTEGER NOT NULL DEFAULT 0"))
        CREATE INDEX IF NOT EXISTS hours_by_day ON hours (day);
        \(table("days", "day INTEGER NOT NULL", "day", ", changed INTEGER NOT NULL DEFAULT 0"))
        \(table("removed_hours", "hour INTEGER NOT NULL, day INTEGER NOT NULL", "hour"))
        PRAGMA application_id = \(applicationID);
        PRAGMA user_version = \(version);
        COMMIT
        """

    /// From version 1. Sums that nobody was told of get small numbers, in pieces that one message can hold.
    static let addChanges = """
        BEGIN IMMEDIATE;
        ALTER TABLE hours ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE days ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
        UPDATE hours SET changed = \(hourAsChange);
        UPDATE days SET changed = \(dayAsChange);
        INSERT INTO state (name, value) SELECT 'rows', coalesce(sum(requests), 0) FROM days;
        INSERT INTO state (name, value) SELECT 'sequence', coalesce(max(changed), 0) FROM (SELECT changed FROM hours UNION SELECT changed FROM days);
        PRAGMA user_version = \(version);
        COMMIT
        """

    /// For sums that were not folded now; far below what foldings are numbered with.
    static let hourAsChange = "max(hour / 3600, 0)"
    static let dayAsChange = "max(day * 24, 0)"

    private static func table(_ name: String, _ times: String, _ first: String, _ more: String = "") -> String {
        """
        CREATE TABLE IF NOT EXISTS \(name) (\(times), key_name TEXT NOT NULL, group_name TEXT NOT NULL,
            account TEXT NOT NULL, model TEXT NOT NULL, \(columns.map { "\($0) INTEGER NOT NULL" }.joined(separator: ", "))\(more),
            PRIMARY KEY (\(first), \(identity))) WITHOUT ROWID;
        """
    }

    /// Adds sums to a group, or makes it; the number of the folding is the last value, where the table has one.
    static func add(to table: String) -> String {
        let times = table == "days" ? "day" : "hour, day"
        let isTold = table != "removed_hours"
        let count = (table == "days" ? 5 : 6) + columns.count + (isTold ? 1 : 0)
        return """
            INSERT INTO \(table) (\(times), \(identity), \(columns.joined(separator: ", "))\(isTold ? ", changed" : ""))
            VALUES (\(Array(repeating: "?", count: count).joined(separator: ", ")))
            ON CONFLICT DO UPDATE SET \(columns.map { "\($0) = \($0) + excluded.\($0)" }.joined(separator: ", "))\(isTold ? ", changed = excluded.changed" : "")
            """
    }

    /// Budgets ask for all days of a key or a group. Not part of the version: a gateway without them is only slower.
    static let indexes = """
        CREATE INDEX IF NOT EXISTS days_by_key ON days (key_name, day);
        CREATE INDEX IF NOT EXISTS days_by_group ON days (group_name, day)
        """

    /// Only where changes are told to others: without them this would be half of the file again.
    static let changeIndexes = """
        CREATE INDEX IF NOT EXISTS hours_by_change ON hours (changed);
        CREATE INDEX IF NOT EXISTS days_by_change ON days (changed)
        """

    static let sums = columns.map { "sum(\($0))" }.joined(separator: ", ")
}
