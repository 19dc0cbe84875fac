// The tables of the roll-ups, and the statements that are made from the list of columns.
//
//   hours, days      what was folded: by hour or day, key, group, account, model
//   removed_hours    of rows that retention has removed, so that the rest can be held against the journal
//   state            how far the journal is folded, and in which time zone
//
// Kind: value.

enum RollupSchema {
    static let version: Int64 = 1
    /// "GWRO" (PRAGMA application_id).
    static let applicationID: Int64 = 0x4757_524f

    static let columns = RollupSums.Column.allCases.map(\.name)
    private static let identity = "key_name, group_name, account, model"

    static let create = """
        BEGIN IMMEDIATE;
        CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        \(table("hours", "hour INTEGER NOT NULL, day INTEGER NOT NULL", "hour"))
        CREATE INDEX IF NOT EXISTS hours_by_day ON hours (day);
        \(table("days", "day INTEGER NOT NULL", "day"))
        \(table("removed_hours", "hour INTEGER NOT NULL, day INTEGER NOT NULL", "hour"))
        PRAGMA application_id = \(applicationID);
        PRAGMA user_version = \(version);
        COMMIT
        """

    private static func table(_ name: String, _ times: String, _ first: String) -> String {
        """
        CREATE TABLE IF NOT EXISTS \(name) (\(times), key_name TEXT NOT NULL, group_name TEXT NOT NULL,
            account TEXT NOT NULL, model TEXT NOT NULL, \(columns.map { "\($0) INTEGER NOT NULL" }.joined(separator: ", ")),
            PRIMARY KEY (\(first), \(identity))) WITHOUT ROWID;
        """
    }

    /// Adds sums to a group, or makes it.
    static func add(to table: String) -> String {
        let times = table == "days" ? "day" : "hour, day"
        let count = (table == "days" ? 5 : 6) + columns.count
        return """
            INSERT INTO \(table) (\(times), \(identity), \(columns.joined(separator: ", ")))
            VALUES (\(Array(repeating: "?", count: count).joined(separator: ", ")))
            ON CONFLICT DO UPDATE SET \(columns.map { "\($0) = \($0) + excluded.\($0)" }.joined(separator: ", "))
            """
    }

    /// Budgets ask for all days of a key or a group. Not part of the version: a gateway without them is only slower.
    static let indexes = """
        CREATE INDEX IF NOT EXISTS days_by_key ON days (key_name, day);
        CREATE INDEX IF NOT EXISTS days_by_group ON days (group_name, day)
        """

    static let sums = columns.map { "sum(\($0))" }.joined(separator: ", ")
}
