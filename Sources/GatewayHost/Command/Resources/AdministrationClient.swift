// Speaks HTTP with the gateway's own admin interface: a request, then its whole answer, nothing in between.
//
// The other end is this process (LocalAdministration) or a test. Whoever is there is trusted with the frame no more than an
// upstream is: the same parsers read it.
//
// Kind: belongs to the thread that made it; blocks.

import CLinux

struct AdministrationAnswer: Sendable {
    var status: Int
    /// nil when there is none, or it is no JSON.
    var body: JSONValue?

    var isDone: Bool { (200...299).contains(status) }
}

final class AdministrationClient {
    /// A page of a thousand large records.
    static let bodyLimit = 64 << 20

    private let socket: Descriptor
    private var received: [UInt8] = []

    init(_ socket: consuming Descriptor) { self.socket = socket }

    /// - Parameter revision: sent as If-Match.
    /// - Throws: when the connection breaks; any status is an answer.
    func call(
        _ method: String, _ target: String, body: JSONValue? = nil, revision: Int64? = nil
    ) throws(AdministrationFault) -> AdministrationAnswer {
        var request = "\(method) \(target) HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n"
        if let revision { request += "if-match: \"\(revision)\"\r\n" }
        let document = body?.compact ?? []
        if body != nil {
            let type = method == "PATCH" ? "application/merge-patch+json" : "application/json"
            request += "content-type: \(type)\r\ncontent-length: \(document.count)\r\n"
        } else if method == "POST" {
            request += "content-length: 0\r\n"
        }
        try send(Array((request + "\r\n").utf8) + document)
        return try answer()
    }

    private func send(_ bytes: [UInt8]) throws(AdministrationFault) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { gwl_send(socket.number, $0.baseAddress! + sent, $0.count - sent) }
            if count < 0, gwl_errno() == EINTR { continue }
            guard count > 0 else { throw AdministrationFault("the connection to the admin interface broke") }
            sent += count
        }
    }

    private func answer() throws(AdministrationFault) -> AdministrationAnswer {
        var parser = ResponseParser()
        // No method of ours is HEAD, and only that would matter.
        parser.reset(method: .get)
        while true {
            switch received.withUnsafeBufferPointer({ parser.parse($0) }) {
            case .needMore: try receive()
            case .failed(let fault): throw AdministrationFault("the admin interface answered with bad HTTP: \(fault.sentence)")
            case .complete(let headBytes):
                received.removeFirst(headBytes)
                if parser.isInterim {
                    parser.reset(method: .get)
                    continue
                }
                let bytes = try body(parser.framing)
                return AdministrationAnswer(
                    status: Int(parser.status),
                    body: bytes.isEmpty
                        ? nil
                        : try? JSONParser.parse(
                            String(decoding: bytes, as: UTF8.self), limits: .init(bytes: AdministrationClient.bodyLimit)))
            }
        }
    }

    private func body(_ framing: BodyFraming) throws(AdministrationFault) -> [UInt8] {
        switch framing {
        case .none: return []
        case .length(let length):
            guard length <= UInt64(AdministrationClient.bodyLimit) else { throw AdministrationFault.tooLarge }
            while received.count < Int(length) { try receive() }
            defer { received.removeFirst(Int(length)) }
            return Array(received[..<Int(length)])
        case .untilClose:
            while try receive(mayEnd: true) {}
            defer { received = [] }
            return received
        case .chunked: return try chunks()
        }
    }

    private func chunks() throws(AdministrationFault) -> [UInt8] {
        var decoder = ChunkedDecoder()
        var body: [UInt8] = []
        while true {
            var offset = 0
            var event = ChunkedEvent.needMore
            repeat {
                event = received.withUnsafeBufferPointer { decoder.next($0, from: &offset) }
                if case .data(let range) = event { body += received[range] }
                if case .failed(let fault) = event {
                    throw AdministrationFault("the admin interface answered with bad HTTP: \(fault.sentence)")
                }
            } while event != .needMore && event != .end
            received.removeFirst(offset)
            if event == .end { return body }
            guard body.count <= AdministrationClient.bodyLimit else { throw AdministrationFault.tooLarge }
            try receive()
        }
    }

    /// - Returns: false when the other end has closed.
    @discardableResult
    private func receive(mayEnd: Bool = false) throws(AdministrationFault) -> Bool {
        var block = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = block.withUnsafeMutableBytes { recv(socket.number, $0.baseAddress, $0.count, 0) }
            if count < 0, gwl_errno() == EINTR { continue }
            if count == 0, mayEnd { return false }
            guard count > 0 else { throw AdministrationFault("the admin interface closed the connection in the middle of an answer") }
            received += block[..<count]
            guard received.count <= 2 * AdministrationClient.bodyLimit else { throw AdministrationFault.tooLarge }
            return true
        }
    }
}

struct AdministrationFault: Error, Sendable, Equatable, CustomStringConvertible {
    let description: String

    init(_ sentence: String) { description = sentence }

    static func nobodyServes(_ folder: String?) -> AdministrationFault {
        AdministrationFault(
            "no gateway serves from \(folder ?? "this data folder"), and only a serving one knows. Start it with \"gateway start\" or \"gateway serve\"."
        )
    }

    static let tooLarge = AdministrationFault("the answer of the admin interface is larger than \(AdministrationClient.bodyLimit) bytes")
}
