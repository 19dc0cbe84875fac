// The configuration that `gateway run` writes when there is none: all five plugins, one key, one account.
//
// The upstream is a reference, so that the same file serves the demonstration (`gateway run` sets
// GATEWAY_UPSTREAM) and the real API.
//
// Kind: value; `write` makes a file.

import CLinux

enum FirstConfig {
    /// The variable that points the file at the demonstration upstream.
    static let upstreamVariable = "GATEWAY_UPSTREAM"

    /// `cr_` and 64 hexadecimal digits from the kernel's random numbers.
    static func newKey() -> String {
        var random = [UInt8](repeating: 0, count: 32)
        var filled = 0
        while filled < random.count {
            let count = random.withUnsafeMutableBytes { getrandom($0.baseAddress! + filled, $0.count - filled, 0) }
            if count < 0, gwl_errno() == EINTR { continue }
            precondition(count > 0, "the kernel gives no random numbers")
            filled += count
        }
        let digits = Array("0123456789abcdef".utf8)
        return "cr_" + String(decoding: random.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    static func text(key: String) -> String {
        """
        # Written by "gateway run". docs/CONFIG.md describes every key; "gateway check" reads this as the gateway does.
        listen: ${GATEWAY_HOST:-127.0.0.1}:${PORT:-3000}
        upstream: ${\(upstreamVariable):-https://api.anthropic.com}
        data: ./data

        chain:                        # requests meet the plugins in this order, responses in reverse
          - plugin: Auth              # lib<Name>.so beside the binary, or a path
            config:
              keys:
                - { name: first, key: "\(key)" }
          - plugin: RateLimit
            config: { per_key: { requests_per_minute: 600, concurrency: 32 } }
          - plugin: AccountPicker
            config:
              accounts:
                - { name: main, type: api-key, api_key: "${ANTHROPIC_API_KEY}" }
          - plugin: SOCKSProxy        # for accounts with a proxy
          - plugin: Metrics           # /metrics, for addresses in metrics.allow

        """
    }

    /// Writes it to `path`, which must not exist; readable by its owner only.
    /// - Returns: why it could not be written.
    static func write(_ path: String, key: String) -> String? {
        let descriptor = gwl_open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        guard descriptor >= 0 else { return String(cString: gwl_error_text(gwl_errno())) }
        defer { close(descriptor) }
        let bytes = Array(text(key: key).utf8)
        let written = bytes.withUnsafeBytes { CLinux.write(descriptor, $0.baseAddress, $0.count) }
        if written == bytes.count { return nil }
        let reason = String(cString: gwl_error_text(gwl_errno()))
        unlink(path)
        return reason
    }
}
