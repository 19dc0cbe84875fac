// Reads a claude-relay-service's Redis, with SCAN and never with KEYS, so that it goes on serving meanwhile. Nothing is written.
//
// Kind: confined to the thread that made it; blocks.

struct CRSSource {
    /// Kinds that are only counted, by the beginnings of their names.
    private static let otherKinds = [
        ("claude:account:", "Claude (OAuth)"), ("bedrock_account:", "Bedrock"), ("openai:account:", "OpenAI"),
        ("openai_responses_account:", "OpenAI Responses"), ("azure_openai:account:", "Azure OpenAI"), ("gemini_account:", "Gemini"),
        ("gemini_api_account:", "Gemini API"), ("droid:account:", "Droid"), ("ccr_account:", "CCR"),
    ]
    private static let page = "500"

    private let session: RedisSession

    init(_ address: RedisAddress) { session = RedisSession(RedisTarget(address)) }

    /// - Parameter progress: told how many entries were read.
    func read(progress: (Int) -> Void) throws(RedisFailure) -> CRSData {
        var data = CRSData()
        var count = 0
        func note() {
            count += 1
            if count % 200 == 0 { progress(count) }
        }
        for name in try names("apikey:*") {
            // Beside them stand an index by hash, and indexes with names of more parts.
            let id = String(name.dropFirst("apikey:".count))
            if id == "hash_map" || id.contains(":") { continue }
            guard let fields = try hash(name) else { continue }
            data.keys.append(CRSData.Entry(id: id, fields: fields))
            if let usage = try hash("usage:\(id)") { data.usage[id] = CRSData.Entry(id: id, fields: usage) }
            if let cost = try session.ask("GET", "usage:cost:total:\(id)").string { data.costs[id] = cost }
            note()
        }
        for name in try names("claude_console_account:*") {
            guard let fields = try hash(name) else { continue }
            data.consoleAccounts.append(CRSData.Entry(id: String(name.dropFirst("claude_console_account:".count)), fields: fields))
            note()
        }
        for (prefix, kind) in Self.otherKinds {
            for name in try names(prefix + "*") {
                let id = String(name.dropFirst(prefix.count))
                if id.contains(":") { continue }
                let label = try hash(name)?["name"] ?? id
                data.otherAccounts[kind, default: []].append(label.isEmpty ? id : label)
                note()
            }
        }
        data.keys.sort { $0.id < $1.id }
        data.consoleAccounts.sort { $0.id < $1.id }
        return data
    }

    private func names(_ pattern: String) throws(RedisFailure) -> [String] {
        var names: Set<String> = []
        var cursor = "0"
        repeat {
            let answer = try session.ask("SCAN", cursor, "MATCH", pattern, "COUNT", Self.page)
            if let words = answer.error { throw RedisFailure(description: words, isRefusal: true) }
            guard let parts = answer.array, parts.count == 2, let next = parts[0].string, let found = parts[1].array else {
                throw RedisFailure(description: "Redis answered SCAN with something else")
            }
            names.formUnion(found.compactMap(\.string))
            cursor = next
        } while cursor != "0"
        return names.sorted()
    }

    /// nil when it is no hash, or an empty one.
    private func hash(_ name: String) throws(RedisFailure) -> [String: String]? {
        let answer = try session.ask("HGETALL", name)
        guard let parts = answer.array, !parts.isEmpty else { return nil }
        var fields: [String: String] = [:]
        for place in stride(from: 0, to: parts.count - 1, by: 2) {
            if let field = parts[place].string, let value = parts[place + 1].string { fields[field] = value }
        }
        return fields
    }
}
