// gw.fetch/1 performed by the loop's transfers.
//
// Kind: loop-confined.

import PluginABI

final class PluginFetcher: Fetcher {
    private let transfers: TransferQueue

    init(_ transfers: TransferQueue) { self.transfers = transfers }

    func start(_ request: FetchRequest, ended: @escaping (FetchOutcome) -> Void) throws(FetchRefusal) -> any Fetch {
        let fetch = PluginFetch(ended)
        do throws(UpstreamFault) {
            fetch.transfer = try transfers.start(
                TransferRequest(
                    method: request.method, url: request.url, headers: request.headers, body: request.body,
                    proxy: request.proxy, milliseconds: request.timeoutMilliseconds, bodyLimit: request.bodyLimit),
                for: fetch)
        } catch {
            throw FetchRefusal(error: PluginFetch.error(of: error.kind))
        }
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
            ended(.failed(PluginFetch.error(of: fault.kind), mayHaveRun: fault.requestMayHaveRun))
        }
    }

    static func error(of kind: UpstreamFault.Kind) -> gw_error {
        switch kind {
        case .badURL: GW_E_ARGUMENT
        case .timeoutConnect, .timeoutFirstByte, .timeoutIdle: GW_E_TIMEOUT
        case .limit: GW_E_LIMIT
        case .cancelled: GW_E_CANCELLED
        case .resolve, .connect, .proxy, .tls, .closed, .malformed: GW_E_UNAVAILABLE
        }
    }
}
