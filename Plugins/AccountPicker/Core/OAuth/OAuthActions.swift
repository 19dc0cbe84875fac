// The actions of OAuth accounts: authorize (a link), exchange (the code that comes back), refresh.
//
// They work on the worker's background, which a client that leaves does not cut; the answer waits for a signal.
//
// Kind: part of AccountPickerWorker, confined to its worker.

import PluginKit

enum OAuthActions {
    static let declaration = """
        { "name": "authorize", "title": "Ask for consent",
          "description": "Of an OAuth account: makes a link for a person to open. Good once, for ten minutes; a new one makes it void.",
          "then": { "action": "exchange", "field": "/code", "show": "/link" } },
        { "name": "exchange", "title": "Bring the code back",
          "description": "Of an OAuth account: exchanges the code that the link ended with for the account's credential.",
          "input": {
            "type": "object", "additionalProperties": false, "required": ["code"],
            "properties": {
              "code": { "title": "Code", "description": "The code, or the whole address that the browser ended at.",
                "type": "string", "minLength": 1, "maxLength": 8192, "writeOnly": true }
            }
          } },
        { "name": "refresh", "title": "Refresh the credential now",
          "description": "Of an OAuth account: sends its refresh token, also one of which nobody knows whether it was used. A provider that punishes reuse may then revoke the account." }
        """
}

/// What an action ends with, between the background that finds out and the exchange that answers.
private final class ActionEnd {
    var status: Int32 = 200
    var document = JSON.null
    var problem: String?
}

extension AccountPickerWorker {
    private struct Called {
        let id: String
        let account: Settings
        let provider: OAuthProvider
        let record: GrantRecord
        let keeper: GrantKeeper
        let fetch: Fetch
    }

    /// The OAuth account that an action is for, or a sentence.
    private func called(_ action: ResourceAction) throws -> Called {
        let account = try action.record()
        guard account["type"].value == .text("oauth"), action.revision > 0 else {
            throw PluginError("this is for accounts of the type oauth; this one has an API key")
        }
        guard let keeper = directory.keeper, let store = plugin.records, let fetch = plugin.fetch else {
            throw PluginError("this gateway keeps no records, or fetches nothing")
        }
        let provider = try GrantCheck.provider(account["oauth"]["provider"], plugin.options.providers)
        let id = action.id.string
        return Called(id: id, account: account, provider: provider, record: GrantRecord(store: store, id: id), keeper: keeper, fetch: fetch)
    }

    /// Has `body` work in the background, and answers when it calls what it is given.
    private func later(_ request: Request, _ body: (_ background: Request, _ end: @escaping (Int32, JSON, String?) -> Void) throws -> Void)
        -> Verdict
    {
        let end = ActionEnd()
        guard
            let (operation, signal) = request.expect({ request, result in
                guard result.error == GW_OK else { return .suspend }
                if let problem = end.problem { return request.respondProblem(end.status, problem) }
                return request.respond(end.document)
            })
        else { return request.respondProblem(503, "the gateway has no room for this now") }
        do {
            try body(background) { status, document, problem in
                (end.status, end.document, end.problem) = (status, document, problem)
                signal.send()
            }
        } catch {
            request.cancel(operation)
            return request.respondProblem(409, "\(error)")
        }
        return .suspend
    }

    // MARK: Authorize

    func authorize(_ request: Request, _ action: ResourceAction) -> Verdict {
        later(request) { background, end in
            let called = try called(action)
            var random = [UInt8](repeating: 0, count: 64)
            random.withUnsafeMutableBytes { request.random($0) }
            let pending = PendingAuthorization(random: random, at: Self.wall(request))
            called.record.change(background, from: called.account.value, revision: action.revision) {
                GrantDocument.setting(pending, in: $0)
            } _: { _, ending in
                switch ending {
                case .stored:
                    end(
                        200,
                        .object([
                            ("link", .text(pending.link(called.provider))), ("state", .text(pending.state)),
                            ("valid_until", .text(Timestamp(seconds: pending.until).text)),
                            (
                                "next",
                                .text("open the link, and give the code or the whole address that it ends with to the action exchange")
                            ),
                        ]), nil)
                case .unwanted: end(404, .null, "the account was deleted meanwhile")
                case .failed(let words): end(503, .null, "the link could not be stored: \(words)")
                }
            }
        }
    }

    // MARK: Exchange

    func exchange(_ request: Request, _ action: ResourceAction) -> Verdict {
        later(request) { background, end in
            let called = try called(action)
            let text = try action.input()["code"].text()
            let proxies = try directory.egress(of: called.account)
            let now = Self.wall(request)
            guard let pending = GrantDocument.pending(called.account.value) else {
                return end(409, .null, "no authorization is under way for this account; ask for a link first (authorize)")
            }
            guard now < pending.until else {
                return end(409, .null, "the link is too old (10 minutes are given); ask for a new one (authorize)")
            }
            guard case .code(let code) = pending.code(in: text) else {
                if case .nothing(let words) = pending.code(in: text) { end(422, .null, words) }
                return
            }
            // Single use: whoever takes it out of the record may use it.
            called.record.change(background, from: called.account.value, revision: action.revision) {
                GrantDocument.pending($0) == pending ? GrantDocument.setting(nil, in: $0) : nil
            } _: { [self] background, ending in
                switch ending {
                case .stored(let document, let revision):
                    redeem(called, code, pending, proxies, document, revision, background, end)
                case .unwanted: end(409, .null, "this authorization was used already, or a newer link was made")
                case .failed(let words): end(503, .null, "the store could not take it: \(words)")
                }
            }
        }
    }

    private func redeem(
        _ called: Called, _ code: String, _ pending: PendingAuthorization, _ proxies: [ProxyURL], _ document: JSON, _ revision: Int,
        _ background: Request, _ end: @escaping (Int32, JSON, String?) -> Void
    ) {
        TokenRequest.start(
            background, called.fetch, called.provider, proxies: proxies,
            [
                ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", called.provider.redirectURI),
                ("code_verifier", pending.verifier), ("state", pending.state),
            ], secrets: ["code", "code_verifier", "state"]
        ) { [self] background, reply in
            switch reply {
            case .granted(let tokens): keep(called, tokens, document, revision, background, end)
            case .refused(let words), .notUsed(let words, _), .unclear(let words):
                background.log(GW_LOG_WARN, "an account was not authorized: \(words)")
                end(502, .null, "\(words); ask for a new link (authorize)")
            }
        }
    }

    private func keep(
        _ called: Called, _ tokens: Tokens, _ document: JSON, _ revision: Int, _ background: Request,
        _ end: @escaping (Int32, JSON, String?) -> Void
    ) {
        let now = Self.wall(background)
        var grant = Grant()
        grant.authorized(tokens, at: now)
        called.record.change(background, from: document, revision: revision) {
            GrantDocument.setting(grant, in: $0)
        } _: { [self] background, ending in
            switch ending {
            case .stored(_, let revision):
                let held = plugin.oauth.held(called.id)
                if held.hold(grant, revision: revision, HeldGrant.Moment(background)) { credentialCame(to: held, background) }
                end(200, Self.credential(grant).setting("stored", .text(Self.kept(tokens))), nil)
            case .unwanted: end(404, .null, "the account was deleted meanwhile")
            case .failed(let words): end(503, .null, "the credential was granted and could not be stored: \(words); authorize it again")
            }
        }
    }

    // MARK: Refresh

    func refresh(_ request: Request, _ action: ResourceAction) -> Verdict {
        later(request) { _, end in
            let called = try called(action)
            let grant = try GrantDocument.grant(called.account)
            guard grant.refreshToken != nil else { return end(409, .null, "the account has no refresh token: authorize it") }
            let held = plugin.oauth.held(called.id)
            called.keeper.refresh(called.id, isOrdered: true) { ending in
                switch ending {
                case .refreshed: end(200, Self.credential(held.grant), nil)
                case .others: end(409, .null, "it is being refreshed already; look again in a moment")
                case .refused(let words): end(502, .null, "\(words); authorize it again")
                case .notUsed(let words), .failed(let words): end(502, .null, words)
                case .unclear(let words): end(502, .null, "\(words): nobody knows whether the refresh token was used")
                }
            }
        }
    }

    /// What is in the record now, for people.
    private static func kept(_ tokens: Tokens) -> String {
        tokens.refresh == nil
            ? "an access token, sealed; none to refresh it with, so it has to be authorized again when it ends"
            : "an access token and the refresh token that renews it, both sealed"
    }

    private static func credential(_ grant: Grant) -> JSON {
        .object([
            ("ok", .bool(true)), ("state", .text(grant.state.rawValue)),
            ("valid_until", grant.expires.map { .text(Timestamp(seconds: $0).text) }),
            ("refreshable", .bool(grant.refreshToken != nil)),
        ])
    }
}
