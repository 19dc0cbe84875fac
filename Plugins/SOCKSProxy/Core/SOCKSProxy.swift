// SOCKSProxy: the way out of each account.
//
// It runs in `onSelect` behind the plugin that chose the account, and turns what that account
// demands (gw.egress, or the table of its own configuration) into the proxy of the attempt. An
// account without a proxy passes untouched. Proxies that people manage (ProxyResources.swift) are named by accounts, and
// the plugin that chose the account has put their URL into gw.egress. A proxy that is not one ends the request with an error:
// never a direct connection, which would show the account's traffic at the wrong address.
//
// socks5 is used as socks5h, so that names are resolved by the proxy (ProxyURL.swift).
//
//     SOCKSProxy          constant: the configured table
//     SOCKSProxyWorker    confined: the last URL that it checked, because most requests repeat it

import PluginKit

public final class SOCKSProxy: Plugin, FixedRecords {
    public static let about = PluginDescription(
        id: "gw.socksproxy", version: "1.0.0", summary: "Sends each account out through its proxy",
        schema: SOCKSProxyOptions.schema, failClosed: true, resources: ProxyResources.declaration)

    let options: SOCKSProxyOptions
    let fetch: Fetch?
    fileprivate let egress: Attribute

    public init(_ instance: Instance) throws {
        options = try SOCKSProxyOptions(try instance.settings())
        fetch = try? instance.fetch()
        egress = instance.attribute(GW_ATTR_EGRESS)
    }

    public func fixedRecords(of resource: Bytes) -> [JSON] { options.fixed }

    public func makeWorker(_ worker: WorkerScope) -> SOCKSProxyWorker { SOCKSProxyWorker(self) }
}

public final class SOCKSProxyWorker: SelectHook {
    let plugin: SOCKSProxy
    private var checked: (given: [UInt8], url: [UInt8]) = ([], [])

    fileprivate init(_ plugin: SOCKSProxy) { self.plugin = plugin }

    public func onSelect(_ request: Request) -> Verdict {
        let egress = request.text(plugin.egress)
        if !egress.isAbsent { return send(request, through: egress) }
        guard !plugin.options.accounts.isEmpty, let upstream = request.upstream() else {
            return .continue
        }
        let account = Bytes(upstream.account)
        for entry in plugin.options.accounts {
            let isIt = entry.name.withUnsafeBufferPointer { Bytes($0).equals(account) }
            if isIt { return entry.proxy.text.withBytes { send(request, through: $0) } }
        }
        return .continue
    }

    private func send(_ request: Request, through given: Bytes) -> Verdict {
        guard check(given), var upstream = request.upstream() else {
            request.log(
                GW_LOG_ERROR,
                "the account '\(request.upstream().map { Bytes($0.account).string } ?? "?")' demands "
                    + "a proxy whose URL is malformed; the request was refused, not sent directly")
            return request.refuse(
                Refusal(
                    .badGateway,
                    "the proxy of the chosen account is misconfigured; the operator's log says more"))
        }
        return checked.url.withUnsafeBufferPointer {
            upstream.proxy = Bytes($0).abi
            return request.setUpstream(upstream) ? .continue : .fail
        }
    }

    /// Leaves the safe spelling of `given` in `checked`; false if it is not a proxy.
    private func check(_ given: Bytes) -> Bool {
        let isKnown = checked.given.withUnsafeBufferPointer { Bytes($0).equals(given) }
        if isKnown, !checked.url.isEmpty { return true }
        guard let proxy = ProxyURL(given) else { return false }
        checked = (Array(given.buffer), Array(proxy.text.utf8))
        return true
    }
}
