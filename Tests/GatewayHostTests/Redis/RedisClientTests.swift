import Testing

@testable import GatewayHost

@Suite struct RedisClientTests {
    @Test func commandsAreWrittenAsRedisReadsThem() {
        var command = RedisCommand("SET", count: 4)
        command.add(Bytes("k\r\n"))
        command.add([])
        command.add(-9_223_372_036_854_775_808)
        command.add(0)
        #expect(
            String(decoding: command.bytes, as: UTF8.self)
                == "*5\r\n$3\r\nSET\r\n$3\r\nk\r\n\r\n$0\r\n\r\n$20\r\n-9223372036854775808\r\n$1\r\n0\r\n")
    }

    @Test func itAnswersInOrderAndInOneWrite() throws {
        let lab = try LoopRedisLab()
        // Asked before there is a connection.
        let early = RedisEar()
        #expect(lab.client.ask(.words(["INCR", "n"]), early) == nil)
        lab.up()
        #expect(lab.health.reason == nil)
        let ears = (0..<2000).map { _ in RedisEar() }
        for ear in ears { #expect(lab.client.ask(.words(["INCR", "n"]), ear) == nil) }
        lab.turn { ears.allSatisfy(\.isDone) }
        #expect(early.answer == "1")
        #expect(ears.map(\.answer) == (2...2001).map { "\($0)" })
        #expect(lab.client.callCount == 0)
        let large = String(repeating: "x", count: 3_000_000)
        #expect(lab.ask("SET", "large", large) == "OK" && lab.ask("GET", "large") == large)
        #expect(lab.ask("NONSENSE").hasPrefix("!ERR unknown command"))
    }

    @Test func usersPasswordsAndDatabases() throws {
        let lab = try LoopRedisLab(["--user", "gate", "on", ">p:a", "~*", "+@all", "--requirepass", "other"]) {
            $0.user = "gate"
            $0.password = Secret("p:a")
            $0.database = 3
        }
        lab.up()
        #expect(lab.ask("ACL", "WHOAMI") == "gate")
        #expect(lab.ask("CLIENT", "INFO").contains(" db=3 "))
    }

    @Test(arguments: [(nil, "wants a password"), ("wrong", "does not take this user and password")] as [(String?, String)])
    func whatIsWrongIsSaid(password: String?, reason: String) throws {
        let lab = try LoopRedisLab(["--requirepass", "right"]) { $0.password = password.map { Secret($0) } }
        lab.turn { lab.health.reason?.contains(reason) == true }
        #expect(lab.ask("PING") == "unavailable")
    }

    @Test func aReplicaIsNoPlaceToWriteTo() throws {
        let lab = try LoopRedisLab(["--replicaof", "127.0.0.1", "1"])
        lab.turn { lab.health.reason?.contains("it is a replica") == true }
    }

    @Test func aRedisThatGoesAndComesIsFoundAgain() throws {
        let lab = try LoopRedisLab()
        lab.up()
        let ear = RedisEar()
        lab.ask("CLIENT", "PAUSE", "60000", "ALL")
        #expect(lab.client.ask(.words(["INCR", "n"]), ear) == nil)
        lab.loop.run()
        lab.server.stop()
        lab.turn { ear.isDone }
        #expect(ear.fault == .lost)
        #expect(lab.ask("PING") == "unavailable")
        lab.turn { lab.health.reason != nil && lab.client.state == .resting }
        try lab.server.start()
        lab.up()
        #expect(lab.ask("INCR", "n") == "1")
        // The scripts are there as well.
        #expect(lab.ask(SharedKeyQuestion.add(Array("c".utf8), 4, 0)) == "4")
        #expect(lab.ask("SCRIPT", "FLUSH") == "OK")
        #expect(lab.ask(SharedKeyQuestion.add(Array("c".utf8), 4, 0)) == "8")
    }

    @Test func aSlowAnswerIsATimeoutAndThenLate() throws {
        let lab = try LoopRedisLab(commandTimeout: .milliseconds(50))
        lab.up()
        let pause = RedisEar()
        _ = lab.client.ask(.words(["CLIENT", "PAUSE", "400", "ALL"]), pause)
        let ear = RedisEar()
        _ = lab.client.ask(.words(["INCR", "n"]), ear)
        lab.turn { ear.fault != nil }
        #expect(ear.fault == .timeout && ear.answer == nil)
        #expect(lab.health.reason == "it answers later than redis.command_timeout allows")
        lab.turn { ear.late != nil }
        #expect(ear.late == "1" && lab.client.state == .up)
        // Nobody asks anything, and it finds out that answers come in time again.
        lab.turn { lab.health.reason == nil && lab.client.callCount == 0 }
    }

    @Test func whoNeverAnswersIsLeft() throws {
        let lab = try LoopRedisLab(commandTimeout: .milliseconds(50))
        lab.up()
        _ = lab.client.ask(.words(["CLIENT", "PAUSE", "600000", "ALL"]), RedisEar())
        let ear = RedisEar()
        _ = lab.client.ask(.words(["INCR", "n"]), ear)
        lab.turn { lab.client.state == .resting }
        #expect(ear.fault == .timeout && ear.late == nil && lab.client.callCount == 0)
        #expect(lab.health.reason?.contains("has not answered") == true)
    }

    @Test func moreThanItCanHoldIsRefused() throws {
        let lab = try LoopRedisLab()
        let ears = (0..<RedisClient.callLimit).map { _ in RedisEar() }
        for ear in ears { _ = lab.client.ask(.words(["PING"]), ear) }
        #expect(lab.client.ask(.words(["PING"]), RedisEar()) == .busy)
        lab.turn { ears.allSatisfy(\.isDone) }
        #expect(ears.allSatisfy { $0.answer == "PONG" })
        lab.client.close()
        #expect(lab.client.ask(.words(["PING"]), RedisEar()) == .unavailable)
    }
}
