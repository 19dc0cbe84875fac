// The plugin of docs/PLUGINS.md, section Resources, as it stands there, and that it does what is written.

import PluginKit
import Testing

/// Refuses models that an entry names. Entries are managed while the gateway runs.
private final class Ban: Plugin {
    static let about = PluginDescription(
        id: "com.example.ban", version: "1.0.0", summary: "Refuses models by a managed list",
        resources: #"""
            {"resources":[{
              "name": "bans", "singular": "ban", "title": "Banned models", "id_prefix": "ban", "label": "/model",
              "columns": ["/model", "/reason"], "unique": ["/model"],
              "schema": { "type": "object", "additionalProperties": false, "required": ["model"],
                "properties": {
                  "model": { "type": "string", "minLength": 1, "maxLength": 200 },
                  "reason": { "type": "string", "maxLength": 200, "default": "not served here" } } } }]}
            """#)
    let records: RecordStore
    let model: Attribute

    init(_ instance: Instance) throws {
        records = try instance.records()
        model = instance.attribute(GW_ATTR_MODEL)
    }

    func makeWorker(_ worker: WorkerScope) throws -> BanWorker {
        BanWorker(
            self,
            try records.table(worker, "bans") { record in
                let entry = try record.settings()
                return (model: try entry["model"].text(), reason: try entry["reason"].text())
            })
    }
}

private final class BanWorker: BodyHook, ResourceHook {
    let ban: Ban
    let bans: RecordTable<(model: String, reason: String)>
    init(_ ban: Ban, _ bans: RecordTable<(model: String, reason: String)>) { (self.ban, self.bans) = (ban, bans) }

    func onBody(_ request: Request) -> Verdict {
        let model = request.text(ban.model)
        for entry in bans.values.values where entry.model.withBytes({ $0.equals(model) }) {
            return request.refuse(Refusal(.notFound, "model: \(entry.reason)", shouldRetry: false))
        }
        return .continue
    }

    /// What a schema cannot say.
    func check(_ change: ResourceChange) throws {
        if try change.after["model"].ifPresent?.text().hasSuffix("*") == true {
            throw change.after["model"].invalid("one model by its whole name")
        }
    }
}

@Suite struct BanTests {
    @Test func theDocumentedPluginWorks() throws {
        let host = try FakeHost(Ban.self, records: ["bans": ["ban_1": #"{"model":"gold-1","reason":"too dear"}"#]])
        func ask(_ model: String) -> FakeExchange {
            let exchange = host.exchange(attributes: [GW_ATTR_MODEL: model])
            _ = exchange.onBody()
            return exchange
        }
        #expect(ask("gold-1").response?.body.contains("too dear") == true && ask("gold-2").response == nil)
        host.put("bans", "ban_2", #"{"model":"gold-2","reason":"r"}"#)
        host.put("bans", "ban_1", nil)
        #expect(ask("gold-1").response == nil && ask("gold-2").response?.status == 404)
        #expect(
            host.check("bans", id: "ban_3", after: #"{"model":"gold-*","reason":"r"}"#).refusals == ["/model: one model by its whole name"])
        #expect(host.check("bans", id: "ban_1", before: #"{"model":"gold-1","reason":"r"}"#).refusals.isEmpty)
    }
}
