import Testing

@testable import GatewayHost

@Suite struct UpstreamPoolTests {
    private static func answering() -> ScriptedServer {
        ScriptedServer { connection, _ in
            while connection.readRequest() != nil { connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") }
        }
    }

    @Test func aTargetIsFoundByItsBytes() throws {
        let lab = UpstreamLab()
        let url = "http://127.0.0.1:9"
        let one = try lab.target(url, account: "a")
        #expect(try lab.target(url, account: "a") === one)
        #expect(try lab.target(url, account: "b") !== one)
        #expect(try lab.target(url, proxy: "http://h:1", account: "a") !== one)
        #expect(try lab.target(url + "/", account: "a") !== one)
        #expect(try lab.pool.target(url: lab.text(url), proxy: .absent, account: lab.text("a")) === one)
        #expect(lab.pool.targetCount == 4)
        #expect(one.hostField.string == "127.0.0.1:9")
        #expect(try lab.target(url + "/p/").pathPrefix.string == "/p")
    }

    @Test func theLeastRecentlyUsedTargetGoes() throws {
        var settings = UpstreamSettings()
        settings.targets = 8
        let lab = UpstreamLab(settings)
        let targets = try (0..<100).map { try lab.target("http://127.0.0.1:9", account: "account-\($0)") }
        #expect(lab.pool.targetCount == 8)
        #expect(targets.filter(\.isListed).count == 8)
        #expect(targets[99].isListed && !targets[0].isListed)
        #expect(try lab.target("http://127.0.0.1:9", account: "account-99") === targets[99])
    }

    @Test func aMalformedTargetIsRefused() {
        let lab = UpstreamLab()
        #expect(throws: UpstreamFault.self) { try lab.target("127.0.0.1") }
        #expect(throws: UpstreamFault.self) { try lab.target("http://h", proxy: "what") }
        #expect(lab.pool.targetCount == 0)
    }

    @Test func noMoreThanTheLimitIsKept() throws {
        let server = Self.answering()
        defer { server.stop() }
        var settings = UpstreamSettings()
        settings.keptConnections = 1
        let lab = UpstreamLab(settings)
        let target = try lab.target(server.url)
        let attempts = (0..<3).map { _ in Attempt(lab, target) }
        var over = 0
        for attempt in attempts {
            attempt.onOver = {
                over += 1
                #expect(lab.pool.idleCount <= 1)
                if over == 3 { lab.finish() }
            }
            attempt.begin()
        }
        lab.run()
        #expect(attempts.allSatisfy { $0.status == 200 })
    }

    @Test func anUnusedConnectionIsClosedInTime() throws {
        let server = Self.answering()
        defer { server.stop() }
        var settings = UpstreamSettings()
        settings.keptMilliseconds = 20
        let lab = UpstreamLab(settings)
        let attempt = Attempt(lab, try lab.target(server.url))
        attempt.onOver = {
            #expect(lab.pool.idleCount == 1)
            lab.when({ lab.pool.idleCount == 0 }) {
                #expect(lab.pool.openCount == 0)
                lab.finish()
            }
        }
        attempt.begin()
        lab.run()
        #expect(lab.pool.staleTotal == 0)
    }

    @Test func accountsShareNoConnection() throws {
        let server = Self.answering()
        defer { server.stop() }
        let lab = UpstreamLab()
        let first = Attempt(lab, try lab.target(server.url, account: "a"))
        let second = Attempt(lab, try lab.target(server.url, account: "b"))
        first.onOver = { second.begin() }
        first.begin()
        lab.run()
        #expect(!second.wasReused)
        #expect(server.connections == 2)
    }

    @Test func aDrainingPoolKeepsNothingButFinishesWhatRuns() throws {
        let server = Self.answering()
        defer { server.stop() }
        let lab = UpstreamLab()
        let target = try lab.target(server.url)
        let first = Attempt(lab, target)
        let second = Attempt(lab, target)
        first.onOver = {
            lab.pool.drain()
            #expect(lab.pool.idleCount == 0)
            second.begin()
        }
        first.begin()
        second.onOver = {
            #expect(lab.pool.openCount == 0)
            lab.finish()
        }
        lab.run()
        #expect(second.status == 200)
    }

    @Test func closingTellsDialsUnderWay() throws {
        let server = Self.answering()
        defer { server.stop() }
        var settings = UpstreamSettings()
        settings.dials = 1
        let lab = UpstreamLab(settings)
        let target = try lab.target(server.url)
        let attempts = (0..<3).map { _ in Attempt(lab, target) }
        var over = 0
        for attempt in attempts {
            attempt.onOver = { over += 1 }
            attempt.begin()
        }
        lab.pool.close()
        #expect(over == 3)
        #expect(attempts.allSatisfy { $0.fault?.kind == .cancelled })
        let late = Attempt(lab, target)
        late.begin()
        lab.run()
        #expect(late.fault?.kind == .cancelled)
    }
}
