import Testing

@testable import GatewayHost

@Suite struct AdminTextTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-03-01T12:00:00Z", 1_772_366_400_000), ("2026-03-01T12:00:00.250Z", 1_772_366_400_250),
            ("2026-03-01T14:00:00+02:00", 1_772_366_400_000), ("2024-02-29T23:59:60Z", 1_709_251_200_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000),
        ] as [(String, Int64)])
    func timesAreRead(text: String, milliseconds: Int64) { #expect(AdminTime.milliseconds(text) == milliseconds) }

    @Test(arguments: [
        "", "2026-03-01", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-03-01T24:00:00Z", "2026-03-01T12:00:00",
        "2026-03-01T12:00:00.Z", "2026-03-01T12:00:00+0200", "2026-03-01T12:00:00Zz", "2026-03-01T12:00:00+02", "x026-03-01T12:00:00Z",
    ])
    func whatIsNoTimeIsRefused(text: String) { #expect(AdminTime.milliseconds(text) == nil) }

    @Test func timesAreWritten() {
        #expect(AdminTime.text(0) == "1970-01-01T00:00:00.000Z")
        #expect(AdminTime.text(1_772_366_400_250) == "2026-03-01T12:00:00.250Z")
        #expect(AdminTime.text(-1) == "1969-12-31T23:59:59.999Z")
        for milliseconds: Int64 in [0, 1, 951_782_399_999, 4_102_444_800_123] {
            #expect(AdminTime.milliseconds(AdminTime.text(milliseconds)) == milliseconds)
        }
    }

    @Test func entityTagsAreCompared() {
        #expect(EntityTag.matches("\"7\"", 7, isWeak: false))
        #expect(EntityTag.matches("\"6\", \"7\"", 7, isWeak: false))
        #expect(EntityTag.matches(" * ", 7, isWeak: false))
        #expect(!EntityTag.matches("\"8\"", 7, isWeak: false))
        #expect(!EntityTag.matches("7", 7, isWeak: false))
        #expect(!EntityTag.matches("W/\"7\"", 7, isWeak: false))
        #expect(EntityTag.matches("W/\"7\"", 7, isWeak: true))
        #expect(!EntityTag.matches("", 7, isWeak: true))
    }

    @Test func queriesAreRead() {
        func read(_ text: String) -> [String]? { AdminRequest.readQuery(text)?.map { "\($0.name)=\($0.value)" } }
        #expect(read("a=1&b=x%20y+z&c") == ["a=1", "b=x y z", "c="])
        #expect(read("") == [])
        #expect(read("a=%zz") == nil)
        #expect(read("a=%ff") == nil)
        #expect(read("a==") == ["a=="])
    }

    @Test func percentsAreDecodedOnce() {
        #expect(PercentEncoding.decode("%2561") == "%61")
        #expect(PercentEncoding.decode("a%2fb") == "a/b")
        #expect(PercentEncoding.decode("%") == nil)
        #expect(PercentEncoding.encode("config:ä b") == "config:%C3%A4%20b")
    }

    @Test func problemsNameFieldsAndNeverThemselvesTwice() throws {
        var problem = ProblemDocument.invalid([.init(pointer: "/name", sentence: "is missing")])
        problem.retryAfterSeconds = 3
        let answer = problem.answer(requestID: "gw_1")
        #expect(answer.status == 422)
        #expect(answer.headers.contains { $0 == ("content-type", "application/problem+json") })
        #expect(answer.headers.contains { $0 == ("retry-after", "3") })
        let body = try JSONParser.parse(String(decoding: answer.body, as: UTF8.self))
        #expect(body["errors"]?[0]?["pointer"] == "/name")
        #expect(body["status"] == 422)
        #expect(body["request_id"] == "gw_1")
    }

    @Test func faultsOfTheStoreBecomeStatuses() {
        #expect(ProblemDocument(.conflict(current: 3)).status == 409)
        #expect(ProblemDocument(.conflict(current: 3), isConditional: true).status == 412)
        #expect(ProblemDocument(.absent).status == 404)
        #expect(ProblemDocument(.duplicate(UniqueValue(field: "/name", value: "x"), id: "key_1")).status == 409)
        #expect(
            ProblemDocument(.unknownReference(RecordReference(field: "/groups/0", collection: "groups", id: "g"))).errors[0].pointer
                == "/groups/0")
        #expect(ProblemDocument(.referenced(byCollection: "keys", id: "key_1", count: 2)).status == 409)
        #expect(ProblemDocument(.unavailable("the disk is full")).retryAfterSeconds != nil)
    }
}
