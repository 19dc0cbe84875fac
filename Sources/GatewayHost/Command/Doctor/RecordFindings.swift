// Whether the store opens with the master key that is here, and what accounts and proxies say when they are tried: every resource that
// declares an action `test` on a record is asked for it.
//
// Kind: belongs to the main thread; asks the admin interface of this process, which asks the network.

import CLinux

enum RecordFindings {
    /// More would take too long.
    fileprivate static let countLimit = 100
    fileprivate static let action = "test"

    /// - Parameter asksNetwork: false: only whether the store opens.
    static func all(_ config: GatewayConfig, _ services: CommandServices, asksNetwork: Bool, progress: (String?) -> Void) -> [Finding] {
        do {
            let place = StorePlace(config)
            // Opening says what is wrong where this node has known one.
            guard try place.exists() || StoreMark.known(in: config.data) != nil else {
                return [Finding(.note, "store", "there is none at \(place) yet; \"gateway setup\" or the first start makes it")]
            }
            let administration = try services.openQuietly(config)
            defer { administration.end() }
            let store = Finding(.ok, "store", "opens with the master key that is here")
            return [store] + (asksNetwork ? administration.tested(progress) : [])
        } catch {
            return [Finding(.fault, "store", "\(error)")]
        }
    }
}

extension Administration {
    fileprivate func tested(_ progress: (String?) -> Void) -> [Finding] {
        defer { progress(nil) }
        return resources.filter { $0.actions.contains { $0.name == RecordFindings.action && $0.isOnRecord } }.flatMap {
            resource -> [Finding] in
            do throws(RecordFinder.Fault) {
                let records = try finder.all(of: resource, limit: RecordFindings.countLimit).filter { $0["enabled"]?.bool != false }
                if records.isEmpty {
                    let mend = "gateway \(resource.name) create makes one."
                    return resource.name == "accounts" ? [Finding(.fault, "accounts", "there is none that is enabled", mend: mend)] : []
                }
                return records.map { record in
                    progress("asking for \(resource.singular) \(record.value(at: resource.label)?.string ?? "")")
                    return tested(record, resource)
                }
            } catch {
                return [Finding(.fault, resource.name, "they cannot be listed")]
            }
        }
    }

    private func tested(_ record: JSONValue, _ resource: ResourceDeclaration) -> Finding {
        let id = record["id"]?.string ?? ""
        let name = "\(resource.singular) \(record.value(at: resource.label)?.string ?? id)"
        let mend = "gateway \(resource.name) \(RecordFindings.action) \(id) says more."
        guard
            let answer = try? client.call("POST", "/admin/v1/\(resource.name)/\(PercentEncoding.encode(id)):\(RecordFindings.action)")
        else {
            return Finding(.fault, name, "the connection broke", mend: mend)
        }
        let detail = answer.body?["detail"]?.string ?? "answered with \(answer.status)"
        let through = answer.body?["proxy"]?.string.map { " through \($0)" } ?? ""
        guard answer.isDone, answer.body?["ok"]?.bool ?? true else { return Finding(.fault, name, detail + through, mend: mend) }
        let time = answer.body?["latency_ms"]?.int.map { " (\($0) ms\(through))" } ?? through
        return Finding(.ok, name, detail + time)
    }
}
