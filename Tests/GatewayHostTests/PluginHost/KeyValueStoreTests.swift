import Testing

@testable import GatewayHost

@Suite struct KeyValueStoreTests {
    private let second: UInt64 = 1_000_000_000

    private func text(_ store: KeyValueStore, _ key: StaticString, at now: UInt64 = 0, in namespace: UInt32 = 1) -> String? {
        var found: String?
        _ = store.get(namespace, Bytes(key), now: now) { found = $0.string }
        return found
    }

    @Test func valuesLiveAsLongAsTheyShould() {
        let store = KeyValueStore()
        #expect(store.set(1, Bytes("k"), Bytes("v"), milliseconds: 1000, now: 0) == nil)
        #expect(store.set(1, Bytes("ever"), Bytes(""), milliseconds: 0, now: 0) == nil)
        #expect(text(store, "k", at: second - 1) == "v")
        #expect(text(store, "k", at: second) == nil)
        #expect(text(store, "ever", at: .max - 1) == "")
        #expect(text(store, "ever", in: 2) == nil)
    }

    @Test func countersCountFromTheirCreation() {
        let store = KeyValueStore()
        #expect(store.add(1, Bytes("n"), 5, milliseconds: 1000, now: 0) == .success(5))
        #expect(store.add(1, Bytes("n"), -7, milliseconds: 1000, now: second / 2) == .success(-2))
        #expect(text(store, "n") == "-2")
        #expect(store.add(1, Bytes("n"), 1, milliseconds: 1000, now: second) == .success(1))
        #expect(store.set(1, Bytes("t"), Bytes("text"), milliseconds: 0, now: 0) == nil)
        #expect(store.add(1, Bytes("t"), 1, milliseconds: 0, now: 0) == .failure(.notANumber))
        #expect(store.add(1, Bytes("m"), .max, milliseconds: 0, now: 0) == .success(.max))
        #expect(store.add(1, Bytes("m"), 1, milliseconds: 0, now: 0) == .failure(.notANumber))
        #expect(text(store, "m") == "\(Int64.max)")
    }

    @Test func swapComparesAndSets() {
        let store = KeyValueStore()
        func swap(_ expected: Bytes, _ value: Bytes) -> (KeyValueStore.Fault?, String?) {
            var actual: String?
            let fault = store.swap(1, Bytes("k"), expected: expected, value, milliseconds: 0, now: 0) { actual = $0.string }
            return (fault, actual)
        }
        #expect(swap(Bytes("x"), Bytes("a")) == (.conflict, nil))
        #expect(swap(.absent, Bytes("a")) == (nil, nil))
        #expect(swap(.absent, Bytes("b")) == (.conflict, "a"))
        #expect(swap(Bytes("a"), Bytes("b")) == (nil, nil))
        #expect(swap(Bytes("b"), .absent) == (nil, nil))
        #expect(text(store, "k") == nil)
        #expect(store.byteCount == 0)
    }

    @Test func memoryIsBoundedAndExpiredValuesMakeRoom() {
        let store = KeyValueStore()
        let value = [UInt8](repeating: 7, count: 1 << 20)
        var stored = 0
        for number in 0..<100 {
            let fault = "\(number)".utf8CString.withUnsafeBytes { key in
                value.withUnsafeBytes {
                    store.set(
                        1, Bytes(UnsafeRawBufferPointer(rebasing: key.dropLast())), Bytes($0), milliseconds: 1000, now: 0)
                }
            }
            if fault == nil { stored += 1 } else { #expect(fault == .full) }
        }
        #expect(stored == 63)
        #expect(store.byteCount <= KeyValueStore.byteLimit)
        #expect(store.set(1, Bytes("0"), .absent, milliseconds: 0, now: 0) == nil)
        #expect(store.byteCount <= KeyValueStore.byteLimit - (1 << 20))
    }
}
