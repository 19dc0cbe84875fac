// What plugins want to know again after a restart, as files: data/state/<name>.state.
//
//     gateway-state 1 <boot id> <plugin id>\n <what the plugin saved>
//
// Written each minute and at the end, whole or not at all. It is a convenience: what cannot be written or read is logged and missed,
// and after a restart of the machine, whose monotonic clock begins anew, nothing is loaded.
//
// Kind: control thread; blocks for the length of a small write.

import CLinux

struct StateKeeper {
    static let pauseMilliseconds = 60_000
    private static let mark = "gateway-state 1"

    private let folder: String
    private let boot: String

    /// - Parameter boot: names this run of the machine; for tests.
    init(data: String, boot: String = StateKeeper.currentBoot) {
        folder = data + "/state"
        self.boot = boot
    }

    /// Gives the instances of a first chain what those before them had saved.
    func restore(_ chain: ChainGeneration) {
        for instance in chain.instances where instance.plugin.keepsState {
            guard case .success(let bytes) = FileBytes.read(path(instance.name), limit: StateHandover.byteLimit + 1024),
                let end = bytes.firstIndex(of: 0x0a), String(decoding: bytes[..<end], as: UTF8.self) == head(instance)
            else { continue }
            StateHandover.load(Array(bytes[(end + 1)...]), into: instance)
        }
    }

    func keep(_ chain: ChainGeneration) {
        for instance in chain.instances where instance.plugin.keepsState {
            guard let state = StateHandover.save(instance) else { continue }
            if mkdir(folder, 0o700) != 0, gwl_errno() != EEXIST {
                return log.warning(
                    "the state of plugins cannot be kept", .field("reason", "mkdir \(folder): \(SystemError.text(of: gwl_errno()))"))
            }
            if let failure = FileBytes.replace(path(instance.name), with: Array((head(instance) + "\n").utf8) + state, mode: 0o600) {
                log.warning("the state of a plugin cannot be kept", .field("plugin", instance.name), .field("reason", failure.sentence))
            }
        }
    }

    private func head(_ instance: PluginInstance) -> String { "\(Self.mark) \(boot) \(instance.plugin.id)" }

    /// Names of entries are the operator's; what no file should be called is called by its sum.
    private func path(_ name: String) -> String {
        let isPlain =
            !name.hasPrefix(".") && name.utf8.count <= 100
            && name.utf8.allSatisfy { byte in
                byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a || byte >= 0x30 && byte <= 0x39 || byte == 0x2d || byte == 0x2e || byte == 0x5f
            }
        let file = isPlain ? name : Array(name.utf8).withUnsafeBytes { SHA256.digest(Bytes($0)).description }
        return "\(folder)/\(file).state"
    }

    /// - Source: random(4), boot_id.
    static let currentBoot: String = {
        guard case .success(let bytes) = FileBytes.read("/proc/sys/kernel/random/boot_id", limit: 100) else { return "unknown" }
        return String(decoding: bytes.prefix { $0 > 0x20 }, as: UTF8.self)
    }()
}
