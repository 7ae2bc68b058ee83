import Foundation
import Simulation
import Testing

/// The official pybela against our board, as it is; skipped, with the reason, where it cannot be had.
@Suite struct BoardOfficialClientTests {
  private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  private static let scripts = tests.appendingPathComponent("Python")
  private static let packageFolder = tests.deletingLastPathComponent().deletingLastPathComponent()

  /// Runs to the end, on a thread of its own: the tests beside this one need theirs.
  private static func run(_ program: String, _ arguments: [String]) async -> (status: Int32, output: String) {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments = ["600", program] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        guard (try? process.run()) != nil else {
          return continuation.resume(returning: (77, "cannot run \(program)"))
        }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        continuation.resume(returning: (process.terminationStatus, String(decoding: data, as: UTF8.self)))
      }
    }
  }

  @Test func pybelaWorksWithOurBoardInEveryCheck() async throws {
    let folder = Self.packageFolder.appendingPathComponent(".build/pybela").path
    let prepared = await Self.run(
      "/bin/bash", [Self.scripts.appendingPathComponent("pybela_prepare.sh").path, folder])
    guard prepared.status == 0 else {
      print("skipped: the official pybela is missing: \(prepared.output)")
      return
    }
    let runs = FileManager.default.temporaryDirectory.appendingPathComponent("moontide-pybela-\(UUID())").path
    try FileManager.default.createDirectory(atPath: runs, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: runs) }
    // Frame 0 would be taken for padding: the program has run for a while.
    var configuration = BoardConfiguration.test
    configuration.firstTick = 44_100
    let board = try await SimulatedBoard.start(configuration)
    let echo = try await SimulatedBoard.start(.bufferEcho)
    let (status, output) = await Self.run(
      folder + "/venv/bin/python",
      [Self.scripts.appendingPathComponent("pybela_checks.py").path, "\(board.port)", "\(echo.port)", runs])
    #expect(status == 0 && output.hasSuffix(" checks\n"), "\(output.suffix(3000))")
    #expect(board.violations.isEmpty && echo.violations.isEmpty)
    await board.stop()
    await echo.stop()
  }
}
