// One request to a token endpoint: through the account's proxy, once, and its answer as a TokenReply.
//
// It belongs to the worker's background, not to the exchange that may have asked for it: a client that leaves must not
// cut it in the middle.
//
// Kind: free functions of a worker's thread.

import PluginKit

enum TokenRequest {
    /// Of the answer; tokens are a few kilobytes.
    private static let bodyLimit = 256 << 10

    /// - Parameters:
    ///   - proxies: the next is asked where nothing of the request left through the one before; none: directly.
    ///   - fields: beside the client's own.
    ///   - secrets: names of fields whose values no text may repeat.
    static func start(
        _ background: Request, _ fetch: Fetch, _ provider: OAuthProvider, proxies: [ProxyURL], _ fields: [(String, String)],
        secrets: [String], _ done: @escaping (Request, TokenReply) -> Void
    ) {
        var fields = fields + [("client_id", provider.clientID)]
        if let secret = provider.clientSecret { fields.append(("client_secret", secret)) }
        let hidden = fields.filter { secrets.contains($0.0) || $0.0 == "client_secret" }.map(\.1)
        let body =
            switch provider.bodyKind {
            case .form: FormText.encode(fields)
            case .json: JSON.object(fields.map { ($0.0, .text($0.1)) }).serialized
            }
        send(background, fetch, provider, proxies[...], body) { request, result in
            guard result.error == GW_OK else { return done(request, TokenReply(result.error, mayHaveRun: result.mayHaveRun)) }
            done(
                request,
                TokenReply(
                    status: result.number, body: result.bytes, retryAfter: request.header("retry-after", of: GW_RESULT), hiding: hidden))
        } refused: {
            done(background, .notUsed("no request could be started", wait: nil))
        }
    }

    private static func send(
        _ background: Request, _ fetch: Fetch, _ provider: OAuthProvider, _ proxies: ArraySlice<ProxyURL>, _ body: String,
        _ done: @escaping (Request, OperationResult) -> Void, refused: @escaping () -> Void
    ) {
        let kind = provider.bodyKind == .form ? "application/x-www-form-urlencoded" : "application/json"
        let operation = provider.tokenURL.withBytes { url in
            body.withBytes { bytes in
                withProxy(proxies.first) { proxy in
                    fetch.start(
                        background, method: "POST", url: url, proxy: proxy,
                        headers: [(name: "content-type", value: kind), (name: "accept", value: "application/json")], body: bytes,
                        timeoutMilliseconds: UInt32(provider.timeoutSeconds * 1000), bodyLimit: bodyLimit
                    ) { request, result in
                        if result.error != GW_OK, !result.mayHaveRun, proxies.count > 1 {
                            send(background, fetch, provider, proxies.dropFirst(), body, done, refused: refused)
                        } else {
                            done(request, result)
                        }
                        return .suspend
                    }
                }
            }
        }
        if operation == nil { refused() }
    }

    private static func withProxy<Result>(_ proxy: ProxyURL?, _ body: (Bytes) -> Result) -> Result {
        guard let proxy else { return body(.absent) }
        return proxy.text.withBytes(body)
    }
}
