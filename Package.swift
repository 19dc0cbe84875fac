// swift-tools-version: 6.2
import PackageDescription

// The gateway is one package without package dependencies: the host, the plugin contract, the
// Swift SDK for plugins, and five plugins. Everything foreign is a C library of the system,
// imported through a module map in Sources/CLibraries.

let environment = Context.environment

/// Exclusivity checks are 28 % of the user instructions of a relayed request (measured, see
/// docs/PERFORMANCE.md); they stay on in debug builds and therefore in the tests.
let dataPlane: [SwiftSetting] = [
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))
]
let warnings: [SwiftSetting] =
    environment["GATEWAY_WARNINGS_AS_ERRORS"] == nil ? [] : [.treatAllWarnings(as: .error)]

/// One exported symbol per plugin, bound at load, never unmapped (docs/decisions/0003).
let pluginLinking: [LinkerSetting] = [
    .unsafeFlags([
        "-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/PluginABI/plugin.map",
        "-Xlinker", "-z", "-Xlinker", "nodelete", "-Xlinker", "-z", "-Xlinker", "now",
    ])
]

let plugins = ["Auth", "RateLimit", "AccountPicker", "SOCKSProxy", "Metrics"]

let pluginTargets: [Target] = plugins.flatMap { name -> [Target] in
    [
        .target(
            name: "\(name)Core", dependencies: ["PluginKit"], path: "Plugins/\(name)/Core",
            swiftSettings: dataPlane + warnings),
        .target(
            name: name, dependencies: [.target(name: "\(name)Core"), "PluginKit", "PluginABI"],
            path: "Plugins/\(name)/Entry", swiftSettings: warnings, linkerSettings: pluginLinking),
    ]
}

let hostDependencies: [Target.Dependency] = [
    "PluginABI", "CLinux", "COpenSSL", "CCurl", "CSQLite", "CHiredis", "CYAML", "CZlib",
]

var targets: [Target] = [
    .target(name: "PluginABI"),
    .target(name: "PluginKit", dependencies: ["PluginABI"], swiftSettings: dataPlane + warnings),
    // DWARF 4: valgrind 3.19, with which we count instructions, gives up on what clang writes by default.
    .target(
        name: "CLinux", path: "Sources/CLibraries/CLinux", cSettings: [.unsafeFlags(["-gdwarf-4"])]),
    .systemLibrary(name: "COpenSSL", path: "Sources/CLibraries/COpenSSL", pkgConfig: "openssl"),
    .systemLibrary(name: "CCurl", path: "Sources/CLibraries/CCurl", pkgConfig: "libcurl"),
    .systemLibrary(name: "CSQLite", path: "Sources/CLibraries/CSQLite", pkgConfig: "sqlite3"),
    .systemLibrary(name: "CYAML", path: "Sources/CLibraries/CYAML", pkgConfig: "yaml-0.1"),
    .systemLibrary(name: "CHiredis", path: "Sources/CLibraries/CHiredis"),
    .systemLibrary(name: "CZlib", path: "Sources/CLibraries/CZlib", pkgConfig: "zlib"),
    .target(
        name: "GatewayHost", dependencies: hostDependencies, exclude: ["Main"],
        swiftSettings: dataPlane + warnings),
    .executableTarget(
        name: "gateway", dependencies: ["GatewayHost"], path: "Sources/GatewayHost/Main",
        swiftSettings: warnings),
    .testTarget(name: "GatewayHostTests", dependencies: ["GatewayHost"], swiftSettings: warnings),
    .testTarget(
        name: "ABITests", dependencies: ["GatewayHost", "PluginABI", "CLinux"], exclude: ["Fixtures"], swiftSettings: warnings),
    .testTarget(
        name: "PluginTests",
        dependencies: plugins.map { .target(name: "\($0)Core") } + ["PluginKit", "PluginABI"],
        swiftSettings: warnings),
]
targets += pluginTargets

// One test target alone, for a proof that needs no other (Tests/Smoke).
if let only = environment["GATEWAY_TESTS"] {
    targets.removeAll { $0.type == .test && $0.name != only }
}

// The fuzzers have no main of their own, so they exist only when asked for (make fuzz).
if let fuzzer = environment["GATEWAY_FUZZ"] {
    targets.append(
        .executableTarget(
            name: "Fuzz", dependencies: ["GatewayHost"], path: "Tests/Fuzz", exclude: ["run", "dictionaries"],
            swiftSettings: [.define("FUZZ_\(fuzzer)")]))
}

let package = Package(
    name: "gateway",
    products: [.executable(name: "gateway", targets: ["gateway"])]
        + plugins.map { .library(name: $0, type: .dynamic, targets: [$0]) },
    targets: targets
)
