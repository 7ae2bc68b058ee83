import Bindings
import Lua
import Simulation

/// The simulated devices of the program: `bela.connect("sim")`.
struct ProgramSimulators: Simulators {
  func startBoard(_ options: [String: String]) async throws -> any SimulatedDevice {
    do {
      return BoardDevice(board: try await SimulatedBoard.start(try Self.configuration(options)))
    } catch let error as SimulationError {
      throw LuaError(error.code, error.message, hint: error.hint)
    }
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
    configuration.speed = try number("speed", in: 0.001...Double.infinity) ?? 1
    return configuration
  }
}

private struct BoardDevice: SimulatedDevice {
  let board: SimulatedBoard

  var host: String { board.host }
  var port: Int { board.port }
  var logFolder: String? { board.logFolder }
  func close() async { await board.stop() }
}
