import ArgumentParser
import CShims
import Glibc
import Simulation
import Synnax
import Telemetry
import Transport

/// `moontide simulate core`
struct SimulateCore: ParsableCommand, ProgramCommand {
  static let configuration = CommandConfiguration(
    commandName: "core",
    abstract: "A simulated Synnax core, for moontide and Synnax's own Python client.",
    discussion: """
      Plays a motion recording at 10 Hz, temperature, pressure, and a virtual counter, and takes what clients create \
      and write. Prints its address, and serves until SIGINT or SIGTERM.
      """)

  @Option(help: "Port on this machine; 0 takes any free one.")
  var port: UInt16 = 9090

  @Option(help: ArgumentHelp("Who may log in.", valueName: "name"))
  var user = "synnax"

  @Option(help: "The user's password; without it the environment variable MOONTIDE_CORE_PASSWORD, or seldon.")
  var password: String?

  @Option(
    help: ArgumentHelp(
      "Comma-separated values with a header, the time in seconds first, played over and over.",
      valueName: "file"))
  var play: String?

  @Option(help: "Rows a second; without it the recording's own times.")
  var rate: Double?

  @Option(help: ArgumentHelp("Keeps channels and samples in this file (SQLite).", valueName: "file"))
  var store: String?

  @Option(help: ArgumentHelp("Speaks TLS with this certificate (PEM); with --tls-key.", valueName: "file"))
  var tlsCert: String?

  @Option(help: ArgumentHelp("The certificate's private key (PEM).", valueName: "file"))
  var tlsKey: String?

  @Option(help: "The log-in: sessions, of 0.60; or tokens, of 0.56 to 0.59.")
  var login = LoginKind.sessions

  @Flag(help: "Plays nothing.")
  var silent = false

  @Option(help: "The same seed gives the same noise.")
  var seed: UInt64 = 1

  enum LoginKind: String, ExpressibleByArgument, CaseIterable { case sessions, tokens }

  func validate() throws {
    if let rate, !(0.001...100_000).contains(rate) {
      throw ValidationError("--rate is a number from 0.001 to 100000")
    }
    if silent, play != nil || rate != nil {
      throw ValidationError("--silent plays nothing: leave out --play and --rate")
    }
    if (tlsCert == nil) != (tlsKey == nil) {
      throw ValidationError("TLS takes both, --tls-cert and --tls-key")
    }
  }

  func run() -> Int32 {
    let configuration = makeConfiguration()
    let signals = [SIGINT, SIGTERM]
    let pipe = mt_signal_pipe(signals, Int32(signals.count))
    guard pipe >= 0 else { return Self.fail("no pipe for signals is left", hint: nil, ExitCode.failure) }
    let outcome = Blocking.wait { () -> Result<SimulatedCore, SynnaxError> in
      do throws(SynnaxError) {
        return .success(try await SimulatedCore.start(configuration))
      } catch {
        return .failure(error)
      }
    }
    switch outcome {
    case .failure(let error):
      guard error.code == "refused" else {
        return Self.fail(error.message, hint: error.hint, ExitCode.noInput)
      }
      return Self.fail(
        error.message, hint: "another program may have the port; --port 0 takes any free one",
        ExitCode.unavailable)
    case .success(let core):
      StandardOutput.print("simulated core at \(core.url)")
      var byte: UInt8 = 0
      while !StandardOutput.isLost, read(pipe, &byte, 1) < 0, errno == EINTR {}
      Blocking.wait { await core.stop() }
      return ExitCode.success
    }
  }

  private func makeConfiguration() -> CoreConfiguration {
    var configuration = CoreConfiguration()
    configuration.port = Int(port)
    configuration.user = user
    configuration.password = password ?? Environment["MOONTIDE_CORE_PASSWORD"] ?? configuration.password
    configuration.recording = play
    if let rate {
      configuration.playRate = rate
    } else if play != nil {
      configuration.playRate = nil
    }
    configuration.store = store
    configuration.login = login == .sessions ? .sessions : .tokens
    if let tlsCert, let tlsKey {
      configuration.tls = TLSServerOptions(certificateFile: tlsCert, keyFile: tlsKey)
    }
    configuration.plays = !silent
    configuration.seed = seed
    return configuration
  }

  private static func fail(_ message: String, hint: String?, _ code: Int32) -> Int32 {
    StandardError.write("moontide: \(message)\(hint.map { " (\($0))" } ?? "")\n")
    return code
  }
}
