// Calls [worker] functions from a thread that does not own the request.

import CLinux
import PluginABI

@testable import GatewayHost

final class Foreigner: @unchecked Sendable {
    private let request: UnsafeMutablePointer<gw_request>
    private(set) var results: [gw_error] = []
    private(set) var operation: gw_op = 1
    private(set) var header = gw_str()

    init(_ request: UnsafeMutablePointer<gw_request>) { self.request = request }

    func runOnOwnThread() {
        var thread = pthread_t()
        pthread_create(&thread, nil, foreignerMain, Unmanaged.passUnretained(self).toOpaque())
        pthread_join(thread, nil)
    }

    fileprivate func run() {
        var value = gw_value()
        results = [
            hostAttributeGet(request, 1, &value), hostHeaderSet(request, GW_REQUEST, Bytes("a").abi, Bytes("b").abi),
            hostBodySet(request, Bytes("x").abi), hostEmit(request, Bytes("x").abi),
        ]
        operation = hostAfter(request, 0, { _, _, _ in GW_CONTINUE }, nil)
        header = hostHeaderGet(request, GW_REQUEST, Bytes(":method").abi)
    }
}

private func foreignerMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    Unmanaged<Foreigner>.fromOpaque(argument!).takeUnretainedValue().run()
    return nil
}
