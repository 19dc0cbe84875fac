// What the doctor sees of the machine: its clock and how many descriptors a process may have.
//
// Kind: free of state.

import CLinux

enum MachineFindings {
    /// 2025-01-01: this program is younger.
    private static let birth: UInt64 = 1_735_689_600

    static func all(_ config: GatewayConfig) -> [Finding] { clock() + descriptors(config) }

    private static func clock() -> [Finding] {
        let now = gwl_wall_ns() / 1_000_000_000
        guard now > birth else {
            return [
                Finding(
                    .fault, "clock", "this machine believes it is \(Moment.text(now * 1_000_000_000)), and every certificate invalid",
                    mend: "Set the clock, and run systemd-timesyncd or chrony.")
            ]
        }
        switch gwl_clock_is_synchronised() {
        case 1: return [Finding(.ok, "clock", "is synchronised")]
        case 0:
            return [
                Finding(
                    .note, "clock", "the kernel does not know it for synchronised (in a container that is the host's affair)",
                    mend: "Run systemd-timesyncd or chrony; expiry of keys and limits by the day follow the clock.")
            ]
        default: return []
        }
    }

    /// Each exchange needs two, and there are files, pools and plugins beside.
    private static func descriptors(_ config: GatewayConfig) -> [Finding] {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0 else { return [] }
        let needed = UInt64(config.limits.connections) * 2 + 256
        let sentence = "\(limit.rlim_max) open files are allowed"
        if limit.rlim_max >= needed { return [Finding(.ok, "descriptors", sentence)] }
        return [
            Finding(
                .warning, "descriptors", "\(sentence), and limits.connections (\(config.limits.connections)) may need \(needed)",
                mend: "Raise LimitNOFILE or ulimit -Hn, or lower limits.connections.")
        ]
    }
}
