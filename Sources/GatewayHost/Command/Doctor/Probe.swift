// One HTTP request made by a command, with a loop of its own for as long as it takes.
//
// Kind: free of state; blocks.

import CLinux

enum Probe {
    struct Answer: Sendable {
        var status: Int
        var milliseconds: Int
        /// The Date header.
        var date: String?
    }

    /// Asks `url` directly; proxies of the environment are not used.
    static func get(_ url: String, caFile: String? = nil, milliseconds: UInt32) -> Result<Answer, UpstreamFault> {
        do {
            let loop = try EventLoop(index: 0)
            let curl = CurlMulti(loop: loop)
            let queue = TransferQueue(curl: curl, limit: 1, caFile: caFile)
            let ear = Ear(loop)
            let bytes = Array(url.utf8)
            let begun = gwl_monotonic_ns()
            // A closure that throws a type of its own through this function crashes the compiler (6.3.1).
            let started = bytes.withUnsafeBytes { raw -> Result<Transfer, UpstreamFault> in
                var request = TransferRequest(url: Bytes(raw))
                request.milliseconds = milliseconds
                return Result { () throws(UpstreamFault) in try queue.start(request, for: ear) }
            }
            ear.transfer = try started.get()
            loop.run()
            curl.close()
            return ear.result.map { status, date in
                Answer(status: status, milliseconds: Int((gwl_monotonic_ns() - begun) / 1_000_000), date: date)
            }
        } catch let fault as UpstreamFault {
            return .failure(fault)
        } catch {
            return .failure(UpstreamFault(.connect, "\(error)"))
        }
    }

    private final class Ear: TransferHandler {
        var transfer: Transfer?
        var result: Result<(Int, String?), UpstreamFault> = .failure(UpstreamFault(.cancelled, "nothing was heard"))
        private let loop: EventLoop

        init(_ loop: EventLoop) { self.loop = loop }

        func transferEnded(_ transfer: Transfer, _ result: TransferResult) {
            switch result {
            case .response(let status, _):
                let date = transfer.responseHeaders.first { String(decoding: $0.name, as: UTF8.self).lowercased() == "date" }
                self.result = .success((status, date.map { String(decoding: $0.value, as: UTF8.self) }))
            case .failed(let fault): self.result = .failure(fault)
            }
            loop.mailbox.stop()
        }
    }
}
