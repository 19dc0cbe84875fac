// The options of the host, every one of them: the table that reading, `gateway config show`, the JSON
// Schema for editors and docs/CONFIG.md are made from.
//
// To add an option: a property in GatewayConfig.swift, whose initial value is the default, and a row here;
// then run the test that rewrites the documents (`GATEWAY_REWRITE_DOCS=1 swift test --filter Documents`).
//
// Kind: value.

enum Options {
    private static let instant: Duration = .milliseconds(1)
    private static let day: Duration = .seconds(86_400)

    static let gateway = OptionTable<GatewayConfig>([
        Option(
            "listen", \.listeners, .oneOrMany(listener, "list of addresses"),
            "Where clients connect. Loopback by default, because a gateway holds credentials: open it on purpose."),
        Option(
            "threads", \.threads, .integer(0...256),
            "Event loops, each a thread that owns its connections. 0: one for each core."),
        Option(
            "upstream", \.upstream, upstream,
            "The server of the Messages API, unless an account names its own."),
        Option(
            "data", \.data, .path,
            "Folder for what the gateway keeps: its lock, the outcome of reloads. Made if it is missing, readable by its owner only."
        ),
        Option(
            "chain", \.chain, .list(of: chainEntry, "list of plugins"), required: true,
            "The plugins, in the order in which requests meet them; responses meet them in reverse."),

        Option(
            "timeouts.connect", \.timeouts.connect, .duration(instant...day),
            "Until a connection to the upstream is there, name resolution and proxy included."),
        Option(
            "timeouts.tls_handshake", \.timeouts.tlsHandshake, .duration(instant...day),
            "For a TLS handshake, with the upstream and with a client."),
        Option(
            "timeouts.first_byte", \.timeouts.firstByte, .duration(instant...day),
            "From the request sent to the first byte of the answer. Answers that are not streamed may take ten minutes."
        ),
        Option(
            "timeouts.idle", \.timeouts.idle, .duration(instant...day),
            "Silence inside an answer. Clients bear 300 s of it in a stream and then ask again, so keep it above."),
        Option(
            "timeouts.header_read", \.timeouts.headerRead, .duration(instant...day),
            "For a client to send a whole request head, from its first byte."),
        Option(
            "timeouts.body_upload", \.timeouts.bodyUpload, .duration(instant...day),
            "Silence inside a request body. Clients may hold an upload open for 120 s, so keep it above."),
        Option(
            "timeouts.keep_alive", \.timeouts.keepAlive, .duration(instant...day),
            "How long a client connection without a request is kept. Above the 60 s at which common proxies in front give up theirs."
        ),
        Option(
            "timeouts.client_write", \.timeouts.clientWrite, .duration(instant...day),
            "How long a client may take no byte of an answer before it counts as gone."),
        Option(
            "timeouts.drain", \.timeouts.drain, .duration(.zero...day),
            "How long running exchanges may go on after SIGTERM."),
        Option(
            "timeouts.total", \.timeouts.total, .optional(.duration(instant...day)),
            "From the request's head to the end of the answer, all attempts together. Off: long answers are nobody's fault."
        ),

        Option(
            "limits.head", \.limits.headBytes, .size(1024...(1 << 20)),
            "Bytes of a request or response head, first line included; more is refused with 431."),
        Option(
            "limits.body_memory", \.limits.bodyMemoryBytes, .size(1024...(1 << 30)),
            "Size of a request body; more is refused with 413. 32 MB is the provider's own limit. It stays in memory, because a retry sends it again."
        ),
        Option(
            "limits.batches", \.limits.batchBytes, .size(1024...(1 << 34)),
            "Size of a body sent to /v1/messages/batches. Above body_memory it goes to an unlinked file."),
        Option(
            "limits.files", \.limits.fileBytes, .size(1024...(1 << 34)),
            "Size of a body sent to /v1/files. Above body_memory it goes to an unlinked file."),
        Option(
            "limits.buffered_total", \.limits.bufferedBytes, .size((1 << 20)...(1 << 40)),
            "All request bodies held in memory at one time, over all loops. A request that would exceed it is answered with 529."
        ),
        Option(
            "limits.connections", \.limits.connections, .integer(1...1_000_000),
            "Client connections at one time; each also needs a file descriptor (ulimit -n), as does its upstream connection."
        ),
        Option(
            "limits.attempts", \.limits.attempts, .integer(1...20),
            "Attempts at the upstream for one request, the first included. From two on, those that a proxy failed do not count, up to 32 of them."
        ),
        Option(
            "limits.retry_time", \.limits.retryTime, .duration(.zero...day),
            "No further attempt begins when this has passed since the first."),
        Option(
            "limits.repeat_sent", \.limits.repeatsSent, .bool,
            "Send a request again when its connection ended after all of it was sent and before any answer, although the upstream may have executed it. The log then says may_have_run_twice. Reading requests (GET, HEAD) always are."
        ),
        Option(
            "limits.event_bytes", \.limits.eventBytes, .size(1024...(1 << 30)),
            "One event of a stream, as plugins see it. A longer one passes in parts, unread."),

        Option(
            "pool.idle", \.pool.idlePerTarget, .integer(0...10_000),
            "Idle upstream connections kept by each loop for one origin, proxy and account."),
        Option(
            "pool.idle_time", \.pool.idleTime, .duration(.zero...day),
            "How long one is kept. Shorter than common servers keep theirs, so that few requests meet a closing connection."
        ),

        Option(
            "client_gone.policy", \.clientGone.policy, .choice,
            "When a client leaves: drain reads the upstream to its end, so that usage is what the provider reported; abort closes it at once; abort_before_first_byte closes it while the client has seen nothing of the answer. A key's client_gone goes before it."
        ),
        Option(
            "client_gone.drain_limit", \.clientGone.drainTime, .duration(.zero...day),
            "How long the upstream of a client that has left is read."),
        Option(
            "client_gone.drains", \.clientGone.drains, .integer(0...1_000_000),
            "How many upstreams are read at one time although their clients have left. Beyond it the upstream of whoever leaves is closed at once."
        ),

        Option(
            "trusted_proxies", \.trustedProxies, .list(of: .addressRange, "list of addresses"),
            "Proxies in front of the gateway. X-Forwarded-For is believed only when it comes from one of these."),

        Option(
            "response_headers.account", \.responseHeaders.account, .bool,
            "Send x-gateway-account, the label of the account. Off: it tells clients what they need not know."),
        Option(
            "response_headers.attempts", \.responseHeaders.attempts, .bool,
            "Send x-gateway-attempts, how many attempts it took."),
        Option(
            "response_headers.overhead", \.responseHeaders.overhead, .bool,
            "Send x-gateway-overhead-us, the time spent inside the gateway before the upstream was asked, in microseconds."
        ),

        Option(
            "metrics.allow", \.metrics.allow, .list(of: .addressRange, "list of addresses"),
            "Who may read the metrics. The address of the connection counts: all who come through a proxy in front count as it."),
        Option(
            "metrics.token", \.metrics.token, .optional(.secret),
            "A bearer token that readers of the metrics must send as well."),

        Option(
            "admin.enabled", \.admin.isEnabled, .bool,
            "Serve the admin interface below /admin. It lets nobody in without a user or token, and there is none at first."),
        Option(
            "admin.listen", \.admin.listeners, .optional(.oneOrMany(listener, "list of addresses")),
            "Addresses for the admin interface alone, which then does not answer at those of listen. Off: it answers there."),
        Option(
            "admin.allow", \.admin.allow, .list(of: .addressRange, "list of addresses"),
            "Who may reach the admin interface at the addresses of listen. The address of the connection counts, as for metrics.allow."),
        Option(
            "admin.session", \.admin.sessionTime, .duration(.seconds(1)...(day * 30)),
            "How long a login lasts. A token has an expiry of its own."),
        Option(
            "admin.openapi", \.admin.openAPIIsOpen, .bool,
            "Show /admin/openapi.json, which says what the interface can do, to those who have not logged in as well."),
        Option(
            "store", \.store, .storeLocation,
            "Where records, limits and shared values are kept. local: in the data folder, for one gateway. redis://[user:password@]host:port/database or redis+unix:///path?db=0: in a Redis (6 or newer) that several gateways share."
        ),
        Option(
            "redis.password", \.redis.password, .optional(.secret),
            "The password of the Redis that store names, in the place of one in its URL."),
        Option(
            "redis.prefix", \.redis.prefix, .text,
            "Begins the name of every key in Redis, so that several installations can share one."),
        Option(
            "redis.connect_timeout", \.redis.connectTimeout, .duration(.milliseconds(10)...(.seconds(60))),
            "How long connecting to Redis may take."),
        Option(
            "redis.command_timeout", \.redis.commandTimeout, .duration(.milliseconds(10)...(.seconds(60))),
            "How long Redis may take for an answer. A request whose limits need it is refused then."),
        Option(
            "ledger.durability", \.ledger.durability, .choice,
            "sealed: the last bytes of an answer wait until its row is on the disk, so that nothing a client saw finish is ever missing; relaxed: the row follows within milliseconds."
        ),
        Option(
            "ledger.zone", \.ledger.zone, .timeZone,
            "The time zone of days and hours in the ledger's sums, as Europe/Berlin. Sums that exist keep theirs."),
        Option(
            "ledger.keep", \.ledger.keep, .optional(.duration(.seconds(86_400)...(day * 36_500))),
            "How long the row of each request is kept. Sums by hour and day are kept for ever. Off: rows too."),
        Option(
            "ledger.node", \.ledger.node, .optional(.text),
            "What gateways that share a Redis call this one in their usage. Off: as its host. Its id is made once and kept with the ledger."
        ),

        Option(
            "log.level", \.log.level, .choice,
            "The least important lines to write."),
        Option(
            "log.file", \.log.file, .optional(.path),
            "Where to write them. Off: standard error, or the file that the variable GATEWAY_LOG_FILE names; gateway start sets it to gateway.log in the data folder."
        ),
        Option(
            "log.error_file", \.log.errorFile, .optional(.path),
            "A second file that gets only warnings and errors."),
        Option(
            "log.format", \.log.format, .choice,
            "auto writes text on a terminal and JSON elsewhere, one object a line."),
        Option(
            "log.rotate", \.log.rotateBytes, .size((1 << 16)...(1 << 40)),
            "A log file that has grown to this size is renamed to FILE.1."),
        Option(
            "log.keep", \.log.keep, .integer(0...1000),
            "How many renamed files are kept."),

        Option(
            "ping", \.pingInterval, .optional(.duration(.milliseconds(10)...day)),
            "Send the client a ping event when the upstream's event stream has been silent this long. For proxies in between that close silent connections."
        ),
        Option(
            "reload.watch", \.reloadWatch, .bool,
            "Apply the configuration by itself when its file changes. Off: gateway reload or SIGHUP."),
    ])

    static let chain = OptionTable<ChainEntry>([
        Option(
            "plugin", \.plugin, .text, required: true,
            "Auth for libAuth.so beside the binary, or the path of a shared object."),
        Option(
            "name", \.name, .text,
            "Names the entry in logs and metrics; unique in the chain. The plugin's name unless given."),
        Option(
            "enabled", \.enabled, .bool,
            "false leaves the entry out, its configuration unread."),
        Option(
            "config", \.config, .mapping,
            "The plugin's own configuration; the plugin's schema says what may stand here."),
        Option(
            "on_error", \.onError, .choice,
            "When a hook of the plugin fails: fail_closed ends the exchange with an error, fail_open goes on as if the plugin were not there."
        ),
        Option(
            "mount", \.mount, .optional(.mount),
            "Path at which the plugin's own pages answer. Off: where the plugin asks for it."),
        Option(
            "secrets", \.secrets, .secrets,
            "Secrets that the plugin asks for by name."),
        Option(
            "capabilities", \.capabilities, .list(of: .choice, "list of capabilities"),
            "What the plugin may do beyond its hooks: control lets it read the gateway's status and reload it."),
        Option(
            "hook_budget", \.hookBudget, .duration(instant...day),
            "A hook that runs longer is logged and counted, because everything else on its loop waits."),
        Option(
            "hook_limit", \.hookLimit, .duration(instant...day),
            "A hook that runs longer counts as failed."),
        Option(
            "suspension_limit", \.suspensionLimit, .duration(instant...day),
            "How long a hook may wait for an operation before it counts as failed."),
    ])

    static let listenerMapping = OptionTable<ListenerConfig>([
        Option("address", \.address, .listenAddress, required: true, "The address and port."),
        Option(
            "tls", \.tls, .some(.table(tls, from: { _ in TLSFiles() })), "Speak TLS on it; plain HTTP unless given."),
    ])

    static let tls = OptionTable<TLSFiles>([
        Option(
            "certificate", \.certificate, .path, required: true,
            "PEM file of the certificate, followed by its intermediates."),
        Option("key", \.key, .path, required: true, "PEM file of its private key."),
    ])

    static let upstreamMapping = OptionTable<UpstreamConfig>([
        Option("url", \.url, .upstreamURL, "Scheme, host, and what comes before /v1 in the path."),
        Option(
            "ca_file", \.caFile, .optional(.path),
            "PEM file of the authorities to trust instead of the system's."),
    ])

    // MARK: Codecs of the structures

    private static let listener = OptionCodec<ListenerConfig>.either(
        short: .listenAddress,
        .table(listenerMapping, from: { _ in ListenerConfig(address: ListenAddress(host: "*", port: 0)) }),
        readShort: { node, reading in
            OptionCodec.listenAddress.read(node, &reading).map { ListenerConfig(address: $0) }
        },
        showShort: { $0.tls == nil ? OptionCodec.listenAddress.show($0.address) : nil })

    private static let upstream = OptionCodec<UpstreamConfig>.either(
        short: .upstreamURL, .table(upstreamMapping, from: { _ in UpstreamConfig() }),
        readShort: { node, reading in
            OptionCodec.upstreamURL.read(node, &reading).map { UpstreamConfig(url: $0) }
        },
        showShort: { $0.caFile == nil ? OptionCodec.upstreamURL.show($0.url) : nil })

    private static let chainEntry = OptionCodec<ChainEntry>.table(
        chain,
        from: { node in
            ChainEntry(
                config: .emptyMapping(at: node.mark, path: node.path.appending("config")),
                mark: node.mark, path: node.path)
        })
}
