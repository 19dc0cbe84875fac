// Seals secrets for the store and opens them, with the keys of the ring.
//
// Anything on any thread may seal and open: it costs a microsecond or two and no I/O. When another process rotates
// the master key, the storage thread sees it and the vault takes the new ring over before records sealed with it
// can arrive.
//
// Kind: shared; the ring is replaced as a whole behind a lock.

final class Vault: Sendable {
    private let ring: Locked<VaultRing>

    /// Opens or makes the store of `folder` and its vault. A key that does not fit is refused before anything is
    /// written.
    /// - Throws: `StorageFault.wrongKey`, or why the store cannot be opened.
    /// - Thread: control, or the command line's; blocks.
    static func open(folder: String, key: MasterKey) throws(StorageFault) -> (storage: Storage, vault: Vault) {
        try open(.folder(folder), key: key)
    }

    /// The same for a place.
    static func open(_ place: StorePlace, key: MasterKey) throws(StorageFault) -> (storage: Storage, vault: Vault) {
        let path = place.description
        let storage = try Storage.open(place) { meta throws(StorageFault) in
            try StorePlace.admitWhole(meta, path)
            let names = meta.names(VaultRing.Name.wraps)
            _ = try VaultRing(key, path: path, names: names) { name in meta.value(name) }
        }
        do throws(StorageFault) {
            let vault = try storage.perform { store throws(StorageFault) in try Vault(store, key) }
            storage.whenOthersChange { store throws(StorageFault) in try vault.refresh(store) }
            return (storage, vault)
        } catch {
            storage.close()
            throw error
        }
    }

    private init(_ store: any RecordStore, _ key: MasterKey) throws(StorageFault) {
        if try VaultRing.read(store, key) == nil {
            // Another process may be first; then its hash key counts.
            _ = try store.setMeta(VaultRing.founding(key), expecting: (VaultRing.Name.current, nil))
        }
        guard let found = try VaultRing.read(store, key) else {
            throw .unavailable("the store \(store.path) lost its keys while it was opened")
        }
        ring = Locked(found)
        // The last step of a rotation whose new key came by the environment: it is there now.
        if found.rotation == .sealed, found.given.id == found.current.id { try finishRotation(store) }
    }

    // MARK: Sealing

    /// The text to store in place of the secret.
    func seal(_ plain: [UInt8], at place: SealPlace) -> String {
        ring.withLock { $0.current }.seal(plain, at: place)
    }

    /// The secret. Wipe it when it was used.
    func open(_ sealed: String, at place: SealPlace) throws(VaultFault) -> [UInt8] {
        guard let sealed = SealedText(sealed) else { throw .malformed }
        guard let key = ring.withLock({ $0.keys[sealed.keyID] }) else { throw .unknownKey(sealed.keyID) }
        guard let plain = key.open(sealed, at: place) else { throw .refused(place) }
        return plain
    }

    /// 32 bytes that nobody without the master key can compute; the same for one purpose for the life of the store, also
    /// when the master key changes.
    func derive(_ purpose: String) -> [UInt8] {
        let root = ring.withLock { $0.hashKey }
        let key = root.withBytes { root in
            Array("gateway: derive \(purpose)".utf8).withUnsafeBytes { HKDF.derive(root, salt: Bytes(""), purpose: Bytes($0)) }
        }
        return key.withBytes { [UInt8]($0.buffer) }
    }

    /// The id of the key that seals, for people.
    var keyID: String { ring.withLock { $0.current.id } }
    /// A rotation was begun and is not finished.
    var rotation: VaultRing.Rotation? { ring.withLock { $0.rotation } }

    // MARK: Keys

    var keys: VaultRing { ring.withLock { $0 } }

    /// Takes over what another process has done to the keys.
    func refresh(_ store: any RecordStore) throws(StorageFault) {
        let known = keys
        // Either key may have been retired since; what this process can open it keeps.
        for key in [known.given, known.current] {
            do throws(StorageFault) {
                guard let found = try VaultRing.read(store, key) else { continue }
                ring.withLock { $0 = found.keeping(known) }
                return
            } catch .wrongKey {
                continue
            }
        }
        log.error("the store was sealed with a master key that this process does not have; restart it", .field("store", store.path))
    }

    /// Only the current key opens the store from now on.
    func finishRotation(_ store: any RecordStore) throws(StorageFault) {
        let current = keys.current.id
        let old = try store.metaNames(VaultRing.Name.wraps).filter { !$0.hasSuffix(".\(current)") }
        _ = try store.setMeta(old.map { ($0, nil) } + [(VaultRing.Name.rotation, nil)], expecting: nil)
        try refresh(store)
    }
}
