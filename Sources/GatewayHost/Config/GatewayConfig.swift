// The configuration as the host uses it: durations, byte counts and addresses, nothing left to parse.
//
// The initial values here are the defaults; Options.swift names each property for the file and says
// why it has the value it has, and the documents and the JSON Schema are made from the two.
//
// Kind: value. A generation keeps the one it was built from.

struct GatewayConfig: Sendable {
    /// The file this was read from, as named on the command line; relative paths inside are
    /// relative to its folder and are already resolved here.
    var file = "gateway.yaml"
    /// The file as it was read, references unresolved.
    var source: [UInt8] = []
    /// The file as a tree, references resolved; for showing and comparing.
    var tree: YAMLNode?
    /// Worth saying to the operator, not worth refusing.
    var warnings: [ConfigFault] = []

    var listeners = [ListenerConfig(address: ListenAddress(host: "127.0.0.1", port: 3000))]
    /// Event loops; 0: one for each core.
    var threads = 0
    var upstream = UpstreamConfig()
    /// Folder for what the gateway keeps: the lock file, the outcome of reloads.
    var data = "./data"
    var store = StoreLocation.local
    var redis = RedisConfig()
    var chain: [ChainEntry] = []

    var timeouts = TimeoutConfig()
    var limits = LimitConfig()
    var pool = PoolConfig()
    var clientGone = ClientGoneConfig()
    var trustedProxies: [AddressRange] = []
    var responseHeaders = ResponseHeaderConfig()
    var metrics = MetricsConfig()
    var admin = AdminConfig()
    var ledger = LedgerConfig()
    var log = LogConfig()
    /// Silence of an upstream event stream after which the client gets a `ping` event; nil: never.
    var pingInterval: Duration?
    /// Apply the file by itself when it changes.
    var reloadWatch = false

    /// The entries that take part, in order.
    var activeChain: [ChainEntry] { chain.filter(\.enabled) }
}

/// An address to listen on. `host` is an IP address, `*` (every IPv4 address) or `localhost`.
struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    var host: String
    /// 0 lets the kernel choose.
    var port: Int

    /// `127.0.0.1:3000`, `[::1]:3000`.
    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

struct ListenerConfig: Sendable, Equatable {
    var address: ListenAddress
    /// Nil: plain HTTP.
    var tls: TLSFiles?
}

/// PEM files of a listener.
struct TLSFiles: Sendable, Equatable {
    /// The certificate, followed by its intermediates.
    var certificate = ""
    var key = ""
}

struct UpstreamConfig: Sendable, Equatable {
    var url = UpstreamURL(secure: true, host: "api.anthropic.com", port: 443, prefix: "")
    /// PEM file of authorities to trust instead of the system's; nil: the system's.
    var caFile: String?
}

/// Where an upstream is: scheme, authority, and the path that comes before `/v1/...`.
struct UpstreamURL: Sendable, Hashable, CustomStringConvertible {
    /// https.
    var secure: Bool
    /// Name or IP address, no brackets, lower case.
    var host: String
    var port: Int
    /// Empty, or begins with a slash and does not end in one.
    var prefix: String

    /// The `Host` header: the port only where it is not the scheme's own.
    var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (secure ? 443 : 80) ? name : "\(name):\(port)"
    }

    var description: String { "\(secure ? "https" : "http")://\(authority)\(prefix)" }
}

struct TimeoutConfig: Sendable, Equatable {
    var connect: Duration = .seconds(10)
    var tlsHandshake: Duration = .seconds(10)
    var firstByte: Duration = .seconds(600)
    var idle: Duration = .seconds(330)
    var headerRead: Duration = .seconds(30)
    var bodyUpload: Duration = .seconds(130)
    var keepAlive: Duration = .seconds(75)
    var clientWrite: Duration = .seconds(60)
    var drain: Duration = .seconds(900)
    /// Nil: attempts as a whole are bounded by `limits.attempts` and `limits.retry_time` only.
    var total: Duration?
}

/// Sizes in bytes, counts as counts.
struct LimitConfig: Sendable, Equatable {
    var headBytes = 64 << 10
    var bodyMemoryBytes = 32 << 20
    var batchBytes = 256 << 20
    var fileBytes = 500 << 20
    var bufferedBytes = 512 << 20
    var connections = 10_000
    var attempts = 3
    var retryTime: Duration = .seconds(60)
    var repeatsSent = true
    var eventBytes = 4 << 20
}

struct PoolConfig: Sendable, Equatable {
    /// Idle connections kept by one loop for one origin, proxy and account.
    var idlePerTarget = 32
    var idleTime: Duration = .seconds(60)
}

/// What happens to an exchange whose client has left.
struct ClientGoneConfig: Sendable, Equatable {
    enum Policy: String, Sendable, CaseIterable {
        /// The upstream is read to its end, so that usage is what the provider reported.
        case drain
        /// The upstream connection is closed at once.
        case abort
        /// As `abort` while no byte of the answer has left for the client, as `drain` from then on.
        case abortBeforeFirstByte = "abort_before_first_byte"
    }
    var policy = Policy.drain
    var drainTime: Duration = .seconds(300)
    /// At one time, over all loops.
    var drains = 1000
}

/// Headers the gateway adds to responses beside `x-gateway-request-id`.
struct ResponseHeaderConfig: Sendable, Equatable {
    var account = false
    var attempts = false
    var overhead = false
}

struct MetricsConfig: Sendable, Equatable {
    var allow = AddressRange.loopback
    /// Nil: no token is asked for.
    var token: Secret?
}

/// The admin interface below /admin.
struct AdminConfig: Sendable, Equatable {
    var isEnabled = true
    /// Its own addresses; nil: it answers at those of `listen`.
    var listeners: [ListenerConfig]?
    /// Who may reach it at the addresses of `listen`.
    var allow = AddressRange.loopback
    /// How long a login lasts.
    var sessionTime: Duration = .seconds(43_200)
    /// Everybody who reaches the port may read /admin/openapi.json.
    var openAPIIsOpen = false
}

/// Where records, shared values and limits are kept.
enum StoreLocation: Sendable, Equatable {
    /// In the data folder: this gateway's alone.
    case local
    /// In Redis: those of every gateway that names the same one.
    case redis(RedisAddress)
}

/// How Redis is used, when `store` names one.
struct RedisConfig: Sendable, Equatable {
    /// In the place of one in the URL.
    var password: Secret?
    /// Before the names of all keys.
    var prefix = "gw"
    var connectTimeout: Duration = .seconds(2)
    var commandTimeout: Duration = .seconds(1)
}

/// The record of requests, what they used and what that costs.
struct LedgerConfig: Sendable, Equatable {
    enum Durability: String, Sendable, CaseIterable {
        /// The last bytes of an answer leave when its row is on the disk.
        case sealed
        /// Rows reach the disk some milliseconds later.
        case relaxed
    }
    var durability = Durability.sealed
    /// Of days and hours in roll-ups: a name of the IANA database.
    var zone = "UTC"
    /// How long rows are kept; nil: for ever. Sums by hour and day stay.
    var keep: Duration? = .seconds(400 * 86_400)
    /// What other nodes call this one; nil: as its host.
    var node: String?
}

struct LogConfig: Sendable, Equatable {
    enum Format: String, Sendable, CaseIterable {
        /// Text on a terminal, JSON elsewhere.
        case auto
        case json, text
    }
    var level = LogLevel.info
    /// Nil: standard error.
    var file: String?
    /// A second file that gets only warnings and errors; nil: none.
    var errorFile: String?
    var format = Format.auto
    /// A log file that has grown to this size is renamed.
    var rotateBytes = 100 << 20
    /// Renamed files kept beside the current one.
    var keep = 5
}
