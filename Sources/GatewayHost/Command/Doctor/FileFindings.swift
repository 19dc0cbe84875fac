// What the doctor sees of files: the configuration, .env, keys, the data folder and its disk.
//
// Kind: free of state; reads the file system.

import CLinux

enum FileFindings {
    /// Below this a day of logs or one large upload fills the disk.
    static let leastFreeBytes: UInt64 = 1 << 30
    static let leastFreeInodes: UInt64 = 1000

    static func configuration(_ config: GatewayConfig) -> [Finding] {
        [Finding(.ok, "configuration", "\(config.file) is valid")]
            + config.warnings.map {
                Finding(.warning, "configuration", ($0.path.isEmpty ? "" : "\($0.path): ") + $0.sentence, mend: $0.suggestion)
            }
            + certificates(config)
    }

    private static func certificates(_ config: GatewayConfig) -> [Finding] {
        config.listeners.compactMap(\.tls).compactMap { files in
            guard let mode = FileBytes.mode(of: files.key) else {
                return Finding(.fault, "TLS", "\(files.key) cannot be read", mend: "Give this user the right to read it.")
            }
            guard mode & 0o044 != 0 else { return nil }
            return Finding(
                .fault, "TLS", "\(files.key) holds a private key, and other users of this machine may read it",
                mend: "chmod 600 \(files.key)")
        }
    }

    // MARK: .env

    /// Names that the seed's installations have in their environment, and what becomes of each here.
    static func environment(_ config: GatewayConfig, _ environment: Environment, file: String = ".env") -> [Finding] {
        var findings: [Finding] = []
        if let mode = FileBytes.mode(of: file) {
            findings.append(
                mode & 0o077 == 0
                    ? Finding(.ok, ".env", "is read, and only you can read it")
                    : Finding(.fault, ".env", "other users of this machine may read the secrets in it", mend: "chmod 600 .env"))
        }
        func isSet(_ name: String) -> Bool { environment[name].map { !$0.isEmpty } ?? false }
        let source = String(decoding: config.source, as: UTF8.self)
        if isSet("PORT"), !source.contains("${PORT") {
            findings.append(
                Finding(
                    .warning, "PORT", "is set, but \(config.file) does not refer to it",
                    mend: "Write listen: 127.0.0.1:${PORT:-3000}, or unset it."))
        }
        if isSet("REDIS_HOST"), !source.contains("${REDIS_HOST") {
            findings.append(
                Finding(.note, "REDIS_HOST", "is set; this version keeps what it stores in the data folder and asks no Redis"))
        }
        if isSet("JWT_SECRET") {
            findings.append(Finding(.note, "JWT_SECRET", "is set; nothing needs it, because sessions here are not JSON Web Tokens"))
        }
        return findings
    }

    // MARK: The data folder

    static func data(_ config: GatewayConfig) -> [Finding] {
        let folder = config.data
        var status = stat()
        guard stat(folder, &status) == 0 else {
            return [Finding(.note, "data folder", "\(folder) does not exist yet; the first start makes it")]
        }
        var findings: [Finding] = []
        if status.st_mode & 0o077 != 0 {
            findings.append(
                Finding(
                    .fault, "data folder", "\(folder) is open to other users of this machine", mend: "chmod 700 \(folder)"))
        }
        if access(folder, R_OK | W_OK | X_OK) != 0 {
            findings.append(
                Finding(
                    .fault, "data folder", "\(folder) cannot be written by this user",
                    mend: "Run the doctor as the gateway's user, or chown the folder to it."))
        } else {
            findings += abilities(of: folder)
        }
        if findings.isEmpty { findings.append(Finding(.ok, "data folder", "\(folder) is private and can be written")) }
        findings += ["master.key", "gateway.db"].compactMap { privacy(of: "\(folder)/\($0)") }
        findings += crash(in: folder)
        return findings + space(of: folder, "disk") + logSpace(config)
    }

    private static func abilities(of folder: String) -> [Finding] {
        var findings: [Finding] = []
        if gwl_is_noexec(folder) == 1 {
            findings.append(
                Finding(
                    .fault, "data folder", "\(folder) is on a file system mounted noexec, and plugins are loaded from copies in it",
                    mend: "Set data to a folder on a file system without noexec."))
        }
        let unnamed = gwl_open_unnamed(folder)
        if unnamed >= 0 {
            close(unnamed)
        } else if gwl_errno() == EOPNOTSUPP {
            findings.append(
                Finding(
                    .warning, "data folder", "its file system knows no O_TMPFILE, so bodies too large for memory are refused",
                    mend: "Put it on ext4, xfs or tmpfs."))
        }
        return findings
    }

    private static func privacy(of file: String) -> Finding? {
        guard let mode = FileBytes.mode(of: file), mode & 0o077 != 0 else { return nil }
        return Finding(.fault, "data folder", "\(file) is open to other users of this machine", mend: "chmod 600 \(file)")
    }

    /// A start leaves its file empty unless something went wrong.
    private static func crash(in folder: String) -> [Finding] {
        let file = Daemon.lastWords(in: folder)
        guard case .success(let bytes) = FileBytes.read(file, limit: 1 << 20),
            let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first(where: { $0.contains("fatal signal") })
        else { return [] }
        return [
            Finding(.warning, "crash", "the last start ended with: \(line)", mend: "Take that entry out of the chain, and tell its author.")
        ]
    }

    private static func space(of folder: String, _ subject: String) -> [Finding] {
        var bytes: UInt64 = 0
        var total: UInt64 = 0
        var inodes: UInt64 = 0
        guard gwl_free_space(folder, &bytes, &total, &inodes) == 0 else { return [] }
        let sentence = "\(Spoken.size(bytes)) of \(Spoken.size(total)) are free for \(folder)"
        if bytes < leastFreeBytes / 16 {
            return [Finding(.fault, subject, sentence, mend: "Make room: changes and large uploads fail when it is full.")]
        }
        if bytes < leastFreeBytes || inodes < leastFreeInodes {
            return [Finding(.warning, subject, sentence, mend: "Make room before it is full.")]
        }
        return [Finding(.ok, subject, sentence)]
    }

    private static func logSpace(_ config: GatewayConfig) -> [Finding] {
        guard let file = config.log.file else { return [] }
        let folder = FilePath.folder(of: file)
        let place = folder.isEmpty ? "." : folder
        guard access(place, W_OK) == 0 else {
            return [Finding(.fault, "log", "\(place) cannot be written by this user", mend: "Make the folder, or chown it.")]
        }
        return space(of: place, "log").filter { $0.verdict != .ok }
    }
}
