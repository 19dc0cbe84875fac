// What AccountPicker says to changes of accounts, and what it does for people.
//
// Kind: confined to its worker.

import PluginKit

extension AccountPickerWorker: ResourceHook {
    public func check(_ change: ResourceChange) throws {
        guard change.resource.equals("accounts"), change.kind != .delete else { return }
        let after = change.after
        let name = try after["name"].text()
        if plugin.options.accounts.contains(where: { $0.label == name }) {
            throw after["name"].invalid("an account of the configuration has this name")
        }
        if after["proxy"].ifPresent != nil, after["proxy_url"].ifPresent != nil {
            throw after["proxy_url"].invalid("one of proxy and proxy_url, not both")
        }
        if try after["proxy"].ifPresent?.text().hasPrefix("config:") == true {
            throw after["proxy"].invalid(
                "a proxy of the configuration belongs to accounts of the configuration; make it a managed one, or use proxy_url")
        }
        // Read as it will be used; its own state is not touched.
        _ = try Account(after, id: change.id.string, egress: try AccountDirectory.inlineProxy(after), AccountState())
    }

    public func act(_ request: Request, _ action: ResourceAction) -> Verdict {
        guard action.action.equals("test") else { return .fail }
        guard let fetch = plugin.fetch else { return request.respondProblem(503, "this gateway fetches nothing") }
        do {
            let settings = try action.record()
            let account = try Account(
                settings, id: action.id.string, egress: try directory.egress(of: settings), AccountState())
            let upstream = request.upstream().map { Bytes($0.url) } ?? .absent
            return AccountTest.start(request, fetch, account: account, upstream: upstream)
        } catch {
            return request.respondProblem(409, "\(error)")
        }
    }
}
