// The plugin as the owner of its resources: gw.admin/1 of one entry, asked on behalf of one admin request.
//
// Kind: loop-confined; made for a request, on the chain that the request began on.

import PluginABI

final class PluginResources: ResourceOwner {
    private let chain: ChainWorker
    private let entry: Int
    private let exchange: Exchange
    let declarations: [ResourceDeclaration]

    init(chain: ChainWorker, entry: Int, exchange: Exchange) {
        self.chain = chain
        self.entry = entry
        self.exchange = exchange
        declarations = chain.generation.resources.values.filter { $0.entry == entry }.map(\.declaration)
    }

    private var admin: UnsafePointer<gw_admin>? { chain.generation.instances[entry].plugin.admin }

    func check(_ change: ResourceChange) -> ResourceVerdict {
        guard let admin, let check = admin.pointee.check else { return ResourceVerdict() }
        let before = change.before.map { JSONValue.object($0).compact }
        let after = change.after.map { JSONValue.object($0).compact }
        var verdict = chain.answer.answer {
            chain.administer(entry, exchange) { request in
                PluginResources.withViews([Array(change.resource.utf8), Array(change.id.utf8), before, after, Array(change.actor.utf8)]) {
                    views in
                    var abi = gw_change(
                        size: UInt32(MemoryLayout<gw_change>.size), kind: change.kind.abi, resource: views[0], id: views[1],
                        before: views[2], after: views[3], actor: views[4], answer: chain.answer.abi, refuse: answerRefuse,
                        store: answerStore, reveal: answerReveal)
                    return check(request, &abi)
                }
            }
        }
        // A response that was staged in here answers nothing.
        exchange.staged = nil
        guard verdict.faults.isEmpty, let document = verdict.document,
            let declaration = chain.generation.resources[change.resource]?.declaration
        else { return verdict }
        let (filled, faults) = declaration.check(document)
        verdict.document = filled
        if let fault = faults.first {
            verdict.failure =
                "the plugin that decides about it wants to store what its own schema refuses: \(fault.pointer) \(fault.sentence)"
        }
        return verdict
    }

    func fixedRecords(of resource: String) -> [JSONObject] {
        if let known = chain.fixedRecords[resource] { return known }
        guard let records = readFixed(resource) else { return [] }
        chain.fixedRecords[resource] = records
        return records
    }

    /// nil: it could not be learned now.
    private func readFixed(_ resource: String) -> [JSONObject]? {
        guard let fixed = admin?.pointee.fixed, let declaration = chain.generation.resources[resource]?.declaration else { return [] }
        let instance = chain.generation.instances[entry]
        var text: [UInt8] = []
        let error = withUnsafeMutablePointer(to: &text) { context in
            chain.administer(entry, exchange) { _ in
                PluginResources.withViews([Array(resource.utf8)]) { fixed(instance.abi, $0[0], appendFixed, context) }
            }
        }
        let elements = text.withUnsafeBytes { try? JSONParser.parse(Bytes($0)) }?.array
        guard error == GW_OK, let elements else {
            if error != GW_OK || !text.isEmpty {
                log.error(
                    "records of the configuration are not shown", .field("plugin", instance.name), .field("resource", resource),
                    .field("reason", error.map { $0 == GW_OK ? "fixed() wrote no JSON array" : $0.sentence } ?? "it ran too long"))
            }
            return error == GW_OK ? [] : nil
        }
        return elements.compactMap { element in
            guard let object = element.object, let id = object["id"]?.string, !id.isEmpty else { return nil }
            var shown = declaration.withoutSecrets(object)
            shown["id"] = .string(id.hasPrefix(ResourceDeclaration.fixedPrefix) ? id : ResourceDeclaration.fixedPrefix + id)
            return shown
        }
    }

    /// Runs `body` with a view of each; nil is absent.
    static func withViews<Result>(_ texts: [[UInt8]?], _ body: ([gw_str]) -> Result) -> Result {
        var views: [gw_str] = []
        func next(_ rest: ArraySlice<[UInt8]?>) -> Result {
            guard let first = rest.first else { return body(views) }
            guard let text = first else {
                views.append(Bytes.absent.abi)
                return next(rest.dropFirst())
            }
            return text.withUnsafeBytes { bytes in
                views.append((bytes.isEmpty ? Bytes("") : Bytes(bytes)).abi)
                return next(rest.dropFirst())
            }
        }
        return next(texts[...])
    }

    /// Of everything that one plugin's configuration fixes of one resource.
    fileprivate static let fixedLimit = 16 << 20
}

private func appendFixed(_ context: UnsafeMutableRawPointer?, _ bytes: gw_str) {
    guard let text = context?.assumingMemoryBound(to: [UInt8].self) else { return }
    guard text.pointee.count + bytes.len <= PluginResources.fixedLimit else { return }
    text.pointee.append(contentsOf: Bytes(bytes).buffer)
}

extension ResourceChange.Kind {
    fileprivate var abi: gw_change_kind {
        switch self {
        case .create: GW_CHANGE_CREATE
        case .update: GW_CHANGE_UPDATE
        case .delete: GW_CHANGE_DELETE
        }
    }
}

extension ChainWorker {
    /// The resource of that name and its owner, asked for `exchange`; nil if no entry declares it.
    func resource(_ name: String, for exchange: Exchange) -> (declaration: ResourceDeclaration, owner: PluginResources)? {
        guard let owned = generation.resources[name] else { return nil }
        return (owned.declaration, PluginResources(chain: self, entry: owned.entry, exchange: exchange))
    }
}
