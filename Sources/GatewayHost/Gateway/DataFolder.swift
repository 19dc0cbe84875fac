// The folder in which a gateway keeps what it must not lose and tells others how it is.
//
//   gateway.pid    number of the serving process, locked while it lives
//   listen.json    addresses that are bound, once requests are answered
//   reload.json    outcome of the last reload
//   gateway.db     the store of records (Storage), master.key what opens its secrets
//   plugins/       private copies of the plugins that were loaded
//
// Kind: control thread.

import CLinux

final class DataFolder {
    /// Of the socket by which commands reach the gateway that serves from the folder.
    static let socketName = "admin.sock"

    let path: String
    private var lock: Int32 = -1
    /// The lock is ours, and with it everything the folder says about a running gateway.
    private var isOwner = false

    /// Makes the folder if it is missing (mode 0700) and takes its lock.
    /// - Throws: `GatewayFault` when it cannot be made, or another gateway serves from it.
    init(_ path: String) throws(GatewayFault) {
        self.path = path
        try DataFolder.make(path)
        let file = path + "/gateway.pid"
        lock = gwl_open(file, O_RDWR | O_CREAT, 0o644)
        guard lock >= 0 else { throw GatewayFault("cannot write \(file): \(SystemError(gwl_errno(), "open"))") }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw GatewayFault(
                "another gateway serves from \(path) (its process is named in \(file)); stop it, or set `data` to another folder")
        }
        isOwner = true
        let number = Array("\(getpid())\n".utf8)
        guard ftruncate(lock, 0) == 0, number.withUnsafeBufferPointer({ writeAll(lock, $0) })
        else { throw GatewayFault("cannot write \(file): \(SystemError(gwl_errno(), "write"))") }
    }

    /// Nobody listens there any more.
    func removeSocket() { unlink(path + "/" + DataFolder.socketName) }

    /// Takes back what says that a gateway runs here. The lock's file stays, empty: removing a file
    /// that others may be about to lock would let two gateways hold "the" lock.
    deinit {
        if isOwner {
            unlink(path + "/listen.json")
            removeSocket()
            _ = ftruncate(lock, 0)
        }
        if lock >= 0 { close(lock) }
    }

    /// Replaces a file of the folder as a whole, so that readers never see half of it.
    func write(_ text: String, to name: String) {
        let temporary = "\(path)/.\(name).new"
        let descriptor = gwl_open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard descriptor >= 0 else {
            log.error("cannot write a state file", .field("file", temporary), .field("errno", Int(gwl_errno())))
            return
        }
        var text = text
        let isWritten = text.withUTF8 { writeAll(descriptor, $0) }
        close(descriptor)
        if !isWritten || rename(temporary, "\(path)/\(name)") != 0 {
            log.error("cannot write a state file", .field("file", "\(path)/\(name)"), .field("errno", Int(gwl_errno())))
        }
    }

    /// Makes a folder and its parents, readable for the owner only.
    static func make(_ path: String) throws(GatewayFault) {
        var at = path.startIndex
        while at < path.endIndex {
            let slash = path[path.index(after: at)...].firstIndex(of: "/") ?? path.endIndex
            let part = String(path[..<slash])
            if mkdir(part, 0o700) != 0, gwl_errno() != EEXIST {
                throw GatewayFault("cannot make the data folder \(part): \(SystemError(gwl_errno(), "mkdir"))")
            }
            at = slash
        }
    }
}

private func writeAll(_ descriptor: Int32, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    var done = 0
    while done < bytes.count {
        let count = CLinux.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
        if count < 0 {
            if gwl_errno() == EINTR { continue }
            return false
        }
        done += count
    }
    return true
}
