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
        let ways = ["proxy", "proxies", "proxy_url"].filter { after[$0].ifPresent != nil }
        if ways.count > 1 {
            throw after[ways[1]].invalid("one of proxy, proxies and proxy_url, not several")
        }
        for (name, place) in try AccountDirectory.named(after) where name.hasPrefix("config:") {
            throw place.invalid(
                "a proxy of the configuration belongs to accounts of the configuration; make it a managed one, or use proxy_url")
        }
        let document = try GrantCheck.document(change, plugin.options.providers)
        if document != after.value { change.store(document) }
        // Read as it will be used; its own state is not touched.
        _ = try Account(after, id: change.id.string, egress: try AccountDirectory.inlineProxy(after).map { [$0] } ?? [])
    }

    public func act(_ request: Request, _ action: ResourceAction) -> Verdict {
        switch action.action.string {
        case "test": test(request, action)
        case "status": request.respond(status(request))
        case "reset": reset(request, action)
        case "why": why(request, action)
        case "authorize": authorize(request, action)
        case "exchange": exchange(request, action)
        case "refresh": refresh(request, action)
        default: .fail
        }
    }

    private func test(_ request: Request, _ action: ResourceAction) -> Verdict {
        guard let fetch = plugin.fetch else { return request.respondProblem(503, "this gateway fetches nothing") }
        do {
            let account = try account(of: action)
            if account.credential.isEmpty, account.grant?.token == nil {
                return request.respondProblem(409, "the account has no access token: authorize it")
            }
            let upstream = request.upstream().map { Bytes($0.url) } ?? .absent
            return AccountTest.start(request, fetch, account: account, upstream: upstream)
        } catch {
            return request.respondProblem(409, "\(error)")
        }
    }

    /// A configured account is taken from the configuration: its record is for people, and has no secrets.
    private func account(of action: ResourceAction) throws -> Account {
        let id = action.id.string
        if let configured = plugin.options.accounts.first(where: { $0.id == id }) { return configured }
        let settings = try action.record()
        return try Account(
            settings, id: id, egress: try directory.egress(of: settings), grant: plugin.oauth.known(id),
            provider: directory.keeper?.provider(of: id))
    }

    private func status(_ request: Request) -> JSON {
        PoolReport.status(current.members, plugin.pool, plugin.oauth, now: Self.now(request), wall: Self.wall(request))
    }

    private func reset(_ request: Request, _ action: ResourceAction) -> Verdict {
        let id = action.id.string
        guard let standing = plugin.pool.known(id) ?? plugin.pool.known("config:" + id),
            let place = current.place(of: standing.serial)
        else { return request.respondProblem(404, "no request has met this account yet: there is nothing to reset") }
        plugin.pool.reset(standing, now: Self.now(request))
        let member = current.members[place]
        plugin.metrics?.state(of: standing, member.label)
        request.log(GW_LOG_INFO, "account '\(member.label)' was reset by \(action.actor.string)")
        return request.respond(
            PoolReport.account(member, plugin.pool, plugin.oauth, now: Self.now(request), wall: Self.wall(request)))
    }

    private func why(_ request: Request, _ action: ResourceAction) -> Verdict {
        guard let text = try? action.input()["request"].text(), let number = PoolReport.request(text) else {
            return request.respondProblem(422, "the id of a request is needed, as x-gateway-request-id says it")
        }
        let decisions = plugin.pool.decisions(of: number)
        guard !decisions.isEmpty else {
            return request.respondProblem(404, "nothing is remembered of this request: it is too long ago, or it was not for an account")
        }
        let roster = current
        let texts = decisions.map { decision in
            decision.json { serial in
                roster.place(of: serial).map { roster.members[$0].label } ?? plugin.pool.standing(serial: serial)?.id
            }
        }
        let body = "{\"request\":\(JSON.quoted(text)),\"decisions\":[\(texts.joined(separator: ","))]}"
        return body.withBytes {
            request.respond(status: 200, headers: [(name: "content-type", value: "application/json")], body: $0)
        }
    }
}
