// A store in a folder of its own, and the asking of it in straight lines.

import CLinux
import Glibc
import Testing

@testable import GatewayHost

/// A folder that is removed with what is in it.
final class StoreFolder {
    let path: String

    init(in parent: String = "/tmp") {
        let template = strdup("\(parent)/gateway-store.XXXXXX")!
        defer { free(template) }
        path = String(cString: mkdtemp(template))
    }

    deinit {
        for name in names { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    var names: [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}

extension Storage {
    func getNow(_ collection: String, _ id: String) throws -> StoredRecord? {
        try wait { self.get(collection, id, $0) }
    }

    func listNow(_ query: RecordQuery) throws -> RecordPage { try wait { self.list(query, $0) } }

    @discardableResult
    func applyNow(_ changes: RecordChange...) throws -> [StoredRecord] { try wait { self.apply(changes, $0) } }

    @discardableResult
    func applyNow(_ changes: [RecordChange]) throws -> [StoredRecord] { try wait { self.apply(changes, $0) } }

    func auditNow(_ query: AuditQuery = AuditQuery()) throws -> [AuditEntry] { try wait { self.audit(query, $0) } }

    private func wait<Value: Sendable>(_ ask: (@escaping Done<Value>) -> Void) throws -> Value {
        let answer = Awaited<Result<Value, StorageFault>>()
        ask { answer.give($0) }
        return try answer.take().get()
    }
}

extension RecordChange {
    static func put(
        _ collection: String, _ id: String, _ document: String, expected: Expectation = .anything, label: String = "",
        unique: [UniqueValue] = [], references: [RecordReference] = []
    ) -> RecordChange {
        RecordChange(
            collection: collection, id: id, document: Array(document.utf8), expected: expected, label: label, unique: unique,
            references: references)
    }

    static func delete(_ collection: String, _ id: String, expected: Expectation = .anything) -> RecordChange {
        RecordChange(collection: collection, id: id, document: nil, expected: expected)
    }
}

/// Follows one collection and takes every batch.
final class Follower: Sendable {
    struct State {
        var records: [StoredRecord] = []
        var batches: [Int] = []
        var isComplete = false
        var fault: StorageFault?
    }

    let state = Locked(State())
    private let news: Bell

    init() { news = Bell() }

    func told(_ watch: RecordWatch, _ result: Result<RecordBatch, StorageFault>) {
        state.withLock { state in
            switch result {
            case .success(let batch):
                state.records += batch.records
                state.batches.append(batch.records.count)
                if batch.isComplete { state.isComplete = true }
            case .failure(let fault): state.fault = fault
            }
        }
        watch.taken()
        news.signal()
    }

    /// Waits until what was told satisfies `condition`; false when nothing was told for five seconds.
    func wait(_ condition: (State) -> Bool) -> Bool {
        while !state.withLock({ condition($0) }) {
            if !news.wait() { return false }
        }
        return true
    }
}

/// Something has happened since the last look.
final class Bell: Sendable {
    private let descriptor = Descriptor(eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)))

    func signal() { _ = eventfd_write(descriptor.number, 1) }

    func wait() -> Bool {
        var entry = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, 5000) == 1 else { return false }
        var count: eventfd_t = 0
        _ = eventfd_read(descriptor.number, &count)
        return true
    }
}
