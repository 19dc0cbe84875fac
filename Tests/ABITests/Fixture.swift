// Compiles a C or C++ plugin from Fixtures/ with nothing but the header, as a plugin author would.

import Glibc
import Testing

@testable import GatewayHost

enum Fixture {
    private static let tests = "\(#filePath)".split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    private static let header = tests + "/../../Sources/PluginABI/include"

    /// A directory of this run, for binaries and private copies.
    static let directory: String = {
        var template = Array("/tmp/gateway-abi-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { fatalError("no temporary directory") }
        atexit { removeFixtureDirectory() }
        return template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }()

    private static let built = Locked<[String: String]>([:])
    private static let counter = Locked(0)

    /// The path of a shared object made of Fixtures/`source`, built once per set of options.
    static func build(_ source: String, _ options: String...) throws -> String {
        let key = ([source] + options).joined(separator: " ")
        if let path = built.withLock({ $0[key] }) { return path }
        let path = "\(directory)/\(unique("fixture")).so"
        let result = compile(source, options + ["-o", path])
        guard result.status == 0 else { throw FixtureFault(description: "\(key) does not compile: \(result.output)") }
        built.withLock { $0[key] = path }
        return path
    }

    /// Runs the compiler as plugins are built; options can override the dialect.
    static func compile(_ source: String, _ options: [String]) -> (status: Int32, output: String) {
        let isCPlusPlus = source.hasSuffix(".cpp")
        let compiler = isCPlusPlus ? "g++ -std=c++17" : "gcc -std=c11 -Wpedantic"
        let log = "\(directory)/\(unique("log"))"
        let command =
            "\(compiler) -Wall -Wextra -Werror -O1 -fPIC -shared -pthread -I'\(header)' -I'\(tests)/Fixtures' "
            + "\(options.joined(separator: " ")) '\(tests)/Fixtures/\(source)' >'\(log)' 2>&1"
        let status = system(command)
        return (status, read(log))
    }

    static func unique(_ prefix: String) -> String {
        let number = counter.withLock { count -> Int in
            count += 1
            return count
        }
        return "\(prefix)-\(number)"
    }

    static func read(_ path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// A copy of a file under a new name.
    static func copy(_ path: String, to name: String) -> String {
        let target = "\(directory)/\(name)"
        _ = system("cp '\(path)' '\(target)' && chmod 755 '\(target)'")
        return target
    }
}

struct FixtureFault: Error, CustomStringConvertible {
    let description: String
}

private func removeFixtureDirectory() { _ = system("rm -rf '\(Fixture.directory)'") }

/// Memory that a fixture writes its observations to.
final class Probe {
    let memory = UnsafeMutablePointer<Int64>.allocate(capacity: 64)

    /// A fixture holds only the address, so the memory stays for the whole run.
    nonisolated(unsafe) private static var all: [UnsafeMutablePointer<Int64>] = []
    private static let lock = Locked(())

    init() {
        memory.initialize(repeating: 0, count: 64)
        Probe.lock.withLock { _ in Probe.all.append(memory) }
    }

    subscript(index: Int) -> Int64 {
        get { memory[index] }
        set { memory[index] = newValue }
    }

    /// The configuration that leads a fixture here.
    func config(_ more: String = "") -> String {
        "{\"probe\":\"\(UInt(bitPattern: memory))\"\(more.isEmpty ? "" : "," + more)}"
    }
}
