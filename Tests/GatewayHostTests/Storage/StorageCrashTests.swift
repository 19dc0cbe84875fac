// What is left after `kill -9` and after the loss of the right to write: the store is used by a process of its own,
// which is this test program again, told by its environment to be that process.

import CLinux
import Glibc
import Testing

@testable import GatewayHost

@Suite struct StorageCrashTests {
    let folder = StoreFolder()

    /// 1,000 tasks at a time, each of two records that say the same number; the process is killed in the middle.
    @Test(arguments: [1, 7, 350, 999]) func whatWasAcknowledgedSurvivesKill(acknowledged: Int) throws {
        let process = try StoreProcess("write", folder.path)
        var numbers: [Int] = []
        while numbers.count < acknowledged { numbers.append(Int(try #require(process.readLine())) ?? -1) }
        process.kill()
        // What it had said before it died counts as well.
        while let line = process.readLine() { numbers.append(Int(line) ?? -1) }
        #expect(numbers.count >= acknowledged && !numbers.contains(-1))

        let path = StorageFile.path(in: folder.path)
        let store = try Storage.open(folder: folder.path)
        defer { store.close() }
        for number in numbers {
            let document = Array(#"{"n":\#(number)}"#.utf8)
            for collection in ["keys", "groups"] {
                #expect(try store.getNow(collection, "r\(number)")?.document == document)
            }
        }
        // Whole or not there, acknowledged or not.
        let records = try ["keys", "groups"].map { collection in
            try store.listNow(RecordQuery(collection: collection, limit: 1000)).records
        }
        #expect(records[0].map(\.id) == records[1].map(\.id) && records[0].count >= numbers.count)
        for (one, other) in zip(records[0], records[1]) { #expect(one.document == other.document) }
        try StorageBackup.check(path)
        #expect(try store.auditNow(AuditQuery(limit: 1000)).count == records[0].count)
        try store.applyNow(.put("keys", "after", "{}"))
    }

    @Test(.enabled(if: geteuid() == 0)) func aUserWhoMayNotWriteIsTold() throws {
        try Storage.open(folder: folder.path).close()
        chmod(folder.path, 0o755)
        chmod(StorageFile.path(in: folder.path), 0o644)
        let process = try StoreProcess("write-as-nobody", folder.path)
        let line = try #require(process.readLine())
        #expect(line.contains(StorageFile.path(in: folder.path)) && line.contains("must belong to the user"), "\(line)")
        process.kill()
    }
}

/// What the other process does; it is killed, so it has no folder of its own to clear away.
@Suite struct StoreProcessTests {
    @Test(.enabled(if: StoreProcess.isChild)) func theOtherProcess() throws {
        let folder = String(cString: getenv("GATEWAY_STORE_FOLDER"))
        let isNobody = String(cString: getenv(StoreProcess.variable)) == "write-as-nobody"
        if isNobody {
            setgid(65534)
            setuid(65534)
        }
        let store: Storage
        do {
            store = try Storage.open(folder: folder)
            if isNobody { try store.applyNow(.put("keys", "a", "{}")) }
        } catch {
            StoreProcess.say("\(error)")
            return
        }
        for number in 0..<1000 {
            var key = RecordChange.put("keys", "r\(number)", #"{"n":\#(number)}"#)
            key.audit = AuditEntry(time: 1, actor: "test", source: "local", action: "create", resource: "keys", record: key.id)
            store.apply([key, .put("groups", "r\(number)", #"{"n":\#(number)}"#)]) { result in
                if case .success = result { StoreProcess.say("\(number)") }
            }
        }
        // Until somebody kills it.
        pause()
    }
}

/// This test program again, running `theOtherProcess` only, and what it says.
final class StoreProcess {
    static let variable = "GATEWAY_STORE_PROCESS"
    static var isChild: Bool { getenv(variable) != nil }
    private static let mark = "store: "

    private let process: pid_t
    private let output: UnsafeMutablePointer<FILE>

    init(_ part: String, _ folder: String) throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_addclose(&actions, ends[0])
        // The same arguments, with another filter in place of whatever was asked for.
        var words = CommandLine.arguments
        while let place = words.firstIndex(where: { ["--filter", "--skip", "--xunit-output", "--event-stream-output-path"].contains($0) }) {
            words.removeSubrange(place...min(place + 1, words.count - 1))
        }
        words += ["--filter", "theOtherProcess"]
        var environment = ["\(Self.variable)=\(part)", "GATEWAY_STORE_FOLDER=\(folder)"]
        var entry = gwl_environ()
        while let text = entry?.pointee {
            environment.append(String(cString: text))
            entry? += 1
        }
        var child = pid_t()
        let arguments = words.map { strdup($0) } + [nil]
        let variables = environment.map { strdup($0) } + [nil]
        defer { for text in arguments + variables { free(text) } }
        let result = posix_spawn(&child, "/proc/self/exe", &actions, nil, arguments, variables)
        close(ends[1])
        try #require(result == 0)
        process = child
        output = fdopen(ends[0], "r")
    }

    deinit {
        Glibc.kill(process, SIGKILL)
        fclose(output)
        var status: Int32 = 0
        waitpid(process, &status, 0)
    }

    /// The next thing it says; nil when it has ended.
    func readLine() -> String? {
        var line: UnsafeMutablePointer<CChar>?
        var room = 0
        defer { free(line) }
        while getline(&line, &room, output) > 0 {
            let text = String(cString: line!)
            // The test program has its own words on the same output.
            guard let place = text.ranges(of: Self.mark).first else { continue }
            return String(text[place.upperBound...].dropLast())
        }
        return nil
    }

    func kill() { Glibc.kill(process, SIGKILL) }

    /// One line in one write, so that it is whole or not there.
    static func say(_ text: String) {
        let line = Array("\(mark)\(text)\n".utf8)
        _ = write(1, line, line.count)
    }
}
