// The keys of a store, as its meta values keep them.
//
//   vault.current            id of the key that seals
//   vault.hash               32 random bytes, sealed by it: the root of keyed hashes, and what proves a master key
//   vault.wrap.<a>.<b>       the secret of key a, sealed by key b: who has b has a
//   vault.rotation           `sealing` or `sealed` while one key replaces another
//
// During a rotation each of the two keys opens the other, so the store opens with either, and a crash at any point
// locks nobody out. Afterwards only the new one opens it; the old one is kept sealed by the new, for a value that
// somebody sealed with it at the last moment.
//
// Kind: value.

struct VaultRing: Sendable {
    enum Name {
        static let current = "vault.current"
        static let hash = "vault.hash"
        static let rotation = "vault.rotation"
        static let wraps = "vault.wrap."
        static func wrap(_ inner: String, _ outer: String) -> String { "\(wraps)\(inner).\(outer)" }
    }
    enum Rotation: String, Sendable { case sealing, sealed }

    /// A chain of more old keys than this means that rotations were never finished.
    private static let countLimit = 16

    /// The key that the process was started with.
    let given: MasterKey
    let current: MasterKey
    let keys: [String: MasterKey]
    let hashKey: SecretBytes
    let rotation: Rotation?

    /// Where things of the ring stand, as the place they are sealed for.
    static func hashPlace() -> SealPlace { SealPlace("vault", "hash", "") }
    static func wrapPlace(_ inner: String) -> SealPlace { SealPlace("vault", inner, "wrap") }

    /// The ring of a store that has one; nil for a store that was never sealed.
    /// - Throws: `StorageFault.wrongKey` when `key` does not open it.
    init?(_ key: MasterKey, path: String, names: [String], meta: (String) throws(StorageFault) -> [UInt8]?)
        throws(StorageFault)
    {
        func text(_ name: String) throws(StorageFault) -> String? {
            try meta(name).map { String(decoding: $0, as: UTF8.self) }
        }
        guard let currentID = try text(Name.current) else { return nil }
        var keys = [key.id: key]
        var isGrowing = true
        while isGrowing, keys.count <= Self.countLimit {
            isGrowing = false
            for name in names {
                let parts = name.dropFirst(Name.wraps.count).split(separator: ".")
                guard parts.count == 2, let outer = keys[String(parts[1])], keys[String(parts[0])] == nil,
                    let wrapped = try text(name).flatMap({ SealedText($0) }),
                    var bytes = outer.open(wrapped, at: Self.wrapPlace(String(parts[0])))
                else { continue }
                let secret = bytes.withUnsafeBytes { SecretBytes(copying: $0) }
                bytes.wipe()
                if let inner = try? MasterKey(secret: secret, source: "the store"), inner.id == parts[0] {
                    keys[inner.id] = inner
                    isGrowing = true
                }
            }
        }
        guard let current = keys[currentID],
            let sealed = try text(Name.hash).flatMap({ SealedText($0) }),
            var hash = current.open(sealed, at: Self.hashPlace()), hash.count == AESGCM.keyBytes
        else {
            throw .wrongKey(
                "the store \(path) is sealed with master key \(currentID), and \(key.source) holds another (\(key.id)). Nothing was "
                    + "changed. Start with the key it was sealed with, or restore a backup that fits this key")
        }
        self.given = key
        self.current = current
        self.keys = keys
        hashKey = hash.withUnsafeBytes { SecretBytes(copying: $0) }
        hash.wipe()
        rotation = try text(Name.rotation).flatMap { Rotation(rawValue: $0) }
    }

    /// The same from an open store.
    static func read(_ store: any RecordStore, _ key: MasterKey) throws(StorageFault) -> VaultRing? {
        let names = try store.metaNames(Name.wraps)
        return try VaultRing(key, path: store.path, names: names) { name throws(StorageFault) in try store.meta(name) }
    }

    /// What makes a store that was never sealed one of `key`.
    static func founding(_ key: MasterKey) -> [(name: String, value: [UInt8]?)] {
        var hash = [UInt8](repeating: 0, count: AESGCM.keyBytes)
        hash.withUnsafeMutableBytes { RandomBytes.fill($0) }
        defer { hash.wipe() }
        return [
            (Name.current, Array(key.id.utf8)), (Name.hash, Array(key.seal(hash, at: hashPlace()).utf8)),
        ]
    }

    /// What makes `next` the key that seals, with either key opening the other.
    func handover(to next: MasterKey) -> [(name: String, value: [UInt8]?)] {
        func wrap(_ inner: MasterKey, in outer: MasterKey) -> (name: String, value: [UInt8]?) {
            let sealed = inner.secret.withBytes { outer.seal([UInt8]($0.buffer), at: Self.wrapPlace(inner.id)) }
            return (Name.wrap(inner.id, outer.id), Array(sealed.utf8))
        }
        let hash = hashKey.withBytes { next.seal([UInt8]($0.buffer), at: Self.hashPlace()) }
        return [
            wrap(current, in: next), wrap(next, in: current), (Name.hash, Array(hash.utf8)),
            (Name.current, Array(next.id.utf8)), (Name.rotation, Array(Rotation.sealing.rawValue.utf8)),
        ]
    }
}

extension VaultRing {
    /// The same, and what `other` can open besides.
    func keeping(_ other: VaultRing) -> VaultRing {
        VaultRing(
            given: other.given, current: current, keys: keys.merging(other.keys) { mine, _ in mine }, hashKey: hashKey,
            rotation: rotation)
    }

    private init(given: MasterKey, current: MasterKey, keys: [String: MasterKey], hashKey: SecretBytes, rotation: Rotation?) {
        self.given = given
        self.current = current
        self.keys = keys
        self.hashKey = hashKey
        self.rotation = rotation
    }
}
