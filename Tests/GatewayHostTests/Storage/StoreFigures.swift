// What a store of 100,000 records costs. Runs only when asked for, because it measures instead of judging:
//
//   GATEWAY_STORE_FIGURES=100000 swift test --filter StoreFigures

import CLinux
import Testing

@testable import GatewayHost

@Suite(.enabled(if: getenv("GATEWAY_STORE_FIGURES") != nil), .serialized) struct StoreFigures {
    let folder = StoreFolder()
    var count: Int { getenv("GATEWAY_STORE_FIGURES").flatMap { Int(String(cString: $0)) } ?? 0 }

    private func measure(_ what: String, per: Int = 1, _ body: () throws -> Void) rethrows {
        let start = Instant.read()
        let cpu = processorNanoseconds()
        try body()
        let wall = Double(Instant.read().nanoseconds(since: start)) / 1000 / Double(per)
        print("  \(what): \(Int(wall * 10) / 10) µs, processor \(Int(Double(processorNanoseconds() - cpu) / 1000 / Double(per))) µs")
    }

    @Test func rotations() throws {
        let key = try MasterKey(Secret(String(repeating: "k", count: 32)), source: "test")
        let (store, vault) = try Vault.open(folder: folder.path, key: key)
        defer { store.close() }
        let records = min(count, 10_000)
        for start in stride(from: 0, to: records, by: 500) {
            try store.applyNow(
                (start..<(start + 500)).map { number in
                    let sealed = vault.seal(Array("sk-ant-api03-\(number)".utf8), at: SealPlace("accounts", "a\(number)", "/api_key"))
                    return .put("accounts", "a\(number)", #"{"name":"\#(number)","api_key":"\#(sealed)"}"#)
                })
        }
        let sealed = vault.seal(Array("sk-ant-api03-something-of-a-hundred-characters".utf8), at: SealPlace("a", "b", "/c"))
        try measure("open a sealed value", per: 1000) {
            for _ in 0..<1000 { _ = try vault.open(sealed, at: SealPlace("a", "b", "/c")) }
        }
        try measure("rotate, for each of \(records) records", per: records) {
            _ = try VaultRotation(storage: store, vault: vault, settle: {}).rotate(to: .random(source: "test"))
        }
    }

    @Test func pagesWatchesAndSearches() throws {
        let store = try Storage.open(folder: folder.path)
        defer { store.close() }
        let padding = String(repeating: "x", count: 400)
        func change(_ number: Int) -> RecordChange {
            let name = "customer \(number)"
            return .put(
                "keys", "key_\(1_000_000 + number)", #"{"name":"\#(name)","notes":"\#(padding)"}"#, label: name,
                unique: [UniqueValue(field: "/name", value: name), UniqueValue(field: "/key_hash", value: "h\(number * 7919)")])
        }
        try measure("write, 500 to a task", per: count) {
            for start in stride(from: 0, to: count, by: 500) { try store.applyNow((start..<(start + 500)).map(change)) }
        }
        try measure("write, one at a time", per: 200) {
            for number in 0..<200 { try store.applyNow(change(number)) }
        }
        try measure("write, 1000 asked for at once", per: 1000) {
            let answers = (0..<1000).map { _ in Awaited<Result<[StoredRecord], StorageFault>>() }
            for (number, answer) in answers.enumerated() { store.apply([change(number)]) { answer.give($0) } }
            for answer in answers { _ = try answer.take().get() }
        }
        var query = RecordQuery(collection: "keys", limit: 100)
        try measure("first page of 100") { _ = try store.listNow(query) }
        query.after = "key_\(1_000_000 + count / 2)"
        try measure("page of 100 in the middle", per: 50) { for _ in 0..<50 { _ = try store.listNow(query) } }
        try measure("get", per: 1000) { for number in 0..<1000 { _ = try store.getNow("keys", "key_\(1_000_000 + number * 97)") } }
        query.after = nil
        query.search = "customer \(count - 1)"
        try measure("search that finds the last only", per: 5) {
            for _ in 0..<5 {
                let page = try store.listNow(query)
                #expect(page.records.count == 1)
            }
        }
        query.search = "nobody"
        try measure("search that finds nothing", per: 5) { for _ in 0..<5 { _ = try store.listNow(query) } }

        let before = residentMegabytes()
        let told = Locked((count: 0, most: 0))
        let bell = Bell()
        let start = Instant.read()
        let watch = store.watch("keys") { watch, batch in
            guard case .success(let batch) = batch else { return }
            let resident = residentMegabytes()
            told.withLock { $0 = ($0.count + batch.records.count, max($0.most, resident)) }
            if batch.isComplete { bell.signal() } else { watch.taken() }
        }
        #expect(bell.wait())
        let state = told.withLock { $0 }
        print(
            "  watch: \(state.count) records in \(Instant.read().milliseconds(since: start)) ms, resident \(before) MB before, at most \(state.most) MB"
        )
        watch.cancel()
        try measure("backup") { try store.backup(to: "\(folder.path)/copy") }
    }
}

private func processorNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

private func residentMegabytes() -> Int {
    guard case .success(let text) = FileBytes.read("/proc/self/statm", limit: 4096) else { return 0 }
    let pages = String(decoding: text, as: UTF8.self).split(separator: " ")
    return (Int(pages[1]) ?? 0) / 256
}
