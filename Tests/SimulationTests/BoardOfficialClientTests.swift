import Foundation
import Recording
import Simulation
import Telemetry
import TestSupport
import Testing

/// The official pybela against our board, as it is; skipped, with the reason, where it cannot be had.
@Suite struct BoardOfficialClientTests {
  private static let scripts = Python.root.appendingPathComponent("Tests/SimulationTests/Python")

  /// The interpreter that has pybela; nil, with the reason printed, where it cannot be had.
  private static func python() async throws -> String? { try await onThread { Python.prepared("pybela") } }

  @Test func pybelaReadsOurFilesAndWeReadThose() async throws {
    guard let python = try await Self.python() else { return }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("moontide-files-\(UUID())")
      .path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func series<T: FixedWidthSample>(
      _ name: String, _ values: [T], from start: Int64, every units: Int64, _ mode: Channel.Mode
    ) -> Series {
      Series(
        Channel(name: name, type: T.dataType, clock: .ticks(rate: 44100), mode: mode), SampleStorage(values),
        timing: .steady(start: start, step: Step(units: units)))
    }
    let dense = series("dense", (0..<3000).map { UInt32.max - $0 }, from: 5000, every: 1, .dense)
    let sparse = series("sparse", (0..<500).map { Double($0) / 3 }, from: 100, every: 12, .sparse)
    _ = try Recording.save(Frame([dense, sparse]), to: folder + "/ours.txt")
    let slow = series("slow", [0.5 as Float, 0.25, 0.125], from: 1000, every: 1000, .dense)
    _ = try Recording.save(
      Frame([slow]), to: folder + "/mon.txt", origin: RecordingOrigin(isMonitor: true))
    var configuration = BoardConfiguration.test
    configuration.firstTick = 44_100
    let board = try await SimulatedBoard.start(configuration)
    let (status, output) = try await Command.runBeside(
      python,
      [Self.scripts.appendingPathComponent("pybela_files.py").path, "\(board.port)", folder])
    await board.stop()
    #expect(status == 0 && output.hasSuffix(" checks\n"), "\(output.suffix(3000))")
    guard status == 0 else { return }
    // The board's counters: every value is its tick.
    for (file, step) in [
      ("myvar_theirs", 1), ("myvar2_theirs", 1), ("myvar3_theirs", 12), ("myvar_theirmon", 1000),
    ] {
      let loaded = try #require(try Recording.load("\(folder)/\(file).txt").series.first)
      #expect(loaded.channel.name == String(file.prefix { $0 != "_" }))
      #expect(loaded.count > 10 && loaded.gaps.isEmpty, "\(file): \(loaded.count) \(loaded.gaps)")
      #expect(
        (0..<loaded.count).allSatisfy { loaded[$0].number == Double(loaded.time($0)!) },
        "\(file) has other values")
      #expect(
        (1..<loaded.count).allSatisfy { loaded.time($0)! - loaded.time($0 - 1)! == step },
        "\(file) has other times")
    }
    #expect(try Recording.load(folder + "/theirs.txt").names.sorted() == ["myvar", "myvar2", "myvar3"])
  }

  /// The thirteen tests of a board that need no SSH, the one of buffers, and a peek at all variables of a board as it is
  /// when nobody says anything else.
  @Test func pybelasOwnTestsPassWithTheProgramsBoard() async throws {
    guard let python = try await Self.python() else { return }
    let tests = Python.folder("pybela") + "/tests"
    guard FileManager.default.fileExists(atPath: tests + "/test.py") else {
      return print("skipped: pybela's own tests are missing")
    }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("moontide-upstream-\(UUID())")
      .path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let (status, output) = try await Command.runBeside(
      python,
      [
        Self.scripts.appendingPathComponent("pybela_upstream.py").path, try ProgramRunner.program,
        tests, folder,
      ])
    #expect(status == 0 && output.hasSuffix("\n15 tests\n"), "\(output.suffix(3000))")
  }

  @Test func pybelaWorksWithOurBoardInEveryCheck() async throws {
    guard let python = try await Self.python() else { return }
    let runs = FileManager.default.temporaryDirectory.appendingPathComponent("moontide-pybela-\(UUID())").path
    try FileManager.default.createDirectory(atPath: runs, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: runs) }
    // Frame 0 would be taken for padding: the program has run for a while.
    var configuration = BoardConfiguration.test
    configuration.firstTick = 44_100
    let board = try await SimulatedBoard.start(configuration)
    let echo = try await SimulatedBoard.start(.bufferEcho)
    let (status, output) = try await Command.runBeside(
      python,
      [Self.scripts.appendingPathComponent("pybela_checks.py").path, "\(board.port)", "\(echo.port)", runs])
    #expect(status == 0 && output.hasSuffix(" checks\n"), "\(output.suffix(3000))")
    #expect(board.violations.isEmpty && echo.violations.isEmpty)
    await board.stop()
    await echo.stop()
  }
}
