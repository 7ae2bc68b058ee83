import Foundation
import Simulation
import Synnax
import Testing

/// The official Python client against our core; skipped, with the reason, where it cannot be had.
@Suite(.serialized) struct CoreOfficialClientTests {
  /// An interpreter that has the client, or why there is none.
  private enum Client {
    case python(String)
    case missing(String)

    static let found: Client = {
      let folder = packageFolder.appendingPathComponent(".build/official-client").path
      let script = scripts.appendingPathComponent("prepare.sh").path
      let (status, output) = run("/bin/bash", [script, folder])
      return status == 0 ? .python(folder + "/python") : .missing(output)
    }()
  }

  private static let scripts = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Python")
  private static let packageFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// Runs to the end, at most two minutes more than the first preparation may take.
  private static func run(_ program: String, _ arguments: [String]) -> (Int32, String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
    process.arguments = ["900", program] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    guard (try? process.run()) != nil else { return (77, "cannot run \(program)") }
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  @Test func worksWithOurCoreInEveryCheck() async throws {
    guard case .python(let python) = Client.found else {
      if case .missing(let why) = Client.found {
        print("skipped: the official Synnax client is missing: \(why)")
      }
      return
    }
    var configuration = CoreConfiguration()
    configuration.plays = false
    let core = try await SimulatedCore.start(configuration)
    let arguments = [
      Self.scripts.appendingPathComponent("client.py").path, "127.0.0.1", "\(core.port)", configuration.user,
      configuration.password,
    ]
    let (status, output) = await Task.detached { Self.run(python, arguments) }.value
    #expect(status == 0 && output.hasSuffix("13 checks\n"), "\(output)")
    await core.stop()
  }
}
