// Which store in Redis this node has served from, kept in its data folder: `store.json`.
//
// A Redis that was emptied looks like a new one. Whoever founded a store in it would take the keys of everybody for unknown
// and let the accounts be forgotten; so a node that has known a store starts with that one, or not at all.
//
// Kind: control thread, or the command line's; blocks.

import CLinux

enum StoreMark {
    static let name = "store.json"
    private static let textLimit = 4096

    static func path(in folder: String) -> String { "\(folder)/\(name)" }

    /// The id of the store; nil: this node has known none.
    /// - Throws: `StorageFault` when the file is there and does not say: which store this node knew must not be guessed.
    static func known(in folder: String) throws(StorageFault) -> String? {
        let trouble: String
        switch FileBytes.read(path(in: folder), limit: textLimit) {
        case .success(let bytes):
            if let id = (try? JSONParser.parse(String(decoding: bytes, as: UTF8.self)))?["store"]?.string { return id }
            trouble = "the file \(path(in: folder)) is damaged: it names no store"
        case .failure(let failure):
            if failure.errno == ENOENT { return nil }
            trouble = failure.sentence
        }
        throw .unavailable(
            "\(trouble). It says which store in Redis this gateway has served from, and without it a Redis that was emptied cannot be "
                + "told from the right one. Mend its permissions, or, if what is in Redis now is right, take it with "
                + "\"gateway store accept\"")
    }

    /// The same for who is about to write the file anew.
    static func readable(in folder: String) -> String? {
        do { return try known(in: folder) } catch { return nil }
    }

    /// - Throws: `StorageFault` when the Redis holds another store than the one that this node knows, or none.
    static func check(_ place: StorePlace, in folder: String) throws(StorageFault) {
        guard case .redis(let target) = place, let known = try known(in: folder) else { return }
        let found = try RedisStoreFile.identity(target)
        guard found != known else { return }
        let what = found.map { "holds another store (\($0))" } ?? "holds no store: it was emptied, lost its data, or is another Redis"
        throw .unavailable(
            "\(place) \(what) than the one that this gateway has served from (\(known), kept in \(path(in: folder))). Nothing was changed. "
                + "Restore Redis from its own copy, or a backup with \"gateway restore FILE\", or move records there with \"gateway store "
                + "migrate\". To go on with what is there now, and without the keys and accounts of before: \"gateway store accept\"")
    }

    /// From now on the store that is at the place is the one that this node knows.
    static func keep(_ place: StorePlace, in folder: String) throws(StorageFault) {
        guard case .redis(let target) = place, let id = try RedisStoreFile.identity(target), id != readable(in: folder) else { return }
        let document: JSONValue = ["store": .string(id), "at": .string(place.description)]
        if let failure = FileBytes.replace(path(in: folder), with: document.pretty, mode: 0o600) {
            throw .unavailable(failure.sentence)
        }
    }

    /// This node knows no store any more.
    static func forget(in folder: String) { unlink(path(in: folder)) }
}
