// The file of the store: where it lies, how it is made, and how it is judged before anything is written.
//
// Kind: free of state; blocks, so for the control thread and the command line.

import CLinux

enum StorageFile {
    static let name = "gateway.db"
    /// The write-ahead log is cut to this after a burst.
    private static let journalBytes = 16 << 20

    /// Sees meta values of a store by name, before anything is written to it, and throws when it must not be
    /// used: the wrong master key.
    typealias Admission = (StoreMeta) throws(StorageFault) -> Void

    static func path(in folder: String) -> String { folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)" }

    /// What a store may become, and how long another process's lock is waited for.
    struct Limits: Sendable {
        /// 16 GB: ten thousand times what we expect. Then it is as full as a full disk.
        var bytes = 16 << 30
        var busyMilliseconds = SQLiteDatabase.busyMilliseconds
    }
    private static let pageBytes = 4096

    /// Opens the store of `folder`, makes it if it is missing, and brings it to today's version.
    /// - Parameter admit: not called for a store that is new.
    static func open(
        _ folder: String, limits: Limits = Limits(), admit: Admission = { _ throws(StorageFault) in }
    ) throws(StorageFault)
        -> sending SQLiteRecordStore
    {
        let path = path(in: folder)
        try make(path, in: folder)
        let database = try asking(path) { () throws(SQLiteError) in
            try SQLiteDatabase(path, creates: false, busyMilliseconds: limits.busyMilliseconds)
        }
        let version = try StorageSchema.version(of: database, path)
        if version > 0 {
            try admit(StoreMeta(database, path))
        }
        do throws(SQLiteError) {
            // Without trust in the schema a file that somebody prepared cannot run functions of ours.
            try database.execute(
                """
                PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = \(journalBytes);
                PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
                PRAGMA max_page_count = \(limits.bytes / pageBytes)
                """)
            try StorageSchema.migrate(database)
            return try SQLiteRecordStore(database, path: path)
        } catch {
            throw error.fault(path)
        }
    }

    /// Makes an empty file that only its owner reads; SQLite gives its companions (-wal, -shm) the same mode.
    /// Made by root in the folder of somebody else, it is theirs: setup may run as root, the gateway should not.
    /// A file that exists is not opened: closing it would drop the locks that this process has on it (fcntl(2)).
    private static func make(_ path: String, in folder: String) throws(StorageFault) {
        let descriptor = gwl_open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
        if descriptor < 0, gwl_errno() == EEXIST { return }
        guard descriptor >= 0 else {
            throw .unavailable(
                "the store \(path) cannot be opened: \(SystemError.text(of: gwl_errno())). The folder must exist, and it and "
                    + "the file must belong to the user that the gateway runs as")
        }
        defer { close(descriptor) }
        var status = stat()
        if geteuid() == 0, stat(folder, &status) == 0 {
            // Where this is not possible the file stays root's, as whoever runs us as root will see.
            _ = fchown(descriptor, status.st_uid, status.st_gid)
        }
    }

    /// Makes a name that was added to or changed in the folder survive a crash of the machine.
    static func synchronize(_ folder: String) -> Bool {
        let descriptor = gwl_open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return fsync(descriptor) == 0
    }

    private static func asking<Value: ~Copyable>(_ path: String, _ body: () throws(SQLiteError) -> Value) throws(StorageFault)
        -> Value
    {
        do throws(SQLiteError) { return try body() } catch { throw error.fault(path) }
    }
}

/// Meta values of a store that is not in use yet.
struct StoreMeta {
    private let values: [String: [UInt8]]

    init(_ values: [String: [UInt8]]) { self.values = values }

    /// They are few: some keys, each of a hundred bytes.
    fileprivate init(_ database: borrowing SQLiteDatabase, _ path: String) throws(StorageFault) {
        var values: [String: [UInt8]] = [:]
        do throws(SQLiteError) {
            try database.forEach("SELECT name, value FROM meta") { values[$0.text(0)] = $0.blob(1) }
        } catch {
            throw error.fault(path)
        }
        self.values = values
    }

    func value(_ name: String) -> [UInt8]? { values[name] }
    func names(_ prefix: String) -> [String] { values.keys.filter { $0.hasPrefix(prefix) }.sorted() }
}
