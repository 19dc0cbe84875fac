// A path below which an entry of the chain answers by itself, with on_admin.
//
// Kind: value.

struct AdminMount: Sendable {
    /// Begins with a slash and does not end in one.
    let path: String
    /// Position in the chain.
    let entry: Int

    /// Whether `request`, a path without query, is the mount or below it.
    func matches(_ request: Bytes) -> Bool {
        var path = path
        return path.withUTF8 { utf8 in
            let mount = Bytes(UnsafeRawBufferPointer(utf8))
            return request.hasPrefix(mount) && (request.count == mount.count || request[mount.count] == 0x2f)
        }
    }
}
