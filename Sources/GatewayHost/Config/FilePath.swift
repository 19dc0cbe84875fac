// Paths as text: the folder of a file, and a path relative to one.
//
// Kind: value. Pure; asks the file system nothing.

enum FilePath {
    /// `etc/gateway.yaml` → `etc`, `gateway.yaml` → ``, `/gateway.yaml` → `/`.
    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "" }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// `path` as seen from `folder`; an absolute one stays.
    static func resolve(_ path: String, against folder: String) -> String {
        if path.hasPrefix("/") || folder.isEmpty { return path }
        let rest = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        return folder.hasSuffix("/") ? folder + rest : "\(folder)/\(rest)"
    }
}
