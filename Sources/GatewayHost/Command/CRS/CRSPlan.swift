// What a claude-relay-service's data becomes here: records, opening balances, and a sentence for everything that is not taken over.
//
// Ids are made of the ids there, so taking over twice is the same as once. A key is not known in clear: it is found by the hash that was
// kept there, SHA-256 of the key and the ENCRYPTION_KEY.
//
// Kind: pure, given the data.

struct CRSPlan: Sendable {
    struct Note: Sendable, Equatable {
        /// `key "phone"`
        var subject: String
        var sentence: String
    }

    private(set) var records: [ExportFormat.Record] = []
    private(set) var balances: [OpeningBalance] = []
    private(set) var notes: [Note] = []

    private let encryptionKey: Secret
    private var names: [String: Set<String>] = [:]
    private var proxies: [String: String] = [:]

    /// - Parameter now: nanoseconds since 1970.
    init(_ data: CRSData, encryptionKey: Secret, now: Int64) {
        self.encryptionKey = encryptionKey
        let cipher = CRSCipher(encryptionKey: encryptionKey, salt: "claude-console-salt")
        for account in data.consoleAccounts { take(account: account, cipher) }
        for key in data.keys { take(key: key, data, now) }
        for (kind, labels) in data.otherAccounts.sorted(by: { $0.key < $1.key }) {
            let why =
                kind.contains("OAuth")
                ? "authorize them here again: taking over a refresh token would end it there"
                : "this gateway speaks with Anthropic's API only"
            note(
                "\(labels.count) accounts of \(kind)",
                "not taken over (\(labels.sorted().prefix(8).joined(separator: ", "))\(labels.count > 8 ? ", …" : "")): \(why)")
        }
    }

    func count(_ resource: String) -> Int { records.count { $0.resource == resource } }

    private mutating func note(_ subject: String, _ sentence: String) { notes.append(Note(subject: subject, sentence: sentence)) }

    // MARK: Keys

    private mutating func take(key: CRSData.Entry, _ data: CRSData, _ now: Int64) {
        let label = key["name"].isEmpty ? key.id : key["name"]
        let subject = "key \"\(label)\""
        if key["isDeleted"] == "true" { return note(subject, "not taken over: it was deleted there") }
        let hash = key["apiKey"].lowercased()
        guard hash.utf8.count == 64, hash.utf8.allSatisfy({ $0 &- 0x30 < 10 || $0 &- 0x61 < 6 }) else {
            return note(subject, "not taken over: what should be its hash is none")
        }
        let name = unique(label, in: "keys")
        var document: JSONObject = [
            "name": .string(name), "enabled": .bool(key["isActive"] != "false"), "legacy_hash": .string(hash),
            "legacy_pepper": .string(encryptionKey.reveal()), "notes": .string("taken over from claude-relay-service, \(key.id)"),
        ]
        if let expires = CRSPlan.text(key["expiresAt"]) {
            guard Moment.parse(expires, now: UInt64(max(now, 0))) != nil, expires.hasSuffix("Z") else {
                return note(subject, "not taken over: its expiry \(ConfigFault.printable(expires, limit: 40)) is no time")
            }
            document["expires"] = .string(expires)
        }
        var limits = JSONObject()
        if let tokens = CRSPlan.positive(key["tokenLimit"]) { limits["token_limit"] = .int(tokens) }
        if let count = CRSPlan.positive(key["concurrencyLimit"]) { limits["concurrency"] = .int(min(count, 1_000_000)) }
        if let count = CRSPlan.positive(key["requestLimit"]) {
            limits["requests_per_minute"] = .int(min(count, 1_000_000_000))
        } else if let count = CRSPlan.positive(key["rateLimitRequests"]), key["rateLimitWindow"] == "1" {
            limits["requests_per_minute"] = .int(min(count, 1_000_000_000))
        }
        if limits.count > 0 { document["limits"] = .object(limits) }
        records.append(ExportFormat.Record(resource: "keys", id: CRSPlan.id("key", key.id), document: document))
        noteRest(of: key, subject)
        if name != label { note(subject, "is called \"\(name)\" here: another key has its name") }
        if let balance = balance(of: key, name, data, now) { balances.append(balance) }
    }

    private mutating func noteRest(of key: CRSData.Entry, _ subject: String) {
        var left = ["dailyCostLimit", "totalCostLimit", "weeklyOpusCostLimit", "rateLimitCost"].filter { CRSPlan.isAmount(key[$0]) }
        if CRSPlan.positive(key["rateLimitRequests"]) != nil, key["rateLimitWindow"] != "1" { left.append("rateLimitRequests") }
        for (flag, field) in [("enableModelRestriction", "restrictedModels"), ("enableClientRestriction", "allowedClients")]
        where key[flag] == "true" {
            left.append(field)
        }
        if !left.isEmpty { note(subject, "these of its limits are not taken over: \(left.joined(separator: ", "))") }
        for field in ["claudeAccountId", "claudeConsoleAccountId"] where !key[field].isEmpty {
            note(subject, "was bound to an account; bind it with --account or --groups if it shall be again")
        }
    }

    private func balance(of key: CRSData.Entry, _ name: String, _ data: CRSData, _ now: Int64) -> OpeningBalance? {
        let usage = data.usage[key.id]
        var balance = OpeningBalance(source: "crs " + key.id, key: name, started: now)
        if let made = CRSPlan.text(key["createdAt"]), let moment = Moment.parse(made, now: UInt64(max(now, 0))) {
            balance.started = Int64(moment)
        }
        balance.usage.inputTokens = CRSPlan.positive(usage?["totalInputTokens"] ?? "") ?? 0
        balance.usage.outputTokens = CRSPlan.positive(usage?["totalOutputTokens"] ?? "") ?? 0
        balance.usage.cacheReadTokens = CRSPlan.positive(usage?["totalCacheReadTokens"] ?? "") ?? 0
        // The kind of cache write was not told apart for all of the time.
        balance.usage.cacheWrite5mTokens = CRSPlan.positive(usage?["totalCacheCreateTokens"] ?? "") ?? 0
        balance.cost = CRSPlan.nanoDollars(data.costs[key.id] ?? "")
        return balance.isEmpty ? nil : balance
    }

    // MARK: Accounts

    private mutating func take(account: CRSData.Entry, _ cipher: CRSCipher) {
        let label = account["name"].isEmpty ? account.id : account["name"]
        let subject = "account \"\(label)\""
        let credential: Secret
        switch cipher.open(account["apiKey"]) {
        case .text(let text): credential = text
        case .plain(let text):
            credential = text
            note(subject, "its API key was not encrypted there")
        case .unreadable: return note(subject, "not taken over: its API key cannot be opened with this ENCRYPTION_KEY")
        }
        guard !credential.isEmpty, credential.reveal().utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }), credential.reveal().utf8.count <= 4096
        else {
            return note(subject, "not taken over: its API key is none")
        }
        let name = unique(label, in: "accounts")
        var document: JSONObject = [
            "name": .string(name), "api_key": .string(credential.reveal()), "enabled": .bool(account["isActive"] != "false"),
            "notes": .string("taken over from claude-relay-service, \(account.id)"),
        ]
        if let url = CRSPlan.text(account["apiUrl"]) { document["base_url"] = .string(CRSPlan.base(url)) }
        if let priority = CRSPlan.positive(account["priority"]) { document["priority"] = .int(min(priority, 1000)) }
        if let places = CRSPlan.positive(account["maxConcurrentTasks"]) { document["concurrency"] = .int(min(places, 1_000_000)) }
        if let text = CRSPlan.text(account["proxy"]), text != "null" {
            guard let proxy = take(proxy: text) else {
                return note(subject, "not taken over: its proxy cannot be read, and it must not go out without one")
            }
            document["proxy"] = .string(proxy)
        }
        records.append(ExportFormat.Record(resource: "accounts", id: CRSPlan.id("account", account.id), document: document))
        if let models = CRSPlan.text(account["supportedModels"]), models != "[]", models != "{}", models != "null" {
            note(subject, "its list of models is not taken over; set --models if it serves only some")
        }
    }

    /// The id of the proxy's record, one for each different proxy; nil if it is none.
    private mutating func take(proxy text: String) -> String? {
        guard let value = try? JSONParser.parse(text), let type = value["type"]?.string, let host = value["host"]?.string, !host.isEmpty,
            let port = value["port"]?.int ?? value["port"]?.string.flatMap({ Int64($0) }), (1...65_535).contains(port),
            ["socks5", "socks5h", "http", "https"].contains(type)
        else { return nil }
        let user = CRSPlan.text(value["username"]?.string ?? "")
        let password = CRSPlan.text(value["password"]?.string ?? "")
        let identity = [type, host, "\(port)", user ?? "", password ?? ""].joined(separator: "\u{0}")
        if let known = proxies[identity] { return known }
        let id = CRSPlan.id("proxy", identity)
        var document: JSONObject = [
            "name": .string(unique("\(host):\(port)", in: "proxies")), "type": .string(type), "host": .string(host), "port": .int(port),
        ]
        if let user { document["username"] = .string(user) }
        if let password, user != nil { document["password"] = .string(password) }
        proxies[identity] = id
        records.append(ExportFormat.Record(resource: "proxies", id: id, document: document))
        return id
    }

    // MARK: Parts

    /// Names are unique here, and of a bounded length.
    private mutating func unique(_ name: String, in resource: String) -> String {
        let short = String(name.prefix(100))
        var candidate = short
        var number = 2
        while !names[resource, default: []].insert(candidate).inserted {
            candidate = "\(short) (\(number))"
            number += 1
        }
        return candidate
    }

    /// An id of ours for one of theirs, always the same.
    static func id(_ prefix: String, _ foreign: String) -> String {
        let digest = Array("crs \(prefix) \(foreign)".utf8).withUnsafeBytes { SHA256.digest(Bytes($0)) }
        return digest.withBytes { bytes in
            var random = InlineArray<10, UInt8>(repeating: 0)
            for place in 0..<10 { random[place] = bytes[place] }
            var time: UInt64 = 0
            for place in 10..<16 { time = time << 8 | UInt64(bytes[place]) }
            return RecordIdentifier.text(prefix: prefix, milliseconds: time, random: random)
        }
    }

    private static func base(_ url: String) -> String {
        var url = url
        while url.hasSuffix("/") { url.removeLast() }
        for end in ["/v1/messages", "/v1"] where url.hasSuffix(end) { url.removeLast(end.count) }
        return url
    }

    private static func text(_ value: String) -> String? { value.isEmpty ? nil : value }

    private static func positive(_ value: String) -> Int64? { Int64(value).flatMap { $0 > 0 ? $0 : nil } }

    private static func isAmount(_ value: String) -> Bool { Double(value).map { $0 > 0 } ?? false }

    /// Dollars as JavaScript writes a number; finer digits than a nano-dollar are noise of its arithmetic.
    static func nanoDollars(_ text: String) -> Int64 {
        guard let dollars = Double(text), dollars > 0, dollars < 1e9 else { return 0 }
        return Int64((dollars * 1e9).rounded())
    }
}
