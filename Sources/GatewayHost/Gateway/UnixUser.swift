// Who runs this process, by name.
//
// Kind: value.

import Glibc

enum UnixUser {
    /// The name of the user this process runs as; the number where there is none.
    static let name: String = {
        let number = geteuid()
        guard let entry = getpwuid(number), let name = entry.pointee.pw_name else { return "\(number)" }
        return String(cString: name)
    }()
}
