// The configuration that `gateway run` and `gateway setup` write when there is none: all five plugins.
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

    /// - Parameter key: a client key that stands in the file; nil: keys are records of the store.
    /// - Parameter hasAccount: the account whose credential is the variable ANTHROPIC_API_KEY stands in the file.
    static func text(key: String?, hasAccount: Bool = true) -> String {
        let auth =
            key.map { "\n    config:\n      keys:\n        - { name: first, key: \"\($0)\" }" } ?? "              # keys: gateway keys"
        let accounts =
            hasAccount
            ? "\n    config:\n      accounts:\n        - { name: main, type: api-key, api_key: \"${ANTHROPIC_API_KEY}\" }"
            : "     # accounts: gateway accounts"
        return """
            # Written by "gateway \(key == nil ? "setup" : "run")". docs/CONFIG.md describes every key; "gateway check" reads this as the gateway does.
            listen: ${GATEWAY_HOST:-127.0.0.1}:${PORT:-3000}
            upstream: ${\(upstreamVariable):-https://api.anthropic.com}
            data: ./data

            # Requests meet the plugins in this order, responses in reverse. A plugin is lib<Name>.so beside the binary, or a path.
            chain:
              - plugin: Auth\(auth)
              - plugin: RateLimit
                config: { per_key: { requests_per_minute: 600, concurrency: 32 } }
              - plugin: AccountPicker\(accounts)
              - plugin: SOCKSProxy        # for accounts with a proxy
              - plugin: Metrics           # /metrics, for addresses in metrics.allow

            """
    }

    /// Writes it to `path`, which must not exist; readable by its owner only.
    /// - Returns: why it could not be written.
    static func write(_ path: String, key: String?, hasAccount: Bool = true) -> String? {
        let descriptor = gwl_open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        guard descriptor >= 0 else { return String(cString: gwl_error_text(gwl_errno())) }
        defer { close(descriptor) }
        let bytes = Array(text(key: key, hasAccount: hasAccount).utf8)
        let written = bytes.withUnsafeBytes { CLinux.write(descriptor, $0.baseAddress, $0.count) }
        if written == bytes.count { return nil }
        let reason = String(cString: gwl_error_text(gwl_errno()))
        unlink(path)
        return reason
    }
}
