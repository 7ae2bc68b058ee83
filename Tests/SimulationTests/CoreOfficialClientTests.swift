import Foundation
import Simulation
import Synnax
import TestSupport
import Testing
import Transport

/// The official Python client against our core; skipped, with the reason, where it cannot be had.
@Suite(.serialized) struct CoreOfficialClientTests {
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

  /// The client's interpreter; nil, with the reason printed, where it cannot be had.
  private static func python() async -> String? {
    let folder = packageFolder.appendingPathComponent(".build/official-client").path
    let prepared = await run("/bin/bash", [scripts.appendingPathComponent("prepare.sh").path, folder])
    if prepared.status == 0 { return folder + "/python" }
    print("skipped: the official Synnax client is missing: \(prepared.output)")
    return nil
  }

  private static func start(_ change: (inout CoreConfiguration) -> Void = { _ in }) async throws
    -> SimulatedCore
  {
    var configuration = CoreConfiguration()
    configuration.plays = false
    change(&configuration)
    return try await SimulatedCore.start(configuration)
  }

  /// Arguments of a script: where the core is, and who logs in.
  private static func arguments(_ script: String, _ core: SimulatedCore) -> [String] {
    [
      scripts.appendingPathComponent(script).path, "127.0.0.1", "\(core.port)", core.configuration.user,
      core.configuration.password,
    ]
  }

  @Test func worksWithOurCoreInEveryCheck() async throws {
    guard let python = await Self.python() else { return }
    let core = try await Self.start()
    let (status, output) = await Self.run(python, Self.arguments("client.py", core))
    #expect(status == 0 && output.hasSuffix("19 checks\n"), "\(output)")
    await core.stop()
  }

  @Test func readsReducesAndDeletesHistory() async throws {
    guard let python = await Self.python() else { return }
    let core = try await Self.start()
    let (status, output) = await Self.run(python, Self.arguments("client_history.py", core))
    #expect(status == 0 && output.hasSuffix("13 checks\n"), "\(output)")
    await core.stop()
  }

  @Test func readsBackWhatTheExampleForwards() async throws {
    guard let python = await Self.python() else { return }
    let core = try await Self.start()
    let example = Self.packageFolder.appendingPathComponent("scripts/examples/bela_to_synnax.lua").path
    let (code, told) = await Self.run(
      try ProgramRunner.program, [example, "synnax://synnax:seldon@127.0.0.1:\(core.port)"])
    let forwarded = try #require(told.firstMatch(of: /(\d+) samples forwarded, 0 dropped/), "\(told)").1
    #expect(code == 0, "\(told)")
    let recording = Self.packageFolder.appendingPathComponent("Sources/Simulation/Recordings/ecg.csv").path
    let (status, output) = await Self.run(
      python, Self.arguments("read_back.py", core) + [recording, String(forwarded)])
    #expect(status == 0 && output.hasPrefix("\(forwarded) samples, each once"), "\(output)")
    await core.stop()
  }

  @Test(.enabled(if: SelfSignedCertificate.openssl != nil, "the program openssl is not installed"))
  func verifiesOurCertificate() async throws {
    guard let python = await Self.python() else { return }
    let own = try SelfSignedCertificate()
    let core = try await Self.start {
      $0.tls = TLSServerOptions(certificateFile: own.certificate, keyFile: own.key)
    }
    let (status, output) = await Self.run(
      python, Self.arguments("client_tls.py", core) + [own.certificate])
    #expect(status == 0 && output.hasSuffix("verified\n"), "\(output)")
    await core.stop()
    withExtendedLifetime(own) {}
  }
}
