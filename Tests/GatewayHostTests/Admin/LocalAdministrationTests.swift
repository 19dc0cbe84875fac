// The whole interface in one process, over the socket that commands speak on: gate, service, store, audit.

import CLinux
import Testing

@testable import GatewayHost

@Suite struct LocalAdministrationTests {
    /// A conversation with an administration over an empty chain.
    private final class Talk {
        let folder: TemporaryFolder
        let administration: LocalAdministration
        private let socket: Descriptor

        init() throws {
            folder = try TemporaryFolder()
            var config = GatewayConfig()
            config.data = folder.path + "/data"
            administration = try Gateway.administration(config)
            socket = try administration.connect()
        }

        func end() { administration.end() }

        struct Answer {
            var status: Int
            var head: String
            var body: JSONValue
        }

        func ask(_ method: String, _ path: String, _ body: JSONValue? = nil, headers: [String] = []) throws -> Answer {
            let text = body?.compact ?? []
            var head = "\(method) \(path) HTTP/1.1\r\nhost: x\r\n"
            if body != nil { head += "content-type: application/json\r\ncontent-length: \(text.count)\r\n" }
            for header in headers { head += "\(header)\r\n" }
            let bytes = Array((head + "\r\n").utf8) + text
            try #require(bytes.withUnsafeBytes { gwl_send(socket.number, $0.baseAddress!, $0.count) } == bytes.count)
            return try answer()
        }

        private func answer() throws -> Answer {
            var received: [UInt8] = []
            var block = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let text = String(decoding: received, as: UTF8.self)
                if let end = text.firstRange(of: "\r\n\r\n") {
                    let head = text[..<end.lowerBound].lowercased()
                    let length =
                        head.split(separator: "\r\n").first { $0.hasPrefix("content-length: ") }
                        .flatMap { Int($0.dropFirst(16)) } ?? 0
                    let body = text[end.upperBound...]
                    if body.utf8.count >= length {
                        return Answer(
                            status: Int(head.dropFirst(9).prefix(3))!, head: String(head),
                            body: body.isEmpty ? .null : try JSONParser.parse(String(body)))
                    }
                }
                let count = recv(socket.number, &block, block.count, 0)
                try #require(count > 0)
                received += block[..<count]
            }
        }
    }

    @Test func recordsAreMadeChangedAndRemoved() throws {
        let talk = try Talk()
        defer { talk.end() }
        let made = try talk.ask("POST", "/admin/v1/tokens", ["name": "ci", "role": "operator"])
        #expect(made.status == 201)
        let id = try #require(made.body["id"]?.string)
        let token = try #require(made.body["revealed"]?["token"]?.string)
        #expect(AdminToken.isOne(token))
        #expect(made.head.contains("location: /admin/v1/tokens/\(id)"))

        let shown = try talk.ask("GET", "/admin/v1/tokens/\(id)")
        #expect(shown.status == 200)
        #expect(shown.body["revealed"] == nil)
        #expect(shown.body["token_hint"]?.string == AdminToken.hint(token))
        #expect(!shown.head.contains("x-should-retry"))
        let tag = "\"\(try #require(shown.body["revision"]?.int))\""

        #expect(try talk.ask("GET", "/admin/v1/tokens/\(id)", headers: ["if-none-match: \(tag)"]).status == 304)
        #expect(try talk.ask("PATCH", "/admin/v1/tokens/\(id)", ["role": "viewer"], headers: ["if-match: \"0\""]).status == 412)
        let changed = try talk.ask("PATCH", "/admin/v1/tokens/\(id)", ["role": "viewer"], headers: ["if-match: \(tag)"])
        #expect(changed.status == 200)
        #expect(changed.body["role"] == "viewer")
        #expect(changed.body["token_hash"] == shown.body["token_hash"])
        // Nothing changes, so nothing is written.
        let same = try talk.ask("PATCH", "/admin/v1/tokens/\(id)", ["role": "viewer"])
        #expect(same.body["revision"] == changed.body["revision"])

        #expect(try talk.ask("DELETE", "/admin/v1/tokens/\(id)").status == 204)
        #expect(try talk.ask("GET", "/admin/v1/tokens/\(id)").status == 404)
        #expect(try talk.ask("DELETE", "/admin/v1/tokens/\(id)").status == 404)

        let trail = try talk.ask("GET", "/admin/v1/audit?resource=tokens").body["data"]?.array ?? []
        #expect(trail.compactMap { $0["action"]?.string } == ["delete", "update", "create"])
        #expect(trail.allSatisfy { $0["actor"]?.string?.hasPrefix("cli:") == true && $0["source"] == "local" })
        #expect(trail[1]["fields"] == ["/role"])
        #expect(trail.allSatisfy { $0["record"]?.string == id })
    }

    @Test func faultsNameTheirFields() throws {
        let talk = try Talk()
        defer { talk.end() }
        func pointers(_ answer: Talk.Answer) -> [String] { answer.body["errors"]?.array?.compactMap { $0["pointer"]?.string } ?? [] }
        let bad = try talk.ask("POST", "/admin/v1/tokens", ["role": "king", "expires": "soon", "token_hash": "x", "colour": 1])
        #expect(bad.status == 422)
        #expect(Set(pointers(bad)) == ["/name", "/role", "/token_hash", "/colour"])
        let soon = try talk.ask("POST", "/admin/v1/tokens", ["name": "x", "expires": "soon"])
        #expect(pointers(soon) == ["/expires"])
        #expect(try talk.ask("POST", "/admin/v1/tokens", ["name": "x"]).status == 201)
        let again = try talk.ask("POST", "/admin/v1/tokens", ["name": "x"])
        #expect(again.status == 409)
        #expect(pointers(again) == ["/name"])
        #expect(try talk.ask("POST", "/admin/v1/tokens", "text").status == 422)
        #expect(try talk.ask("PUT", "/admin/v1/tokens", [:]).status == 405)
        #expect(try talk.ask("GET", "/admin/v1/nothing").status == 404)
        #expect(try talk.ask("GET", "/admin/v1/tokens?limit=0").status == 400)
        #expect(try talk.ask("GET", "/admin/v1/tokens?colour=red").status == 400)
        #expect(try talk.ask("GET", "/admin/v1/tokens?cursor=x").status == 400)
        #expect(try talk.ask("POST", "/v1/messages", [:]).status == 404)
    }

    @Test func pagesFollowOneAnother() throws {
        let talk = try Talk()
        defer { talk.end() }
        for index in 0..<7 { #expect(try talk.ask("POST", "/admin/v1/tokens", ["name": "token \(index)"]).status == 201) }
        var names: [String] = []
        var cursor: String?
        var pages = 0
        repeat {
            let page = try talk.ask("GET", "/admin/v1/tokens?limit=3" + (cursor.map { "&cursor=\($0)" } ?? "")).body
            names += page["data"]?.array?.compactMap { $0["name"]?.string } ?? []
            cursor = page["next_cursor"]?.string
            pages += 1
        } while cursor != nil && pages < 10
        #expect(pages == 3)
        // Ids sort by the millisecond, so neighbours may change places.
        #expect(names.sorted() == (0..<7).map { "token \($0)" })
        let found = try talk.ask("GET", "/admin/v1/tokens?search=KEN+3").body["data"]?.array
        #expect(found?.compactMap { $0["name"]?.string } == ["token 3"])
        let audit = try talk.ask("GET", "/admin/v1/audit?limit=4").body
        let rest = try talk.ask("GET", "/admin/v1/audit?limit=4&cursor=\(try #require(audit["next_cursor"]?.string))").body
        #expect((audit["data"]?.array?.count, rest["data"]?.array?.count) == (4, 3))
        #expect(rest["next_cursor"] == .null)
    }

    @Test func aPasswordIsStoredAsWhatCannotBeReadBack() throws {
        let talk = try Talk()
        defer { talk.end() }
        let made = try talk.ask("POST", "/admin/v1/users", ["name": "ada", "role": "admin", "password": "correct horse battery"])
        #expect(made.status == 201)
        #expect(made.body["password"] == nil)
        let id = try #require(made.body["id"]?.string)
        // A secret that is not named stays; a name that is not one is refused.
        let renamed = try talk.ask("PATCH", "/admin/v1/users/\(id)", ["notes": "first"])
        #expect(renamed.body["sessions_since"] == made.body["sessions_since"])
        #expect(try talk.ask("PATCH", "/admin/v1/users/\(id)", ["name": "Ada L"]).status == 422)
        let short = try talk.ask("PATCH", "/admin/v1/users/\(id)", ["password": "short"])
        #expect(short.status == 422)
        #expect(short.body["errors"]?[0]?["pointer"] == "/password")
        #expect(!String(decoding: short.body.compact, as: UTF8.self).contains("short\""))
        #expect(try talk.ask("POST", "/admin/v1/users/\(id):logout").status == 200)
    }

    @Test func aCommandSeesWhatAnotherLeft() throws {
        let folder = try TemporaryFolder()
        var config = GatewayConfig()
        config.data = folder.path + "/data"
        for _ in 0..<2 {
            let administration = try Gateway.administration(config)
            #expect(administration.resources.map(\.name) == ["users", "tokens"])
            administration.end()
        }
    }
}
