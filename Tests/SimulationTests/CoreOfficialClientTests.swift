import Foundation
import Simulation
import Synnax
import Testing

/// The official Python client against our core; skipped, with the reason, where it cannot be had.
@Suite struct CoreOfficialClientTests {
  private static let scripts = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Python")
  private static let packageFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// Runs to the end, on a thread of its own: the tests beside this one need theirs.
  private static func run(_ program: String, _ arguments: [String]) async -> (status: Int32, output: String) {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments = ["900", program] + arguments
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

  @Test func worksWithOurCoreInEveryCheck() async throws {
    let folder = Self.packageFolder.appendingPathComponent(".build/official-client").path
    let prepared = await Self.run(
      "/bin/bash", [Self.scripts.appendingPathComponent("prepare.sh").path, folder])
    guard prepared.status == 0 else {
      print("skipped: the official Synnax client is missing: \(prepared.output)")
      return
    }
    var configuration = CoreConfiguration()
    configuration.plays = false
    let core = try await SimulatedCore.start(configuration)
    let script = Self.scripts.appendingPathComponent("client.py").path
    let (status, output) = await Self.run(
      folder + "/python", [script, "127.0.0.1", "\(core.port)", configuration.user, configuration.password])
    #expect(status == 0 && output.hasSuffix("13 checks\n"), "\(output)")
    await core.stop()
  }
}
