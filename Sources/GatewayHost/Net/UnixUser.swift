// Users of this machine, by name.
//
// Kind: value.

import Glibc

enum UnixUser {
    /// The name of the user this process runs as; the number where there is none.
    static let name = name(of: geteuid())

    static func name(of number: uid_t) -> String {
        guard let entry = getpwuid(number), let name = entry.pointee.pw_name else { return "\(number)" }
        return String(cString: name)
    }

    /// Whether a process of that user can do with this one's files what it likes anyway.
    static func mayManage(_ user: uid_t) -> Bool { user == 0 || user == geteuid() }
}
