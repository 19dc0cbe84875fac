import Testing

@testable import GatewayHost

private final class Fetch: TransferHandler {
    var status = 0
    var body = ""
    var headers: [String] = []
    var fault: UpstreamFault?
    var count = 0
    var onEnd: () -> Void = {}

    func transferEnded(_ transfer: Transfer, _ result: TransferResult) {
        count += 1
        switch result {
        case .response(let status, let body):
            self.status = status
            self.body = body.string
            headers = transfer.responseHeaders.map {
                "\(String(decoding: $0.name, as: UTF8.self))=\(String(decoding: $0.value, as: UTF8.self))"
            }
        case .failed(let fault): self.fault = fault
        }
        onEnd()
    }
}

@Suite struct TransferTests {
    private func fetch(
        _ lab: UpstreamLab, _ url: String, _ change: (inout TransferRequest) -> Void = { _ in }
    ) throws -> Fetch {
        let fetch = Fetch()
        fetch.onEnd = { lab.finish() }
        var request = TransferRequest(url: lab.text(url))
        change(&request)
        _ = try lab.pool.transfers.start(request, for: fetch)
        #expect(fetch.count == 0, "nothing is said before start has returned")
        lab.run()
        #expect(fetch.count == 1)
        return fetch
    }

    @Test func aRequestGoesOutAsItWasAskedFor() throws {
        let server = ScriptedServer { connection, _ in
            let request = connection.readRequest() ?? ""
            #expect(request.hasPrefix("PUT /a?b=c HTTP/1.1\r\n"))
            #expect(request.contains("\r\nX-Key: value\r\n"))
            #expect(request.contains("\r\nX-Empty:\r\n"))
            #expect(request.hasSuffix("\r\n\r\n{\"a\":1}"))
            #expect(!request.lowercased().contains("expect:"))
            #expect(!request.lowercased().contains("content-type:"))
            connection.write("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
            connection.write("HTTP/1.1 201 Created\r\nContent-Length: 2\r\nX-A:  b \r\nx-empty:\r\n\r\nok")
        }
        defer { server.stop() }
        let lab = UpstreamLab()
        let result = try fetch(lab, server.url + "/a?b=c") {
            $0.method = Bytes("PUT")
            $0.headers = [(Bytes("X-Key"), Bytes("value")), (Bytes("X-Empty"), Bytes(""))]
            $0.body = lab.text("{\"a\":1}")
        }
        #expect(result.status == 201)
        #expect(result.body == "ok")
        #expect(result.headers == ["Content-Length=2", "X-A=b", "x-empty="])
    }

    @Test(arguments: ["GET", "HEAD", "DELETE", "POST"])
    func methodsWithoutABody(_ method: String) throws {
        let server = ScriptedServer { connection, _ in
            let request = connection.readRequest() ?? ""
            #expect(request.hasPrefix("\(method) / HTTP/1.1\r\n"))
            #expect(request.contains("\r\nContent-Length: 0\r\n") == (method == "POST"))
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + (method == "HEAD" ? "" : "hi"))
        }
        defer { server.stop() }
        let lab = UpstreamLab()
        let result = try fetch(lab, server.url) { $0.method = lab.text(method) }
        #expect(result.status == 200)
        #expect(result.body == (method == "HEAD" ? "" : "hi"))
    }

    @Test func aRedirectIsAnAnswer() throws {
        let server = ScriptedServer { connection, number in
            _ = connection.readRequest()
            #expect(number == 1)
            connection.write("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
        }
        defer { server.stop() }
        #expect(try fetch(UpstreamLab(), server.url).status == 302)
    }

    @Test func tooLongAnAnswerIsCutOff() throws {
        let server = ScriptedServer { connection, _ in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + String(repeating: "x", count: 101))
            connection.waitForEnd()
        }
        defer { server.stop() }
        let result = try fetch(UpstreamLab(), server.url) { $0.bodyLimit = 100 }
        #expect(result.fault?.kind == .limit)
        #expect(result.fault?.sentence == "the answer of 127.0.0.1:\(server.port) is longer than 100 bytes")
    }

    @Test func silenceIsTimedOut() throws {
        let server = ScriptedServer { connection, _ in connection.waitForEnd() }
        defer { server.stop() }
        let result = try fetch(UpstreamLab(), server.url) { $0.milliseconds = 40 }
        #expect(result.fault?.gatewayError.status == 504)
        #expect(result.fault?.sentence == "127.0.0.1:\(server.port) did not answer within 40 ms")
    }

    @Test func nobodyThere() throws {
        let server = ScriptedServer { _, _ in }
        server.stop()
        #expect(
            try fetch(UpstreamLab(), server.url).fault?.sentence == "connection to 127.0.0.1:\(server.port) was refused"
        )
    }

    @Test func anUntrustedCertificateIsRefused() throws {
        let certificates = TestCertificates()
        let files = certificates.issue()
        let context = try TLSServerContext(certificateFile: files.certificateFile, keyFile: files.keyFile)
        let server = ScriptedServer { plain, _ in
            guard let connection = ServerConnection(plain, context) else { return }
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        }
        defer { server.stop() }
        let url = "https://127.0.0.1:\(server.port)/"
        #expect(try fetch(UpstreamLab(), url).fault?.kind == .tls)
        var settings = UpstreamSettings()
        settings.caFile = certificates.authorityFile
        #expect(try fetch(UpstreamLab(settings), url).body == "hi")
    }

    @Test func theProxyIsTheOneAskedFor() throws {
        let server = ScriptedServer { connection, _ in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        }
        defer { server.stop() }
        let proxy = try RealProxy.socks(user: "me", password: "right")
        var lab = UpstreamLab()
        let good = try fetch(lab, server.url) { $0.proxy = lab.text("socks5h://me:right@127.0.0.1:\(proxy.port)") }
        #expect(good.body == "hi")
        lab = UpstreamLab()
        let bad = try fetch(lab, server.url) { $0.proxy = lab.text("socks5h://me:hunter2@127.0.0.1:\(proxy.port)") }
        #expect(bad.fault?.kind == .proxy)
        #expect(server.connections == 1)
    }

    /// Who sends a thing that must not be sent twice has to know whether it was sent once.
    @Test func whatWasNeverSentSaysSo() throws {
        let silent = ScriptedServer { connection, _ in
            _ = connection.readRequest()
            connection.waitForEnd()
        }
        defer { silent.stop() }
        let lab = UpstreamLab()
        func mayHaveRun(_ change: (inout TransferRequest) -> Void = { _ in }) throws -> Bool? {
            try fetch(UpstreamLab(), silent.url) {
                $0.method = Bytes("POST")
                $0.body = Bytes("token")
                $0.milliseconds = 1500
                change(&$0)
            }.fault?.requestMayHaveRun
        }
        #expect(try mayHaveRun() == true)
        let cutting = ScriptedServer { connection, _ in _ = connection.readRequest() }
        defer { cutting.stop() }
        #expect(try mayHaveRun { $0.url = lab.text(cutting.url) } == true)
        let nobody = ScriptedServer { _, _ in }
        nobody.stop()
        #expect(try mayHaveRun { $0.url = lab.text(nobody.url) } == false)
        #expect(try mayHaveRun { $0.url = Bytes("http://nowhere.invalid/") } == false)
        // A proxy that takes the connection and then says nothing, or no.
        #expect(try mayHaveRun { $0.proxy = lab.text("socks5h://127.0.0.1:\(silent.port)") } == false)
        #expect(
            try mayHaveRun {
                $0.url = Bytes("https://origin.example/")
                $0.proxy = lab.text("http://127.0.0.1:\(silent.port)")
            } == false)
        // To a plain origin the proxy itself is given the whole request.
        #expect(try mayHaveRun { $0.proxy = lab.text("http://127.0.0.1:\(silent.port)") } == true)
    }

    @Test func onlySoManyRunAtOnce() throws {
        let server = ScriptedServer { connection, _ in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        }
        defer { server.stop() }
        var settings = UpstreamSettings()
        settings.transfers = 2
        let lab = UpstreamLab(settings)
        let fetches = (0..<6).map { _ in Fetch() }
        var over = 0
        for fetch in fetches {
            fetch.onEnd = {
                #expect(lab.pool.transfers.runningCount <= 2)
                over += 1
                if over == 5 { lab.finish() }
            }
            let transfer = try lab.pool.transfers.start(TransferRequest(url: lab.text(server.url)), for: fetch)
            if fetch === fetches[3] { transfer.cancel() }
        }
        lab.run()
        #expect(fetches.map(\.count) == [1, 1, 1, 0, 1, 1])
        #expect(lab.pool.transfers.runningCount == 0)
    }

    @Test func whatCannotBeAskedForIsRefused() throws {
        let lab = UpstreamLab()
        func refused(_ url: String, _ change: (inout TransferRequest) -> Void = { _ in }) -> Bool {
            var request = TransferRequest(url: lab.text(url))
            change(&request)
            do throws(UpstreamFault) {
                _ = try lab.pool.transfers.start(request, for: Fetch())
                return false
            } catch { return error.kind == .badURL }
        }
        #expect(refused("file:///etc/passwd"))
        #expect(refused("gopher://h"))
        #expect(refused("http://u:p@h/"))
        #expect(refused("http://h/a b"))
        #expect(refused("http://h/") { $0.method = Bytes("GET / HTTP/1.1\r\nX:") })
        #expect(refused("http://h/") { $0.headers = [(Bytes("X: y\r\nZ"), Bytes("v"))] })
        #expect(refused("http://h/") { $0.headers = [(Bytes("X"), Bytes("v\r\nZ: w"))] })
        #expect(refused("http://h/") { $0.proxy = Bytes("h:1") })
        #expect(lab.pool.transfers.runningCount == 0)
    }
}
