import Bindings
import Foundation
import Lua
import Simulation
import Testing

/// An interpreter with the library and simulated boards, for one test on its own thread.
final class Bench {
  let state: LuaState
  let library: Library
  private(set) var notes: [String] = []
  private(set) var output = ""

  /// What examples find: a board that may be the last one's, a running streamer, a frame, a series.
  static let setting = """
    if not board or board.state ~= "open" then board = bela.connect("sim") end
    s = board:streamer{ "pot1", "pot2" }:start()
    frame = s:read(5)
    while not (frame.pot1 and #frame.pot1 > 50) do frame = s:read(5) end
    x = frame.pot1
    """

  init() throws {
    state = try LuaState()
    library = try Library(state)
    library.simulators = BoardsInside()
    library.note = { [unowned self] in notes.append($0) }
    state.output = { [unowned self] bytes, _ in output += String(decoding: bytes, as: UTF8.self) }
  }

  deinit {
    library.closeAll()
    state.close()
  }

  /// Runs a chunk to its end and answers its results; an error fails the test.
  @discardableResult
  func run(_ source: String) throws -> [LuaValue] {
    switch state.scheduler.run(try state.load(source, chunkName: "=test")) {
    case .values(let values): return values
    case .failed(let error, _): throw error
    case .exit(let code): throw LuaError("exit", "exit \(code)")
    }
  }

  /// Runs a chunk that is to fail, and answers how.
  func failure(_ source: String) throws -> LuaError {
    do {
      let values = try run(source)
      throw LuaError("none", "no error, but \(values)")
    } catch let error as LuaError {
      return error
    }
  }
}

private struct BoardsInside: Simulators {
  private struct Device: SimulatedDevice {
    let board: SimulatedBoard
    var host: String { board.host }
    var port: Int { board.port }
    var logFolder: String? { board.logFolder }
    func close() async { await board.stop() }
  }

  func startBoard(_ options: [String: String]) async throws -> any SimulatedDevice {
    let rate = options["rate"].flatMap(Double.init) ?? 44100
    var configuration = try BoardConfiguration.standard(rate: rate)
    if let speed = options["speed"].flatMap(Double.init) { configuration.speed = speed }
    if let variables = options["vars"] {
      configuration.variables = try BoardConfiguration.parse(variables: variables)
    }
    return Device(board: try await SimulatedBoard.start(configuration))
  }

  private struct CoreDevice: SimulatedDevice {
    let core: SimulatedCore
    var host: String { core.configuration.host }
    var port: Int { core.port }
    func close() async { await core.stop() }
  }

  func startCore(_ options: [String: String]) async throws -> any SimulatedDevice {
    var configuration = CoreConfiguration()
    if options["login"] == "tokens" { configuration.login = .tokens }
    if let rate = options["rate"].flatMap(Double.init) { configuration.playRate = rate }
    return CoreDevice(core: try await SimulatedCore.start(configuration))
  }
}
