// gw.fetch/1 performed by the loop's transfers, and its CONNECT by the loop's dials.
//
// Kind: loop-confined.

import PluginABI

final class PluginFetcher: Fetcher {
    private let upstreams: UpstreamPool
    private var connecting = 0
    /// Connections that are tried at a time, of all plugins; a plugin that tries in a loop must hear about it.
    private static let connectLimit = 64

    init(_ upstreams: UpstreamPool) { self.upstreams = upstreams }

    func start(_ request: FetchRequest, ended: @escaping (FetchOutcome) -> Void) throws(FetchRefusal) -> any Fetch {
        if request.method.equals(Bytes("CONNECT")) { return try connect(request, ended) }
        let fetch = PluginFetch(ended)
        do throws(UpstreamFault) {
            fetch.transfer = try upstreams.transfers.start(
                TransferRequest(
                    method: request.method, url: request.url, headers: request.headers, body: request.body,
                    proxy: request.proxy, milliseconds: request.timeoutMilliseconds, bodyLimit: request.bodyLimit),
                for: fetch)
        } catch {
            throw FetchRefusal(error: error.abiError)
        }
        return fetch
    }

    func reopen(_ proxy: Bytes) { upstreams.reopen(proxy) }

    private func connect(_ request: FetchRequest, _ ended: @escaping (FetchOutcome) -> Void) throws(FetchRefusal) -> any Fetch {
        guard connecting < Self.connectLimit else { throw FetchRefusal(error: GW_E_LIMIT) }
        let proxy = Array(request.proxy.buffer)
        let fetch = PluginConnect { [unowned self] outcome in
            connecting -= 1
            guard let outcome else { return }
            // What works for one works for all.
            if case .response = outcome, !proxy.isEmpty { proxy.withUnsafeBytes { upstreams.reopen(Bytes($0)) } }
            ended(outcome)
        }
        do throws(UpstreamFault) {
            fetch.dial = try upstreams.tryOut(
                url: request.url, proxy: request.proxy, milliseconds: request.timeoutMilliseconds, for: fetch)
        } catch {
            throw FetchRefusal(error: error.abiError)
        }
        connecting += 1
        return fetch
    }
}

private final class PluginFetch: Fetch, TransferHandler {
    var transfer: Transfer?
    private let ended: (FetchOutcome) -> Void

    init(_ ended: @escaping (FetchOutcome) -> Void) { self.ended = ended }

    func cancel() {
        transfer?.cancel()
        transfer = nil
    }

    func transferEnded(_ transfer: Transfer, _ result: TransferResult) {
        self.transfer = nil
        switch result {
        case .response(let status, let body):
            ended(.response(status: status, headers: transfer.responseHeaders, body: body))
        case .failed(let fault):
            ended(.failed(fault.abiError, mayHaveRun: fault.requestMayHaveRun, isOfProxy: fault.isOfProxy))
        }
    }
}

/// A connection that is wanted only to see whether it comes.
private final class PluginConnect: Fetch, UpstreamHandler {
    var dial: UpstreamDial?
    private var ended: ((FetchOutcome?) -> Void)?

    /// - Parameter ended: called once; nil: it was cancelled.
    init(_ ended: @escaping (FetchOutcome?) -> Void) { self.ended = ended }

    /// The dial may still come to a connection, which then closes itself: its target is in no table.
    func cancel() {
        dial?.cancel()
        end(nil)
    }

    func upstreamReady(_ connection: UpstreamConnection) {
        connection.close()
        end(.response(status: 0, headers: [], body: .absent))
    }

    func upstreamFailed(_ fault: UpstreamFault) { end(.failed(fault.abiError, isOfProxy: fault.isOfProxy)) }

    func upstreamHead(_ connection: UpstreamConnection) {}
    func upstreamBody(_ bytes: Bytes) {}
    func upstreamEnded(_ connection: UpstreamConnection) {}
    func upstreamFlush() {}

    private func end(_ outcome: FetchOutcome?) {
        dial = nil
        let ended = ended
        self.ended = nil
        ended?(outcome)
    }
}
