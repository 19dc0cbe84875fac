// The store and the vault of a gateway, opened together: at its start, or for a command that works on the same folder.
//
// Kind: control thread, or the command line's; blocks.

import CLinux

enum GatewayStore {
    /// Opens what is in the data folder, or makes it. A master key that is missing is made only for a store in which
    /// nothing is sealed yet.
    /// - Throws: `GatewayFault` with the sentence that says how to mend it.
    static func open(_ config: GatewayConfig) throws -> (storage: Storage, vault: Vault) {
        try DataFolder.make(config.data)
        let variable = try Environment.current()[MasterKeyFile.variable].map { Secret($0) }
        do {
            let place = StorePlace(config)
            try StoreMark.check(place, in: config.data)
            let file = MasterKeyFile.path(in: config.data)
            if try MasterKeyFile.find(folder: config.data, variable: variable) == nil {
                try refuseIfSealed(place, file)
            }
            let (key, isNew) = try MasterKeyFile.findOrMake(folder: config.data, variable: variable)
            if isNew {
                log.warning(
                    "a master key was made; keep a copy of it apart from backups of the store, for without it no secret of the store can be read",
                    .field("file", file), .field("key", key.id))
            }
            let opened = try Vault.open(place, key: key)
            try StoreMark.keep(place, in: config.data)
            return opened
        } catch {
            throw GatewayFault("\(error)")
        }
    }

    /// A new key would open nothing of what a store holds.
    private static func refuseIfSealed(_ place: StorePlace, _ file: String) throws(StorageFault) {
        guard try place.exists() else { return }
        let storage = try Storage.open(place) { meta throws(StorageFault) in
            guard meta.value(VaultRing.Name.current) != nil else { return }
            throw .wrongKey(
                "the store \(place) is sealed, and its master key is not here: neither "
                    + "\(MasterKeyFile.variable) is set nor is there \(file). Nothing was changed. Put the key back where it was, "
                    + "from the copy that was kept of it")
        }
        storage.close()
    }
}
