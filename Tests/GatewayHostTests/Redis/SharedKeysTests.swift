// gw.kv/1 in memory and over Redis: the same random operations, the same answers.

import PluginABI
import Testing

@testable import GatewayHost

@Suite struct SharedKeysTests {
    private struct Answer: Equatable {
        var error: gw_error
        var number: Int64 = 0
        var text: String?

        init(_ error: gw_error, _ number: Int64 = 0, _ text: String? = nil) {
            self.error = error
            self.number = number
            self.text = text
        }
        init(_ fault: KeyValueStore.Fault?) {
            switch fault {
            case nil: self.init(GW_OK)
            case .absent: self.init(GW_E_ABSENT)
            case .conflict: self.init(GW_E_CONFLICT)
            case .full: self.init(GW_E_LIMIT)
            case .notANumber: self.init(GW_E_ARGUMENT)
            }
        }
        static func == (a: Answer, b: Answer) -> Bool {
            a.error == b.error && a.number == b.number && a.text == b.text
        }
    }

    private func bytes<Result>(_ text: String?, _ body: (Bytes) -> Result) -> Result {
        guard let text else { return body(.absent) }
        return text.isEmpty ? body(Bytes("")) : Array(text.utf8).withUnsafeBytes { body(Bytes($0)) }
    }

    @Test func bothAnswerTheSame() throws {
        let lab = try LoopRedisLab()
        lab.up()
        let seed = UInt64.random(in: 0 ... .max)
        var random = SplitMix(state: seed)
        let memory = KeyValueStore()
        let values: [String?] = [nil, "", "0", "7", "-3", "+7", "007", "a\r\nb", "9223372036854775807", "-9223372036854775808", " 1"]
        for step in 0..<1500 {
            let key = ["a", "b", "c {x}"].randomElement(using: &random)!
            let name = Array("gw:{t}:k:\(key)".utf8)
            let value = values.randomElement(using: &random)!
            let expected = values.randomElement(using: &random)!
            let delta = [1, -1, 5, .max, .min, 0].randomElement(using: &random)! as Int64
            var here = Answer(GW_OK)
            var there = Answer(GW_E_INTERNAL)
            func hear(_ question: SharedKeyQuestion) -> (RedisReply) -> Void {
                return { reply in
                    let (error, number, bytes) = question.read(reply)
                    there = Answer(error, number, bytes.isAbsent ? nil : bytes.string)
                }
            }
            func command(_ command: RedisCommand, _ question: SharedKeyQuestion) {
                let ear = RedisEar(hear(question))
                _ = lab.client.ask(command, ear)
                lab.turn { ear.isDone }
            }
            bytes(key) { key in
                switch Int.random(in: 0..<4, using: &random) {
                case 0:
                    here = Answer(GW_E_ABSENT)
                    _ = memory.get(1, key, now: 0) { here = Answer(GW_OK, Int64($0.decimal ?? 0), $0.string) }
                    command(SharedKeyQuestion.get(name), .get)
                case 1:
                    here = Answer(bytes(value) { memory.set(1, key, $0, milliseconds: 0, now: 0) })
                    command(bytes(value) { SharedKeyQuestion.set(name, $0, 0) }, .set)
                case 2:
                    switch memory.add(1, key, delta, milliseconds: 0, now: 0) {
                    case .success(let sum): here = Answer(GW_OK, sum)
                    case .failure(let fault): here = Answer(fault)
                    }
                    _ = lab.ask(SharedKeyQuestion.add(name, delta, 0), hear(.add))
                default:
                    var told: String?
                    let fault = bytes(expected) { expected in
                        bytes(value) { memory.swap(1, key, expected: expected, $0, milliseconds: 0, now: 0) { told = $0.string } }
                    }
                    here = Answer(fault)
                    here.text = told
                    _ = lab.ask(
                        bytes(expected) { expected in bytes(value) { SharedKeyQuestion.swap(name, expected, $0, 0) } }, hear(.swap))
                }
            }
            guard here == there else {
                Issue.record("seed \(seed), step \(step), key \(key), \(value ?? "-"), \(expected ?? "-"), \(delta): \(here), \(there)")
                return
            }
        }
    }

    @Test func lifetimesAreThoseOfTheContract() throws {
        let lab = try LoopRedisLab()
        lab.up()
        let name = Array("k".utf8)
        _ = lab.ask(SharedKeyQuestion.add(name, 1, 100_000))
        lab.ask("PEXPIRE", "k", "50000")
        // A counter's lifetime counts from its beginning.
        _ = lab.ask(SharedKeyQuestion.add(name, 1, 100_000))
        #expect(Int(lab.ask("PTTL", "k"))! <= 50_000)
        _ = lab.ask(SharedKeyQuestion.swap(name, Bytes("2"), Bytes("x"), 100_000))
        #expect(Int(lab.ask("PTTL", "k"))! > 50_000)
        _ = lab.ask(SharedKeyQuestion.swap(name, Bytes("x"), Bytes("y"), 0))
        #expect(lab.ask("PTTL", "k") == "-1")
        _ = lab.ask(SharedKeyQuestion.swap(name, Bytes("y"), .absent, 0))
        #expect(lab.ask("PTTL", "k") == "-2")
        _ = lab.ask(SharedKeyQuestion.add(Array("later".utf8), 1, 1))
        lab.turn { lab.ask("EXISTS", "later") == "0" }
    }
}
