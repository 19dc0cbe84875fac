// The codecs of addresses: where to listen, where the upstream is, which clients are meant.
//
// Kind: value.

extension OptionCodec where Value == ListenAddress {
    /// `127.0.0.1:3000`, `[::1]:3000`, `*:3000`, `localhost:3000`, `:3000`.
    static var listenAddress: OptionCodec {
        OptionCodec(
            noun: "address and port", schema: ["type": "string", "pattern": ".*:[0-9]+$"],
            show: { yamlText($0.description) },
            read: { node, reading in
                guard case .scalar(let scalar) = node.content else {
                    reading.fail(node, "must be an address and a port, is \(node.spoken)")
                    return nil
                }
                switch ListenAddress.parse(scalar.text) {
                case .success(let address): return address
                case .failure(let failure):
                    // Advice is made of what was written, and that may have come through a reference.
                    let advice = scalar.fromReference ? "Write it like 127.0.0.1:3000." : failure.advice
                    reading.fail(node, "must be an address and a port, is \(node.spoken)", advice)
                    return nil
                }
            })
    }
}

extension OptionCodec where Value == UpstreamURL {
    static var upstreamURL: OptionCodec {
        OptionCodec(
            noun: "URL", schema: ["type": "string", "format": "uri", "pattern": "^https?://"],
            show: { yamlText($0.description) },
            read: { node, reading in
                guard case .scalar(let scalar) = node.content else {
                    reading.fail(node, "must be a URL, is \(node.spoken)")
                    return nil
                }
                switch UpstreamURL.parse(scalar.text) {
                case .success(let url): return url
                case .failure(let failure):
                    reading.fail(node, "must be a URL, is \(node.spoken)", failure.advice)
                    return nil
                }
            })
    }
}

extension OptionCodec where Value == AddressRange {
    /// `10.0.0.0/8`, `::1`.
    static var addressRange: OptionCodec {
        OptionCodec(
            noun: "address or range", schema: ["type": "string"], show: { yamlText($0.description) },
            read: { node, reading in
                guard case .scalar(let scalar) = node.content, let range = AddressRange(scalar.text) else {
                    reading.fail(
                        node, "must be an IP address or a range of them, is \(node.spoken)",
                        "Write it like 10.0.0.0/8 or ::1.")
                    return nil
                }
                return range
            })
    }
}

/// Why a text is no address or URL: what to write instead.
struct AddressFailure: Error, Equatable {
    let advice: String
}

extension ListenAddress {
    static func parse(_ text: String) -> Result<ListenAddress, AddressFailure> {
        func failure(_ advice: String) -> Result<ListenAddress, AddressFailure> {
            .failure(AddressFailure(advice: advice))
        }
        guard let colon = text.lastIndex(of: ":") else {
            if let port = decimalPort(text[...]) { return failure("Write 127.0.0.1:\(port).") }
            return failure("Write it like 127.0.0.1:3000.")
        }
        if IPAddress(text) != nil { return failure("Put an IPv6 address in brackets: [\(text)]:3000.") }
        guard let port = decimalPort(text[text.index(after: colon)...]) else {
            return failure("The port behind the colon is a number from 0 to 65535.")
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
            guard let address = IPAddress(host), !address.isIPv4 else {
                return failure("In brackets stands an IPv6 address: [::1]:\(port).")
            }
            return .success(ListenAddress(host: address.description, port: port))
        }
        switch host {
        case "", "*": return .success(ListenAddress(host: "*", port: port))
        case "localhost": return .success(ListenAddress(host: "localhost", port: port))
        default:
            guard let address = IPAddress(host) else {
                return failure(
                    host.contains(":")
                        ? "An IPv6 address stands in brackets: [::1]:\(port)."
                        : "The host is an IP address of this machine, * for all of them, or localhost.")
            }
            return .success(ListenAddress(host: address.description, port: port))
        }
    }
}

/// Digits from 0 to 65535, and nothing else.
private func decimalPort(_ text: Substring) -> Int? {
    guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
        let port = Int(text), port <= 65535
    else { return nil }
    return port
}

extension UpstreamURL {
    /// `https://host[:port][/prefix]`; no user, no query, no fragment.
    static func parse(_ text: String) -> Result<UpstreamURL, AddressFailure> {
        func failure(_ advice: String) -> Result<UpstreamURL, AddressFailure> {
            .failure(AddressFailure(advice: advice))
        }
        let example = "Write it like https://api.anthropic.com."
        guard let separator = text.firstRange(of: "://") else { return failure(example) }
        let secure: Bool
        switch text[..<separator.lowerBound].lowercased() {
        case "https": secure = true
        case "http": secure = false
        default: return failure("The scheme is https or http.")
        }
        let rest = text[separator.upperBound...]
        guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            return failure("A URL has no blanks and only ASCII characters; use percent-encoding.")
        }
        if rest.contains("?") || rest.contains("#") {
            return failure("Leave the query (?) and the fragment (#) out; clients bring their own.")
        }
        let authority = rest.prefix { $0 != "/" }
        if authority.contains("@") {
            return failure("Leave user and password out; credentials belong to the accounts.")
        }
        var prefix = String(rest.dropFirst(authority.count))
        while prefix.hasSuffix("/") { prefix.removeLast() }
        if prefix.hasSuffix("/v1") {
            return failure("Leave the /v1 at the end out; clients send it.")
        }
        var host = authority[...]
        var port = secure ? 443 : 80
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            guard let written = decimalPort(authority[authority.index(after: colon)...]), written > 0 else {
                return failure("The port behind the colon is a number from 1 to 65535.")
            }
            port = written
            host = authority[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard let address = IPAddress(String(host)), !address.isIPv4 else {
                return failure("In brackets stands an IPv6 address: http://[::1]:8080.")
            }
        } else {
            let clean = host.utf8.allSatisfy {
                (0x61...0x7a).contains($0 | 0x20) && $0 >= 0x41 || (0x2d...0x2e).contains($0)
                    || (0x30...0x39).contains($0) || $0 == 0x5f
            }
            guard !host.isEmpty, host.utf8.count <= 253, clean else { return failure(example) }
        }
        return .success(
            UpstreamURL(secure: secure, host: host.lowercased(), port: port, prefix: prefix))
    }
}
