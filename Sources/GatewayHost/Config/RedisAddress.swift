// Where a Redis is, and as whom we come: `redis://user:password@host:6379/0`, `redis+unix:///run/redis.sock?db=0`.
//
// The form is the one that the field's clients read (the provisional URI scheme "redis" of the IANA registry). TLS
// (`rediss`) is refused with words: the library that speaks for us has none on Debian 12.
//
// Kind: value. Pure.

struct RedisAddress: Sendable, Equatable, CustomStringConvertible {
    enum Place: Sendable, Hashable {
        case tcp(host: String, port: Int)
        /// A unix socket.
        case unix(path: String)
    }

    static let usualPort = 6379
    static let databaseLimit = 1_000_000

    var place: Place
    /// Of an ACL user; nil: the default user.
    var user: String?
    var password: Secret?
    var database = 0

    /// Without user and password.
    var description: String {
        switch place {
        case .tcp(let host, let port): "redis://\(host.contains(":") ? "[\(host)]" : host):\(port)/\(database)"
        case .unix(let path): "redis+unix://\(path)?db=\(database)"
        }
    }

    /// - Returns: the address, or what to write instead; the advice repeats nothing of what was written.
    static func parse(_ text: String) -> Result<RedisAddress, AddressFailure> {
        func failure(_ advice: String) -> Result<RedisAddress, AddressFailure> { .failure(AddressFailure(advice: advice)) }
        let example = "Write it like redis://127.0.0.1:6379/0 or redis+unix:///run/redis/redis.sock?db=0."
        guard let mark = text.firstRange(of: "://") else { return failure(example) }
        var rest = text[mark.upperBound...]
        switch text[..<mark.lowerBound].lowercased() {
        case "redis": break
        case "rediss":
            return failure("There is no TLS to Redis: use a unix socket, or redis:// through a tunnel such as stunnel.")
        case "redis+unix", "unix": return unix(rest, failure(example))
        default: return failure(example)
        }
        var address = RedisAddress(place: .tcp(host: "", port: usualPort))
        if let at = rest.lastIndex(of: "@") {
            guard address.setUser(rest[..<at]) else { return failure("In user and password, write / as %2F, @ as %40, % as %25.") }
            rest = rest[rest.index(after: at)...]
        }
        if let slash = rest.firstIndex(of: "/") {
            let name = rest[rest.index(after: slash)...]
            guard name.isEmpty || address.setDatabase(name) else {
                return failure("Behind the slash stands the number of a database, 0 unless Redis is told to have others.")
            }
            rest = rest[..<slash]
        }
        guard let place = hostAndPort(rest) else { return failure(example) }
        address.place = place
        return .success(address)
    }

    private static func unix(
        _ rest: Substring, _ failure: Result<RedisAddress, AddressFailure>
    ) -> Result<RedisAddress, AddressFailure> {
        let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let path = PercentText.decode(parts[0]), path.hasPrefix("/"), path.utf8.count <= 107 else { return failure }
        var address = RedisAddress(place: .unix(path: path))
        guard parts.count > 1 else { return .success(address) }
        guard parts[1].hasPrefix("db="), address.setDatabase(parts[1].dropFirst(3)) else { return failure }
        return .success(address)
    }

    private mutating func setUser(_ text: Substring) -> Bool {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard !text.contains("/"), let name = PercentText.decode(parts[0]) else { return false }
        user = name.isEmpty ? nil : name
        guard parts.count > 1 else { return true }
        guard let word = PercentText.decode(parts[1]) else { return false }
        password = Secret(word)
        return true
    }

    private mutating func setDatabase(_ text: Substring) -> Bool {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = Int(text),
            number < Self.databaseLimit
        else { return false }
        database = number
        return true
    }

    private static func hostAndPort(_ text: Substring) -> Place? {
        var host = text
        var port = usualPort
        if let colon = text.lastIndex(of: ":"), !text[colon...].contains("]") {
            guard let number = Int(text[text.index(after: colon)...]), (1...65535).contains(number) else { return nil }
            port = number
            host = text[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            guard let address = IPAddress(String(host.dropFirst().dropLast())), !address.isIPv4 else { return nil }
            return .tcp(host: address.description, port: port)
        }
        let isName = host.utf8.allSatisfy { byte in
            byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a || byte >= 0x30 && byte <= 0x39 || byte == 0x2d || byte == 0x2e || byte == 0x5f
        }
        return host.isEmpty || !isName ? nil : .tcp(host: host.lowercased(), port: port)
    }
}

enum PercentText {
    /// Text with `%41` for bytes (RFC 3986, 2.1); nil when an escape is not whole or the bytes are no UTF-8.
    static func decode(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == 0x25 else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension OptionCodec where Value == StoreLocation {
    static var storeLocation: OptionCodec {
        OptionCodec(
            noun: "local, or the URL of a Redis",
            schema: ["type": "string", "pattern": "^(local|redis://.*|redis\\+unix://.*|unix://.*)$"],
            show: { location in
                switch location {
                case .local: "local"
                case .redis(let address): yamlText(address.description)
                }
            },
            read: { node, reading in
                guard case .scalar(let scalar) = node.content else {
                    reading.fail(node, "must be local or the URL of a Redis, is \(node.spoken)")
                    return nil
                }
                if scalar.text == "local" || scalar.text == "sqlite" { return .local }
                switch RedisAddress.parse(scalar.text) {
                case .success(let address): return .redis(address)
                case .failure(let failure):
                    // What was written may hold a password.
                    reading.fail(node, "must be local or the URL of a Redis", failure.advice)
                    return nil
                }
            })
    }
}
