import Glibc
import PluginABI
import Testing

@testable import GatewayHost

@Suite struct LoadingTests {
    private func refusal(_ variant: Int) throws -> String {
        let path = try Fixture.build("tables.c", "-DVARIANT=\(variant)")
        do {
            _ = try ChainDriver.makeHost().loader.load(path)
            return "loaded"
        } catch {
            return error.description
        }
    }

    @Test func aWrongMagicIsRefusedAndBothSidesAreNamed() throws {
        let text = try refusal(1)
        #expect(text.contains("0x12345678") && text.contains("0x31505747"))
        #expect(text.contains("gateway 0.1.0 (ABI 1.0, plugin table of \(MemoryLayout<gw_plugin>.size) bytes)"))
    }

    @Test func aTableThatEndsBeforeCreateIsRefused() throws {
        let text = try refusal(2)
        #expect(text.contains("ends before `create`") && text.contains("sizeof(gw_plugin)"))
    }

    @Test func aTableWithoutCreateIsRefusedByName() throws {
        let text = try refusal(3)
        #expect(text.contains("test.fixture 1.0.0 (ABI 1.0, table of") && text.contains("has no `create`"))
    }

    @Test func aTableWithoutIdIsRefused() throws { #expect(try refusal(9).contains("has no `id`")) }

    @Test func aLibraryWithoutEntryPointIsRefused() throws {
        #expect(try refusal(4).contains("exports no gw_plugin_entry_v1"))
    }

    @Test func aPluginMayRefuseTheHost() throws { #expect(try refusal(5).contains("entry point returned NULL")) }

    @Test func whatLiesBehindAnOldTableIsNotPartOfIt() throws {
        let plugin = try ChainDriver.makeHost().loader.load(try Fixture.build("tables.c", "-DVARIANT=6"))
        #expect(plugin.table.pointee.on_request != nil)
        #expect(plugin.table.pointee.on_body == nil)
        #expect(plugin.table.pointee.on_admin == nil)
        #expect(plugin.table.pointee.query == nil)
    }

    @Test func aNewerTableIsReadAsFarAsItIsKnown() throws {
        let plugin = try ChainDriver.makeHost().loader.load(try Fixture.build("tables.c", "-DVARIANT=7"))
        #expect(plugin.minor == 7)
        #expect(plugin.table.pointee.on_request != nil)
    }

    @Test func aPluginThatInsistsOnFailClosedCannotFailOpen() throws {
        let path = try Fixture.build("tables.c", "-DVARIANT=8")
        let fault = #expect(throws: PluginFault.self) { try ChainDriver(path, "{}") { $0.failsOpen = true } }
        #expect(fault?.description.contains("must not fail open") == true)
        _ = try ChainDriver(path, "{}")
    }

    @Test func aFileThatOthersMayWriteIsRefused() throws {
        let path = Fixture.copy(try Fixture.build("tables.c", "-DVARIANT=7"), to: "shared.so")
        chmod(path, 0o775)
        let fault = #expect(throws: PluginFault.self) { try ChainDriver.makeHost().loader.load(path) }
        #expect(fault?.description.contains("the file may be written by others (mode 775)") == true)
        #expect(fault?.description.contains("chmod go-w") == true)
    }

    @Test func aFileInADirectoryThatOthersMayWriteIsRefused() throws {
        let directory = "\(Fixture.directory)/open"
        mkdir(directory, 0o777)
        chmod(directory, 0o777)
        let path = Fixture.copy(try Fixture.build("tables.c", "-DVARIANT=7"), to: "open/inside.so")
        let fault = #expect(throws: PluginFault.self) { try ChainDriver.makeHost().loader.load(path) }
        #expect(fault?.description.contains("its directory") == true)
    }

    @Test func whatIsNoSharedObjectIsRefused() throws {
        let path = "\(Fixture.directory)/text.so"
        _ = system("echo hello >'\(path)' && chmod 644 '\(path)'")
        #expect(throws: PluginFault.self) { try ChainDriver.makeHost().loader.load(path) }
        #expect(throws: PluginFault.self) { try ChainDriver.makeHost().loader.load("/nowhere/libNone.so") }
    }

    @Test func theSameContentIsLoadedOnce() throws {
        let path = try Fixture.build("tables.c", "-DVARIANT=7")
        let other = Fixture.copy(path, to: "same.so")
        let host = ChainDriver.makeHost()
        #expect(try host.loader.load(path) === host.loader.load(other))
    }

    @Test func copiesThatNobodyUsesGo() throws {
        let folder = Fixture.directory + "/" + Fixture.unique("copies")
        #expect(mkdir(folder, 0o700) == 0)
        let loader = PluginLoader(directory: folder, executableDirectory: "/nowhere")
        _ = try loader.load(Fixture.copy(try Fixture.build("tables.c", "-DVARIANT=7"), to: "kept.so"))
        let old = folder + "/" + String(repeating: "a", count: 64) + ".so"
        let young = folder + "/" + String(repeating: "b", count: 64) + ".so"
        let unfinished = old + ".77"
        let foreign = folder + "/notes.txt"
        for path in [old, young, unfinished, foreign] { #expect(FileBytes.replace(path, with: [1], mode: 0o600) == nil) }
        for path in [old, unfinished, foreign] {
            var times = [timeval(tv_sec: 1_700_000_000, tv_usec: 0), timeval(tv_sec: 1_700_000_000, tv_usec: 0)]
            #expect(utimes(path, &times) == 0)
        }
        loader.removeUnused()
        #expect([old, unfinished].allSatisfy { FileBytes.mode(of: $0) == nil })
        #expect([young, foreign].allSatisfy { FileBytes.mode(of: $0) != nil })
    }

    /// dlopen alone would give the old code for a path it has seen.
    @Test func aReplacedFileIsNewCode() throws {
        let path = Fixture.copy(try Fixture.build("tables.c", "-DVARIANT=7"), to: "replaced.so")
        let host = ChainDriver.makeHost()
        let before = try host.loader.load(path)
        _ = Fixture.copy(try Fixture.build("tables.c", "-DVARIANT=6"), to: "replaced.so")
        let after = try host.loader.load(path)
        #expect(before !== after)
        #expect(after.minor == 0)
    }

    @Test func aNameMeansTheLibraryBesideTheExecutable() {
        #expect(PluginFile.path(of: "Auth", executableDirectory: "/opt/gateway") == "/opt/gateway/libAuth.so")
        #expect(PluginFile.path(of: "plugins/mine.so", executableDirectory: "/opt") == "plugins/mine.so")
        #expect(PluginFile.path(of: "mine.so", executableDirectory: "/opt") == "./mine.so")
    }

    /// Hooks are noexcept by type since C++17. An older dialect compiles it; there an exception that
    /// leaves a hook ends the process in std::terminate, because no frame below can catch it.
    @Test func aThrowingHookDoesNotCompileAsCPlusPlus17() {
        let refused = Fixture.compile("throwing.cpp", ["-fsyntax-only"])
        #expect(refused.status != 0)
        #expect(refused.output.contains("noexcept") || refused.output.contains("invalid conversion"))
        #expect(Fixture.compile("throwing.cpp", ["-std=c++14", "-fsyntax-only"]).status == 0)
        #expect(Fixture.compile("throwing.cpp", ["-fsyntax-only", "-DWITHOUT_THROWING"]).status == 0)
    }
}
