import Foundation
import Simulation
import Synnax
import TestSupport
import Testing
import Transport

/// The official Python client against our core; skipped, with the reason, where it cannot be had.
@Suite(.serialized) struct CoreOfficialClientTests {
  private static let scripts = Python.root.appendingPathComponent("Tests/SimulationTests/Python")

  /// The interpreter that has the client; nil, with the reason printed, where it cannot be had.
  private static func python() async throws -> String? {
    try await onThread { Python.prepared("official-client") }
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
    guard let python = try await Self.python() else { return }
    let core = try await Self.start()
    let (status, output) = try await Command.runBeside(python, Self.arguments("client.py", core))
    #expect(status == 0 && output.hasSuffix("19 checks\n"), "\(output)")
    await core.stop()
  }

  @Test func readsReducesAndDeletesHistory() async throws {
    guard let python = try await Self.python() else { return }
    let core = try await Self.start()
    let (status, output) = try await Command.runBeside(python, Self.arguments("client_history.py", core))
    #expect(status == 0 && output.hasSuffix("13 checks\n"), "\(output)")
    await core.stop()
  }

  @Test func readsBackWhatTheExampleForwards() async throws {
    guard let python = try await Self.python() else { return }
    let core = try await Self.start()
    let example = Python.root.appendingPathComponent("scripts/examples/bela_to_synnax.lua").path
    let (code, told) = try await Command.runBeside(
      try ProgramRunner.program, [example, "synnax://synnax:seldon@127.0.0.1:\(core.port)"])
    let forwarded = try #require(told.firstMatch(of: /(\d+) samples forwarded, 0 dropped/), "\(told)").1
    #expect(code == 0, "\(told)")
    let recording = Python.root.appendingPathComponent("Sources/Simulation/Recordings/ecg.csv").path
    let (status, output) = try await Command.runBeside(
      python, Self.arguments("read_back.py", core) + [recording, String(forwarded)])
    #expect(status == 0 && output.hasPrefix("\(forwarded) samples, each once"), "\(output)")
    await core.stop()
  }

  @Test(.enabled(if: SelfSignedCertificate.openssl != nil, "the program openssl is not installed"))
  func verifiesOurCertificate() async throws {
    guard let python = try await Self.python() else { return }
    let own = try SelfSignedCertificate()
    let core = try await Self.start {
      $0.tls = TLSServerOptions(certificateFile: own.certificate, keyFile: own.key)
    }
    let (status, output) = try await Command.runBeside(
      python, Self.arguments("client_tls.py", core) + [own.certificate])
    #expect(status == 0 && output.hasSuffix("verified\n"), "\(output)")
    await core.stop()
    withExtendedLifetime(own) {}
  }
}
