import Bindings
import Lua
import Notebooks
import Simulation
import TestSupport
import Testing

/// The types in the reference, which `check` and completion believe, against the functions themselves.
@Suite struct ScriptAPITests {
  /// One object of each class whose methods take options.
  private static let setting = """
    local board, core = bela.connect("sim"), synnax.connect("sim")
    core:create_channel{ name = "t", data_type = "timestamp" }
    local s = board:streamer{ "pot1" }:start{ quiet = true }
    local frame = s:collect(10)
    core_methods = { open_async_streamer = true, create_channel = true, open_writer = true, read = true, \
    read_latest = true, streamer = true, open_streamer = true }
    objects = {
      Source = board, Core = core, Streamer = s, Reader = s:tap(), Frame = frame, Series = frame.pot1,
      Log = board:log{ "pot1" }, Writer = core:open_writer{ "t", start = 0 }, Task = spawn(function() end),
      Plot = frame:plot{ open = false },
    }
    arguments_before = {
      ["Streamer:forward"] = { objects.Writer }, ["Source:monitor"] = { { pot1 = 1 } },
      ["Plot:save"] = { "/nowhere/plot.svg" }, ["Streamer:derive"] = { "d", function() end }, join = { s, s },
    }
    """

  /// What a function answers to an option that nothing has.
  private static let question = """
    local name, argument = ...
    local owner, member = name:match("^(%w+)[:.]([%w_]+)$")
    local wrong, arguments, f = { no_such_option_at_all = 1 }, {}, nil
    if name:find(":") then
      arguments[1] = core_methods[member] and owner == "Source" and objects.Core or objects[owner]
      if not arguments[1] then return "no object of the class " .. owner end
      f = arguments[1][member]
    else
      f = owner and _G[owner][member] or _G[name]
    end
    local first = #arguments
    for i = 1, argument do arguments[first + i] = (arguments_before[name] or {})[i] or 1 end
    arguments[first + argument + 1] = wrong
    local ok, err = try(f, table.unpack(arguments, 1, first + argument + 1))
    return err and err.message or "", err and err.hint or ""
    """

  @Test func theReferenceKnowsEveryOption() async throws {
    try await onThread {
      let state = try LuaState()
      let library = try Library(state)
      library.simulators = TestSimulators()
      defer {
        library.closeAll()
        state.close()
      }
      let api = ScriptAPI(state)
      func run(_ text: String, _ arguments: [LuaValue] = []) throws -> [LuaValue] {
        let chunk = try state.load(Array(text.utf8), chunkName: "=test")
        switch state.scheduler.run(chunk, arguments: arguments, name: "test") {
        case .values(let values): return values
        case .failed(let error, _): throw error
        case .exit: return []
        }
      }
      _ = try run(Self.setting)
      var asked = 0
      // Those of the notebook are the program's, whose tests run them.
      for (name, argument) in api.functionsWithOptions where !name.hasPrefix("notebook.") {
        let answer = try run(Self.question, [.string(name), .integer(Int64(argument))]).map {
          $0.string ?? ""
        }
        guard answer.first?.contains("no_such_option_at_all") ?? false else {
          Issue.record("\(name) answers \(answer)")
          continue
        }
        asked += 1
        let real = answer.last?.firstRange(of: "options: ").map { answer.last![$0.upperBound...] } ?? ""
        let names = real.split(separator: ",").map { String($0.drop { $0 == " " }) }
        #expect(api.options(of: name, argument: argument)?.sorted() == names.sorted(), "\(name)")
      }
      #expect(asked > 10)
    }
  }
}

/// The simulated devices, without the program around them.
struct TestSimulators: Simulators {
  func startBoard(_ options: [String: String]) async throws -> any SimulatedDevice {
    Board(board: try await SimulatedBoard.start(try BoardConfiguration.standard(rate: 44_100)))
  }

  func startCore(_ options: [String: String]) async throws -> any SimulatedDevice {
    Core(core: try await SimulatedCore.start(CoreConfiguration()))
  }

  private struct Board: SimulatedDevice {
    let board: SimulatedBoard
    var host: String { board.host }
    var port: Int { board.port }
    func close() async { await board.stop() }
  }

  private struct Core: SimulatedDevice {
    let core: SimulatedCore
    var host: String { core.configuration.host }
    var port: Int { core.port }
    func close() async { await core.stop() }
  }
}
