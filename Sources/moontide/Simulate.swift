import ArgumentParser
import Bela
import CShims
import Glibc
import Recording
import Simulation
import Telemetry
import Transport

/// `moontide simulate …`: devices for those who have none.
struct Simulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serves a simulated device until it is stopped.",
    subcommands: [SimulateBoard.self, SimulateCore.self])
}

/// `moontide simulate board`
struct SimulateBoard: ParsableCommand, ProgramCommand {
  static let configuration = CommandConfiguration(
    commandName: "board",
    abstract: "A simulated Bela board, for moontide, pybela and the Bela IDE's own clients.",
    discussion: """
      Without --board, --vars and --play: potentiometers, an ECG, motion, and the variables of pybela's test \
      program. Prints its address, and serves until SIGINT or SIGTERM.
      """)

  @Option(help: "Port on this machine; 0 takes any free one.")
  var port: UInt16 = 5555

  @Option(
    help: ArgumentHelp(
      """
      The program on it: standard, pybela-test (the five counters of pybela's tests), pybela-send (two variables \
      that are assigned from received buffers), or potentiometers (pybela's first tutorial).
      """, valueName: "name"), transform: { try Self.preset($0) })
  var board: BoardConfiguration.Preset?

  @Option(
    help: ArgumentHelp(
      """
      Variables: name:type[:dense|sparse[:ticks]][:signal],… with a type of f i j d c, ticks between assignments, \
      and a signal of counter, sine[:Hz], saw[:Hz], noise, constant[:value], buffer[:id].
      """,
      valueName: "list"))
  var vars: String?

  @Option(
    help: ArgumentHelp(
      """
      A table of numbers, or any other file of samples, played over and over. Its columns become sparse variables at their own \
      rate; with --vars they are what those variables are assigned, in order, one row an assignment.
      """, valueName: "file"))
  var play: String?

  @OptionGroup(title: "Of the file that --play names") var loading: LoadOptionGroup

  @Option(help: "Ticks a second (44100; of the audio, where --board ticks otherwise).")
  var rate: Double?

  @Option(help: "Ticks that the program on the board handles at once.")
  var block = 16

  @Option(help: "The same seed gives the same values.")
  var seed: UInt64 = 1

  @Option(help: "Times faster than real time; 0 is as fast as its readers take it.")
  var speed = 1.0

  @Option(help: "Name of the program on the board.")
  var project: String?

  @Flag(help: "Speaks the seed command protocol too, which real boards do not.")
  var seedProtocol = false

  @Option(help: ArgumentHelp("Folder for its log files; they are kept.", valueName: "folder"))
  var logs: String?

  @Flag(
    help:
      "Throws away what a stream has gathered when no client is active; a board goes on with it, with a hole."
  )
  var freshBlocks = false

  @Flag(help: .hidden)
  var staleBlocks = false

  @Option(help: ArgumentHelp("How late data leave.", valueName: "milliseconds"))
  var latency = 0.0

  @Option(help: ArgumentHelp("How much later still, at random.", valueName: "milliseconds"))
  var jitter = 0.0

  @Option(
    help: ArgumentHelp("Bytes a second that the link carries; what is too much is lost.", valueName: "bytes"))
  var linkRate: Double?

  @Option(help: ArgumentHelp("Share of headers that get lost.", valueName: "share"))
  var headerLoss = 0.0

  @Option(help: ArgumentHelp("Share of payloads that get lost.", valueName: "share"))
  var payloadLoss = 0.0

  @Option(help: ArgumentHelp("Share of headers that name another type.", valueName: "share"))
  var wrongLetters = 0.0

  @Option(
    help: ArgumentHelp(
      "Cuts the data connections in the middle of a block, so long after the first data.",
      valueName: "seconds"))
  var cutAfter: Double?

  @Option(help: ArgumentHelp("Starts its program anew, so long after the first data.", valueName: "seconds"))
  var restartAfter: Double?

  @Option(
    help: ArgumentHelp(
      "Ends its program, so long after the first data; nobody listens any more.", valueName: "seconds"))
  var endAfter: Double?

  @Option(
    help: ArgumentHelp(
      "Stops reading and answering on its connections, so long after the first data.", valueName: "seconds"))
  var silentAfter: Double?

  @Flag(help: "Takes every client for one that never replied to the greeting: no data are sent.")
  var ignoreReplies = false

  private static func preset(_ name: String) throws -> BoardConfiguration.Preset {
    if let preset = BoardConfiguration.Preset(rawValue: name) { return preset }
    let names = BoardConfiguration.Preset.allCases.map(\.rawValue).joined(separator: ", ")
    throw ValidationError("no board is called \(name): \(names)")
  }

  private var incidents: [(BoardFaults.Incident.Kind, Double?)] {
    [(.cut, cutAfter), (.restart, restartAfter), (.end, endAfter), (.silence, silentAfter)]
  }

  func validate() throws {
    for (name, share) in [
      ("header-loss", headerLoss), ("payload-loss", payloadLoss), ("wrong-letters", wrongLetters),
    ] where !(0...1).contains(share) {
      throw ValidationError("--\(name) is a share from 0 to 1")
    }
    guard incidents.allSatisfy({ $1.map { $0 >= 0 && $0 <= 1e6 } ?? true }) else {
      throw ValidationError(
        "--cut-after, --restart-after, --end-after and --silent-after are seconds from 0 on")
    }
    guard (0...60_000).contains(latency), (0...60_000).contains(jitter) else {
      throw ValidationError("--latency and --jitter are milliseconds, at most a minute")
    }
    guard linkRate.map({ $0 > 0 }) ?? true else {
      throw ValidationError("--link-rate is a number above zero")
    }
    guard rate.map({ $0 >= 1 && $0 <= 1e7 }) ?? true else {
      throw ValidationError("--rate is a number from 1 to 10000000")
    }
    guard (1...65536).contains(block) else { throw ValidationError("--block is a number from 1 to 65536") }
    guard speed >= 0 else { throw ValidationError("--speed is a number from zero on") }
    guard board == nil || (vars == nil && play == nil) else {
      throw ValidationError("--board has variables of its own: leave out --vars and --play")
    }
    guard !freshBlocks || !staleBlocks else {
      throw ValidationError("--fresh-blocks and --stale-blocks are opposites")
    }
  }

  func run() -> Int32 {
    let configuration: BoardConfiguration
    do {
      configuration = try makeConfiguration()
    } catch let error as SimulationError {
      return Self.fail(error.message, hint: error.hint, ExitCode.usage)
    } catch let error as RecordingError {
      if error.code == "no_file" {
        return Self.fail(
          "cannot read \(play ?? "the recording")", hint: "is the path right?", ExitCode.noInput)
      }
      return Self.fail(error.message, hint: error.hint, ExitCode.usage)
    } catch {
      return Self.fail("cannot read \(play ?? "the recording")", hint: "is the path right?", ExitCode.noInput)
    }
    let signals = [SIGINT, SIGTERM]
    let pipe = mt_signal_pipe(signals, Int32(signals.count))
    guard pipe >= 0 else { return Self.fail("no pipe for signals is left", hint: nil, ExitCode.failure) }
    let outcome = Blocking.wait {
      do {
        return Result<SimulatedBoard, any Error>.success(try await SimulatedBoard.start(configuration))
      } catch {
        return .failure(error)
      }
    }
    switch outcome {
    case .failure(let error): return refused(error)
    case .success(let board):
      StandardOutput.print("simulated board at ws://\(board.host):\(board.port)")
      var byte: UInt8 = 0
      while !StandardOutput.isLost, read(pipe, &byte, 1) < 0, errno == EINTR {}
      Blocking.wait { await board.stop() }
      return ExitCode.success
    }
  }

  private func makeConfiguration() throws -> BoardConfiguration {
    let options = try loading.options()
    let table = try play.map { try PlayedTable(contentsOf: $0, options) }
    for note in table?.notes ?? [] { StandardError.write("moontide: \(play ?? ""): \(note)\n") }
    var configuration = try BoardConfiguration.preset(board ?? .standard, rate: rate)
    let rate = self.rate ?? configuration.rate
    if let vars {
      configuration.variables = try BoardConfiguration.parse(variables: vars)
      if let table {
        for position in configuration.variables.indices {
          configuration.variables[position].signal = .recording(table.columns[position % table.columns.count])
        }
      }
    } else if let table {
      let interval = max(1, rate / table.rate)
      configuration.variables = zip(table.names, table.columns).map {
        .init($0, .float32, .sparse, interval: interval, .recording($1))
      }
    }
    configuration.block = block
    configuration.seed = seed
    configuration.speed = speed == 0 ? .infinity : speed
    configuration.port = Int(port)
    configuration.speaksSeedProtocol = seedProtocol
    configuration.logFolder = logs
    configuration.faults.keepsStaleBlocks = !freshBlocks
    configuration.faults.latency = .milliseconds(latency)
    configuration.faults.jitter = .milliseconds(jitter)
    configuration.faults.linkRate = linkRate
    configuration.faults.headerLoss = headerLoss
    configuration.faults.payloadLoss = payloadLoss
    configuration.faults.wrongLetters = wrongLetters
    configuration.faults.hearsReplies = !ignoreReplies
    configuration.faults.incidents = incidents.compactMap { kind, after in
      after.map { .init(kind, after: $0) }
    }
    if let project { configuration.projectName = project }
    return configuration
  }

  private func refused(_ error: any Error) -> Int32 {
    guard let error = error as? TransportError else {
      return Self.fail("the board cannot start: \(error)", hint: nil, ExitCode.unavailable)
    }
    return Self.fail(
      "cannot listen on port \(port): \(error.message)",
      hint: "another program may have it; --port 0 takes any free one", ExitCode.unavailable)
  }

  private static func fail(_ message: String, hint: String?, _ code: Int32) -> Int32 {
    StandardError.write("moontide: \(message)\(hint.map { " (\($0))" } ?? "")\n")
    return code
  }
}
