// What people manage of SOCKSProxy: proxies, which accounts name.
//
// Kind: the declaration is constant; the rest is confined to its worker.

import PluginKit

enum ProxyResources {
    static let declaration = """
        {"resources":[
          {
            "name": "proxies", "singular": "proxy", "title": "Proxies", "id_prefix": "proxy", "label": "/name",
            "description": "Ways out. An account that names one never goes out without it.",
            "columns": ["/name", "/type", "/host", "/port", "/username", "/enabled"],
            "unique": ["/name"],
            "schema": {
              "type": "object", "additionalProperties": false, "required": ["name", "type", "host", "port"],
              "properties": {
                "name": { "title": "Name", "type": "string", "minLength": 1, "maxLength": 128 },
                "type": { "title": "Type", "description": "Names are resolved by the proxy, for socks5 too.",
                  "type": "string", "enum": ["socks5", "socks5h", "http", "https"] },
                "host": { "title": "Host", "type": "string", "minLength": 1, "maxLength": 255 },
                "port": { "title": "Port", "type": "integer", "minimum": 1, "maximum": 65535 },
                "username": { "title": "User", "type": "string", "minLength": 1, "maxLength": 255 },
                "password": { "title": "Password", "type": "string", "maxLength": 255, "writeOnly": true },
                "check": \(CheckRule.schema),
                "enabled": { "title": "Enabled", "description": "Accounts that name a disabled proxy are not used.",
                  "type": "boolean", "default": true },
                "notes": { "title": "Notes", "type": "string", "maxLength": 2000 }
              }
            },
            "actions": [
              { "name": "test", "title": "Try the proxy",
                "description": "Asks the gateway's upstream through it, without a credential: any answer shows that the way is open." },
              { "name": "status", "on": "resource", "live": true, "list_columns": ["state", "until", "checked"], "role": "viewer",
                "title": "How proxies stand",
                "description": "open, resting after failures, or probing; until when, failures in a row, and what the last check on the clock found." },
              { "name": "reset", "live": true, "title": "Use it again at once",
                "description": "Forgets the failures of the proxy." }
            ]
          }
        ]}
        """
}

extension SOCKSProxyWorker: ResourceHook {
    private static let timeoutMilliseconds: UInt32 = 15_000

    public func check(_ change: ResourceChange) throws {
        guard change.kind != .delete else { return }
        let name = try change.after["name"].text()
        if plugin.options.fixed.contains(where: { $0["id"] == .text(name) }) {
            throw change.after["name"].invalid("a proxy of the configuration has this name")
        }
        if change.after["username"].isAbsent, change.after["password"].ifPresent != nil {
            throw change.after["password"].invalid("a password needs a username")
        }
        _ = try StoredProxy(change.after, nil)
    }

    public func act(_ request: Request, _ action: ResourceAction) -> Verdict {
        switch action.action.string {
        case "test": test(request, action)
        case "status": request.respond(status(request))
        case "reset": reset(request, action)
        default: .fail
        }
    }

    private func status(_ request: Request) -> JSON {
        let configured = plugin.options.proxies.map { (id: "config:" + $0, name: $0, proxy: $1) }
        let managed = (stored?.values ?? [:]).map { (id: $0, name: nil as String?, proxy: $1.url) }
        let all = configured.sorted { $0.id < $1.id } + managed.sorted { $0.id < $1.id }
        return .object([("proxies", .list(all.map { exit($0.id, $0.name, $0.proxy, request) }))])
    }

    private func exit(_ id: String, _ name: String?, _ proxy: ProxyURL, _ request: Request) -> JSON {
        let exit = ExitTable.exit(proxy)
        let health = exit.current
        let check = exit.check
        let now = Self.now(request)
        let wall = Timestamp(nanoseconds: request.clock(GW_CLOCK_WALL)).seconds
        let end = health.until > now ? Timestamp(seconds: wall + Int((health.until - now + 999) / 1000)).text : nil
        return .object([
            ("id", .text(id)), ("name", name.map { .text($0) }), ("proxy", .text(proxy.redacted)), ("state", .text("\(health.phase.word)")),
            ("until", health.phase == .open ? .null : end.map { .text($0) } ?? .null), ("failures", .integer(Int64(health.failures))),
            ("checked", check.map { .text(Timestamp(seconds: $0.time).text) }), ("check", check?.json),
        ])
    }

    private func reset(_ request: Request, _ action: ResourceAction) -> Verdict {
        do {
            let proxy = try proxy(of: action)
            let exit = ExitTable.exit(proxy)
            exit.reset()
            // Loops remember silence by themselves.
            exit.url.withUnsafeBufferPointer { plugin.fetch?.reopen(request, proxy: Bytes($0)) }
            plugin.metrics?.state(of: exit)
            request.log(GW_LOG_INFO, "proxy \(exit.label) was reset by \(action.actor.string)")
            return request.respond(self.exit(action.id.string, nil, proxy, request))
        } catch {
            return request.respondProblem(409, "\(error)")
        }
    }

    private func test(_ request: Request, _ action: ResourceAction) -> Verdict {
        guard let fetch = plugin.fetch else { return request.respondProblem(503, "this gateway fetches nothing") }
        do {
            let proxy = try proxy(of: action)
            let upstream = request.upstream().map { Bytes($0.url).string } ?? ""
            let url = (upstream.hasSuffix("/") ? String(upstream.dropLast()) : upstream) + "/v1/models"
            let start = request.clock(GW_CLOCK_MONOTONIC)
            let operation = url.withBytes { url in
                proxy.text.withBytes { text in
                    fetch.start(request, url: url, proxy: text, timeoutMilliseconds: Self.timeoutMilliseconds) { request, result in
                        Self.answer(request, result, since: start, proxy)
                    }
                }
            }
            return operation == nil ? request.respondProblem(503, "no request could be started") : .suspend
        } catch {
            return request.respondProblem(409, "\(error)")
        }
    }

    /// A configured proxy is taken from the configuration: its record is for people, and has no password.
    private func proxy(of action: ResourceAction) throws -> ProxyURL {
        let id = action.id.string
        if id.hasPrefix("config:"), let configured = plugin.options.proxies[String(id.dropFirst("config:".count))] { return configured }
        return try ProxyURL(try action.record())
    }

    private static func answer(_ request: Request, _ result: OperationResult, since start: UInt64, _ proxy: ProxyURL) -> Verdict {
        let isOpen = result.error == GW_OK
        let detail =
            switch result.error {
            case GW_OK: "the upstream answered with status \(result.number)"
            case GW_E_TIMEOUT: "no answer in time"
            case GW_E_UNAVAILABLE: "no connection: the proxy cannot be reached, refuses the credentials, or cannot reach the upstream"
            default: "the request ended early (error \(result.error.rawValue))"
            }
        return request.respond(
            .object([
                ("ok", .bool(isOpen)), ("status", isOpen ? .integer(Int64(result.number)) : nil),
                ("latency_ms", .integer(Int64((request.clock(GW_CLOCK_MONOTONIC) - start) / 1_000_000))),
                ("proxy", .text(proxy.redacted)), ("detail", .text(detail)),
            ]))
    }
}
