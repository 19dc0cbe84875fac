import CLinux
import Testing

@testable import GatewayHost

@Suite struct FolderSocketTests {
    /// A folder whose path is longer than an address has room for, too.
    @Test(arguments: [1, 120])
    func whoConnectsIsKnown(length: Int) throws {
        let root = try TemporaryFolder()
        let folder = root.path + "/" + String(repeating: "d", count: length)
        #expect(mkdir(folder, 0o700) == 0)
        // What is left of a process that has ended is in nobody's way.
        #expect(FileBytes.replace(folder + "/door", with: [], mode: 0o644) == nil)
        let listener = try FolderSocket.listen("door", in: folder)
        #expect(FileBytes.mode(of: folder + "/door") == 0o600)
        let client = try FolderSocket.connect("door", in: folder)
        let server = Descriptor(try systemCall("accept4") { gwl_accept4(listener.number, nil, nil) })
        #expect(try FolderSocket.peerUser(of: server) == geteuid())
        #expect(try FolderSocket.peerUser(of: client) == geteuid())
        #expect(UnixUser.mayManage(geteuid()) && UnixUser.mayManage(0) && !UnixUser.mayManage(uid_t.max - 1))
    }

    @Test func nobodyListens() throws {
        let folder = try TemporaryFolder()
        let absent = #expect(throws: SystemError.self) { _ = try FolderSocket.connect("door", in: folder.path) }
        #expect(absent?.code == ENOENT)
        do { _ = try FolderSocket.listen("door", in: folder.path) }
        let refused = #expect(throws: SystemError.self) { _ = try FolderSocket.connect("door", in: folder.path) }
        #expect(refused?.code == ECONNREFUSED)
    }
}
