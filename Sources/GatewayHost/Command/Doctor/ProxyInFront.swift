// What an nginx in front of the gateway does to its streams, as far as its configuration on this machine tells.
//
// The text is read for its directives, not understood: a directive counts wherever in the file it stands.
//
// Kind: value; `findings(_:)` reads files.

import CLinux
import Glibc

enum ProxyInFront {
    static func findings(_ config: GatewayConfig, root: String = "/etc/nginx") -> [Finding] {
        let files = ["\(root)/nginx.conf"] + names(in: "\(root)/conf.d") + names(in: "\(root)/sites-enabled")
        return files.flatMap { file -> [Finding] in
            guard case .success(let bytes) = FileBytes.read(file, limit: 1 << 20) else { return [] }
            return findings(in: String(decoding: bytes, as: UTF8.self), file: file, config)
        }
    }

    /// Empty when the text does not lead to this gateway.
    static func findings(in text: String, file: String, _ config: GatewayConfig) -> [Finding] {
        let directives = directives(of: text)
        let ports = config.listeners.map { ":\($0.address.port)" }
        let leadsHere = directives.contains { directive in
            ["proxy_pass", "server"].contains(directive.name)
                && ports.contains { port in
                    directive.value.hasSuffix(port) || directive.value.contains("\(port)/") || directive.value.contains("\(port) ")
                }
        }
        guard leadsHere else { return [] }
        func value(_ name: String) -> String? { directives.last { $0.name == name }?.value }
        var findings: [Finding] = []
        func warn(_ sentence: String, _ mend: String) {
            findings.append(Finding(.warning, "nginx", "\(file): \(sentence)", mend: mend))
        }
        if value("proxy_buffering") != "off" {
            warn("answers are gathered before they are passed on, so streams arrive in lumps", "Add: proxy_buffering off;")
        }
        let patience = seconds(value("proxy_read_timeout") ?? "60s") ?? 60
        let silence = Int(config.timeouts.idle.components.seconds)
        if patience <= silence {
            warn(
                "it ends a stream after \(patience) s of silence, before the gateway's own timeouts.idle (\(silence) s) explains an end",
                "Add: proxy_read_timeout 700s;")
        }
        let body = bytes(value("client_max_body_size") ?? "1m") ?? 0
        if body != 0, body < config.limits.bodyMemoryBytes {
            warn(
                "it refuses bodies above \(Measure.text(bytes: body)) that the gateway takes (\(Measure.text(bytes: config.limits.bodyMemoryBytes)))",
                "Add: client_max_body_size 500m;")
        }
        if value("proxy_http_version") != "1.1" {
            warn("it speaks HTTP/1.0 to the gateway and opens a connection for each request", "Add: proxy_http_version 1.1;")
        }
        if config.trustedProxies.isEmpty {
            warn(
                "trusted_proxies is empty, so limits and rules by address see nginx instead of the client",
                "Set trusted_proxies: [127.0.0.1]")
        }
        if config.metrics.token == nil, !directives.contains(where: { $0.name == "location" && $0.value.contains("/metrics") }) {
            warn("/metrics is open to everyone who reaches it", "Add: location = /metrics { return 404; }, or set metrics.token.")
        }
        return findings.isEmpty ? [Finding(.ok, "nginx", "\(file) passes streams as they come")] : findings
    }

    private struct Directive {
        var name: String
        var value: String
    }

    private static func directives(of text: String) -> [Directive] {
        let lines = text.split(separator: "\n").map { $0.prefix { $0 != "#" } }
        return lines.joined(separator: " ").split { $0 == ";" || $0 == "{" || $0 == "}" }.compactMap { part in
            let words = part.split { $0 == " " || $0 == "\t" || $0 == "\r" }
            guard let name = words.first else { return nil }
            return Directive(name: String(name), value: words.dropFirst().joined(separator: " "))
        }
    }

    /// `700s`, `10m`, `60`: nginx counts seconds.
    private static func seconds(_ text: String) -> Int? {
        if let plain = Int(text) { return plain }
        return Measure.duration(text).map { Int($0.components.seconds) }
    }

    /// `500m`, `32k`, `0`: nginx counts bytes.
    private static func bytes(_ text: String) -> Int? {
        guard let unit = text.lowercased().last else { return nil }
        let scales: [Character: Int] = ["k": 1 << 10, "m": 1 << 20, "g": 1 << 30]
        guard let scale = scales[unit] else { return Int(text) }
        return Int(text.dropLast()).map { $0 * scale }
    }

    private static func names(in folder: String) -> [String] {
        guard let listing = opendir(folder) else { return [] }
        defer { closedir(listing) }
        var names: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append("\(folder)/\(name)") }
        }
        return names.sorted()
    }
}
