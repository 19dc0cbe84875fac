// Replaces the master key of a store while others serve from it.
//
//   1. hand over   the new key seals from now on; each of the two opens the other        (one transaction)
//   2. settle      every process that serves has seen it
//   3. re-seal     batch after batch, others' requests in between                        (a transaction each)
//   4. again       until a pass finds nothing: what somebody sealed with the old key at the last moment
//   5. adopt       the new key file takes the place of the old one                       (rename)
//   6. finish      only the new key opens the store                                      (one transaction)
//
// A crash at any point leaves a store that opens with the key that is in place, and the rotation is taken up again
// by running it again. With the key in the environment, steps 5 and 6 happen when the gateway is first started with
// the new one.
//
// Kind: for the command line; blocks.

import CLinux

struct VaultRotation {
    struct Report: Sendable, Equatable {
        /// Records that were written anew.
        var resealed = 0
        /// Texts that look sealed and cannot be opened: tampered with, or written by hand. They are left as they are.
        var unreadable = 0
    }

    /// Longer than every process needs to see the handover (`StorageThread.pollMilliseconds`).
    static let settleMilliseconds = 1500
    private static let batch = 64
    private static let passLimit = 5

    let storage: Storage
    let vault: Vault
    var settle: @Sendable () -> Void = { _ = poll(nil, 0, Int32(settleMilliseconds)) }
    /// Told after each batch how many records were written anew.
    var progress: (Int) -> Void = { _ in }

    /// Rotates the key file of `folder`: makes a new key, or takes up a rotation that was interrupted.
    /// - Throws: `StorageFault`; it can be run again.
    func rotateFile(in folder: String) throws(StorageFault) -> Report {
        let path = MasterKeyFile.path(in: folder)
        let next = "\(FilePath.folder(of: path))/\(MasterKeyFile.nextName)"
        if try asking({ () throws(VaultFault) in try MasterKeyFile.read(next) }) == nil {
            // Interrupted behind the rename: the new key is in place, and only the end is missing.
            if vault.rotation != nil, vault.keys.given.id == vault.keyID {
                let report = try reseal()
                try finish()
                return report
            }
            // The key that was handed over to is known also without its file: the old one opens it.
            let key = vault.rotation == nil ? MasterKey.random(source: path) : vault.keys.current
            try asking { () throws(VaultFault) in try MasterKeyFile.write(key, to: next) }
        }
        guard let key = try asking({ () throws(VaultFault) in try MasterKeyFile.read(next) }) else {
            throw .unavailable("the key file \(next) has gone as soon as it was made")
        }
        let report = try rotate(to: key)
        try asking { () throws(VaultFault) in try MasterKeyFile.adopt(next, as: path) }
        try finish()
        return report
    }

    /// Steps 1 to 4. The store opens with the old and the new key afterwards; `finish`, or the first start with the new
    /// one, ends that.
    func rotate(to next: MasterKey) throws(StorageFault) -> Report {
        let ring = vault.keys
        if ring.current.id != next.id {
            guard ring.rotation == nil else {
                throw .unavailable(
                    "a rotation to master key \(ring.current.id) was begun and is not finished; give that key, and rotate again then")
            }
            let names = ring.handover(to: next)
            let old = Array(ring.current.id.utf8)
            let isOurs = try storage.perform { store throws(StorageFault) in
                try store.setMeta(names, expecting: (VaultRing.Name.current, old))
            }
            guard isOurs else { throw .unavailable("another process rotates the master key at this moment") }
            try storage.perform { [vault] store throws(StorageFault) in try vault.refresh(store) }
        }
        settle()
        return try reseal()
    }

    /// Steps 3 and 4.
    private func reseal() throws(StorageFault) -> Report {
        var report = Report()
        for _ in 0..<Self.passLimit {
            let pass = try self.pass(before: report.resealed)
            report.resealed += pass.resealed
            report.unreadable = pass.unreadable
            if pass.resealed == 0 { break }
        }
        try storage.perform { store throws(StorageFault) in
            _ = try store.setMeta(
                [(VaultRing.Name.rotation, Array(VaultRing.Rotation.sealed.rawValue.utf8))], expecting: nil)
        }
        return report
    }

    private func pass(before: Int) throws(StorageFault) -> Report {
        var report = Report()
        var place: Int64 = 0
        while true {
            let from = place
            let done = try storage.perform { [vault] store throws(StorageFault) in
                let unreadable = Locked(0)
                let step = try store.rewrite(after: from, limit: Self.batch) { record in
                    let (document, failures) = vault.resealed(record)
                    unreadable.withLock { $0 += failures }
                    return document
                }
                return (step, unreadable.withLock { $0 })
            }
            report.resealed += done.0.changed
            report.unreadable += done.1
            progress(before + report.resealed)
            guard let last = done.0.last else { return report }
            place = last
        }
    }

    /// Step 6.
    func finish() throws(StorageFault) {
        try storage.perform { [vault] store throws(StorageFault) in try vault.finishRotation(store) }
    }

    private func asking<Value>(_ body: () throws(VaultFault) -> Value) throws(StorageFault) -> Value {
        do throws(VaultFault) { return try body() } catch { throw .unavailable(error.description) }
    }
}

extension Vault {
    /// The document with everything that an older key has sealed sealed by the current one; nil if there is nothing.
    func resealed(_ record: StoredRecord) -> (document: [UInt8]?, unreadable: Int) {
        let ring = keys
        var unreadable = 0
        let document = SealedFields.replacing(in: record.document) { sealed, pointer in
            guard sealed.keyID != ring.current.id else { return nil }
            let place = SealPlace(record.collection, record.id, pointer)
            guard let key = ring.keys[sealed.keyID], var plain = key.open(sealed, at: place) else {
                unreadable += 1
                return nil
            }
            defer { plain.wipe() }
            return ring.current.seal(plain, at: place)
        }
        return (document, unreadable)
    }
}
