// swift-tools-version: 6.2
import PackageDescription

// The house, from the ground up; arrows point down only. README.md has the picture.
let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

func nio(_ name: String) -> Target.Dependency { .product(name: name, package: "swift-nio") }
let tls: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let sqlite: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let commandLine: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

func target(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil) -> Target {
  .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [], resources: [Resource]? = nil
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies + ["Locks", "Randomness", "TestSupport"], exclude: exclude,
    resources: resources,
    swiftSettings: settings)
}

let package = Package(
  name: "moontide",
  products: [.executable(name: "moontide", targets: ["moontide"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
  ],
  targets: [
    // 1: the ground.
    .target(
      name: "CShims",
      exclude: ["lua.order"],
      cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])],
      linkerSettings: [
        // The static archive: each API call is 3 to 5 ns cheaper than through the shared library.
        .linkedLibrary(":liblua5.4.a"), .linkedLibrary("m"), .linkedLibrary("dl"),
        .linkedLibrary("edit"),
        // Lua's loop at a place where it is fast, whatever else is in the program.
        .unsafeFlags([
          "-use-ld=lld", "-Xlinker",
          "--symbol-ordering-file=\(Context.packageDirectory)/Sources/CShims/lua.order",
        ]),
      ]),
    target("JSON", []),
    target("Locks", []),
    target("Randomness", []),

    // 2: worlds that know nothing of each other.
    target("Lua", ["CShims", "Locks", deque, heap]),
    target("Telemetry", ["Locks", deque]),
    target("Terminal", ["CShims", "JSON"]),
    target(
      "Transport",
      [
        "Locks", nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"), tls, logging,
      ]),

    // 3: what is computed from samples.
    target("Signals", ["Telemetry"]),

    // 4: protocols, files and pictures of what Telemetry has.
    target("Bela", ["JSON", "Locks", "Telemetry", "Transport", logging]),
    target("Synnax", ["Locks", "Telemetry", "Transport", logging]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    target("Recording", ["JSON", "Locks", "Telemetry", "CZlib", deque, sqlite]),
    // The page is part of the program, wherever that is copied to.
    target(
      "Plotting", ["JSON", "Locks", "Telemetry", "Signals", "Transport"],
      resources: ["page.html", "page.css", "page.js", "raster.js", "icon.svg"].map {
        .embedInCode("Page/\($0)")
      }),

    // 5: what scripts call.
    target(
      "Bindings",
      ["Locks", "Lua", "Telemetry", "Signals", "Transport", "Bela", "Synnax", "Recording", "Plotting"]),

    // 6: cells, and the devices for those who have none.
    target("Notebooks", ["JSON", "Lua", "Bindings"]),
    target("Jupyter", ["JSON", "Locks", deque]),
    target(
      "Simulation",
      [
        "JSON", "Locks", "Randomness", "Bela", "Synnax", "Recording", "Telemetry", "Transport", logging,
        sqlite,
      ],
      resources: [.copy("Recordings")]),

    // 7: the program.
    .executableTarget(
      name: "moontide",
      dependencies: [
        "CShims", "JSON", "Locks", "Lua", "Telemetry", "Signals", "Terminal", "Transport", "Bela",
        "Synnax",
        "Recording", "Plotting", "Bindings", "Notebooks", "Jupyter", "Simulation", logging, commandLine,
      ],
      swiftSettings: settings),

    // Tools: what nobody needs who only runs the program.
    .target(
      name: "Fuzzing",
      dependencies: ["JSON", "Randomness", "Bela", "Synnax", "Telemetry", "Signals", "Bindings"],
      path: "Tests/Fuzzing",
      swiftSettings: settings),
    .executableTarget(
      name: "FuzzTool", dependencies: ["Fuzzing", commandLine], path: "Tests/FuzzTool",
      swiftSettings: settings),

    // Tests: a suite per source file; nothing here needs @testable, what a test may see is `package`.
    .target(
      name: "TestSupport", dependencies: ["Locks", "Telemetry"], path: "Tests/TestSupport",
      exclude: ["Python"],
      swiftSettings: settings),
    .target(
      name: "SocketFaults", dependencies: ["Transport", nio("NIOCore")], path: "Tests/SocketFaults",
      swiftSettings: settings),
    tests("JSONTests", ["JSON"]),
    tests("LocksTests", []),
    tests("RandomnessTests", []),
    tests("LuaTests", ["Lua", "CShims"]),
    tests("TelemetryTests", ["Telemetry"]),
    tests("SignalsTests", ["Signals", "Telemetry"]),
    tests(
      "TransportTests",
      ["Transport", "SocketFaults", logging, nio("NIOCore"), nio("NIOPosix"), tls]),
    tests("BelaTests", ["JSON", "Bela", "Telemetry", "Transport"], resources: [.copy("Captures")]),
    tests("SynnaxTests", ["Synnax", "Telemetry", "Transport"], resources: [.copy("Vectors")]),
    tests("RecordingTests", ["Recording", "Telemetry", sqlite], exclude: ["Python"]),
    tests("PlottingTests", ["Plotting", "Telemetry", "Transport"], resources: [.copy("Golden")]),
    tests(
      "SimulationTests",
      ["Simulation", "SocketFaults", "Bela", "Synnax", "Recording", "Telemetry", "Transport"],
      exclude: ["Python"]),
    tests("BindingsTests", ["Bindings", "Lua", "Telemetry", "Signals", "Plotting", "Simulation"]),
    tests("NotebooksTests", ["JSON", "Notebooks", "Lua", "Bindings", "Simulation"]),
    tests("JupyterTests", ["Jupyter", "JSON"]),
    tests("TerminalTests", ["Terminal"]),
    tests("FuzzingTests", ["Fuzzing"]),
    tests("ProgramTests", ["Simulation", "Bela", "Telemetry"], exclude: ["Python"]),
  ],
  swiftLanguageModes: [.v6]
)
