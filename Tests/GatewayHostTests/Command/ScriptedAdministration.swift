// The admin interface as a test scripts it: a thread on the other end of a socket pair, which answers each request by a closure.

import CLinux
import Glibc

@testable import GatewayHost

final class ScriptedAdministration: Sendable {
    struct Request: Sendable, Equatable {
        var method: String
        var target: String
        var body: JSONValue?
        var ifMatch: String?
    }

    typealias Answer = @Sendable (Request) -> (status: Int, body: JSONValue?)

    private let seen = Locked<[Request]>([])
    private let answer: Answer

    init(_ answer: @escaping Answer) { self.answer = answer }

    var requests: [Request] { seen.withLock { $0 } }

    /// Requests that change something.
    var changes: [Request] { requests.filter { $0.method != "GET" } }

    /// Services whose administration is this, with the resources of `declaration`.
    func services(_ declaration: String) throws -> CommandServices {
        let resources = try ResourceDeclaration.read(declaration, isHosts: true)
        return CommandServices(
            serve: { _, _ in 0 }, checkPlugins: { _ in },
            administration: { [self] _ in
                Administration(resources: resources, client: AdministrationClient(connect()), close: {})
            })
    }

    private func connect() -> Descriptor {
        var ends: [Int32] = [-1, -1]
        precondition(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        let ours = ends[0]
        BackgroundThread.start("scripted") { [self] in serve(ours) }
        return Descriptor(ends[1])
    }

    private func serve(_ socket: Int32) {
        defer { close(socket) }
        var received: [UInt8] = []
        while let request = next(socket, &received) {
            seen.withLock { $0.append(request) }
            let (status, body) = answer(request)
            let bytes = body?.compact ?? []
            let reply = "HTTP/1.1 \(status) \r\ncontent-length: \(bytes.count)\r\n\r\n"
            let all = Array(reply.utf8) + bytes
            guard all.withUnsafeBytes({ write(socket, $0.baseAddress, $0.count) }) == all.count else { return }
        }
    }

    private func next(_ socket: Int32, _ received: inout [UInt8]) -> Request? {
        var block = [UInt8](repeating: 0, count: 4096)
        while true {
            let text = String(decoding: received, as: UTF8.self)
            if let end = text.firstRange(of: "\r\n\r\n") {
                let head = text[..<end.lowerBound].split(separator: "\r\n")
                let fields = head.dropFirst().map { $0.split(separator: ": ", maxSplits: 1) }
                func field(_ name: String) -> String? { fields.first { $0[0] == name }.map { String($0[1]) } }
                let length = Int(field("content-length") ?? "0")!
                let headBytes = text[..<end.upperBound].utf8.count
                if received.count >= headBytes + length {
                    let words = head[0].split(separator: " ")
                    let body = String(decoding: received[headBytes..<headBytes + length], as: UTF8.self)
                    received.removeFirst(headBytes + length)
                    return Request(
                        method: String(words[0]), target: String(words[1]), body: try? JSONParser.parse(body),
                        ifMatch: field("if-match"))
                }
            }
            let count = read(socket, &block, block.count)
            guard count > 0 else { return nil }
            received += block[..<count]
        }
    }
}
