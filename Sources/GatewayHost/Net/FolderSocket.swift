// A unix socket with a name in a folder, however long the folder's path is.
//
// An address has room for 107 bytes; where the path is longer, the folder is opened and the socket is named through
// its descriptor, /proc/self/fd/N/name (unix(7), proc(5)).
//
// Kind: free of state; blocks for the length of the calls.

import CLinux

enum FolderSocket {
    /// sun_path without its final zero.
    private static let pathLimit = 107
    private static let backlog: Int32 = 64

    /// A socket that listens, in the place of whatever had the name: the caller knows that nobody else listens there.
    /// Only the folder's owner reaches it (mode 0600).
    static func listen(_ name: String, in folder: String) throws(SystemError) -> Descriptor {
        let path = "\(folder)/\(name)"
        unlink(path)
        let socket = try withAddress(name, folder) { address throws(SystemError) in
            try ListeningSocket.open(address, sharesPort: false, backlog: backlog)
        }
        try systemCall("chmod", on: path) { chmod(path, 0o600) }
        return socket
    }

    /// A blocking connection to who listens there.
    /// - Throws: ENOENT or ECONNREFUSED when nobody does.
    static func connect(_ name: String, in folder: String) throws(SystemError) -> Descriptor {
        let number = try systemCall("socket") { CLinux.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0) }
        let socket = Descriptor(number)
        try withAddress(name, folder) { address throws(SystemError) in
            _ = try systemCall("connect", on: "\(folder)/\(name)") { address.withSystemAddress { CLinux.connect(number, $0, $1) } }
        }
        return socket
    }

    /// The user of the process at the other end.
    static func peerUser(of socket: borrowing Descriptor) throws(SystemError) -> uid_t {
        var user = uid_t.max
        try systemCall("getsockopt SO_PEERCRED") { gwl_peer_user(socket.number, &user) }
        return user
    }

    private static func withAddress<Result: ~Copyable>(
        _ name: String, _ folder: String, _ body: (SocketAddress) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        let path = "\(folder)/\(name)"
        if path.utf8.count <= pathLimit { return try body(SocketAddress(unixPath: path)) }
        let place = Descriptor(try systemCall("open", on: folder) { gwl_open(folder, O_RDONLY | O_DIRECTORY, 0) })
        return try body(SocketAddress(unixPath: "/proc/self/fd/\(place.number)/\(name)"))
    }
}
