import Bindings
import Lua
import Simulation
import Synnax

/// The simulated devices of the program: `bela.connect("sim")`, `synnax.connect("sim")`.
struct ProgramSimulators: Simulators {
  func startBoard(_ options: [String: String]) async throws -> any SimulatedDevice {
    do {
      return BoardDevice(board: try await SimulatedBoard.start(try Self.configuration(options)))
    } catch let error as SimulationError {
      throw LuaError(error.code, error.message, hint: error.hint)
    }
  }

  func startCore(_ options: [String: String]) async throws -> any SimulatedDevice {
    do {
      return CoreDevice(core: try await SimulatedCore.start(try Self.coreConfiguration(options)))
    } catch let error as SynnaxError {
      throw LuaError(error.code, error.message, hint: error.hint)
    }
  }

  /// The options of `synnax.connect{ "sim", … }`, as text.
  static func coreConfiguration(_ options: [String: String]) throws -> CoreConfiguration {
    var configuration = CoreConfiguration()
    configuration.recording = options["play"]
    if let text = options["rate"] {
      guard let rate = Double(text), rate >= 0.001, rate <= 100_000 else {
        throw SynnaxError("argument", "rate = \(text): 0.001 to 100000 rows a second expected")
      }
      configuration.playRate = rate
    } else if configuration.recording != nil {
      // A recording of one's own is played by its own times.
      configuration.playRate = nil
    }
    if let text = options["seed"] {
      guard let seed = Double(text).flatMap(UInt64.init(exactly:)) else {
        throw SynnaxError("argument", "seed = \(text): a whole number from 0 on expected")
      }
      configuration.seed = seed
    }
    switch options["login"] {
    case nil, "sessions": configuration.login = .sessions
    case "tokens": configuration.login = .tokens
    case let other?:
      throw SynnaxError(
        "argument", "login = \(other): \"sessions\" (0.60) or \"tokens\" (0.56 to 0.59) expected")
    }
    return configuration
  }

  /// The options of `bela.connect{ "sim", … }`, as text.
  static func configuration(_ options: [String: String]) throws -> BoardConfiguration {
    func number(_ name: String, in range: ClosedRange<Double>) throws -> Double? {
      guard let text = options[name] else { return nil }
      guard let value = Double(text), range.contains(value) else {
        throw SimulationError(
          "argument", "\(name) = \(text): a number from \(range.lowerBound) to \(range.upperBound) expected")
      }
      return value
    }
    var configuration = try BoardConfiguration.standard(rate: number("rate", in: 1...10_000_000) ?? 44100)
    if let variables = options["vars"] {
      configuration.variables = try BoardConfiguration.parse(variables: variables)
    }
    if let block = try number("block", in: 1...65536) { configuration.block = Int(block) }
    if let seed = try number("seed", in: 0...1e15) { configuration.seed = UInt64(seed) }
    let speed = try number("speed", in: 0...Double.infinity) ?? 1
    configuration.speed = speed == 0 ? .infinity : speed
    return configuration
  }
}

private struct CoreDevice: SimulatedDevice {
  let core: SimulatedCore

  var host: String { core.configuration.host }
  var port: Int { core.port }
  func close() async { await core.stop() }
}

private struct BoardDevice: SimulatedDevice {
  let board: SimulatedBoard

  var host: String { board.host }
  var port: Int { board.port }
  var logFolder: String? { board.logFolder }
  var waitsForReaders: Bool { board.waitsForReaders }
  func close() async { await board.stop() }
}
