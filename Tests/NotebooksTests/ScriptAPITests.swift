import Bindings
import Lua
import Notebooks
import Simulation
import TestSupport
import Testing

/// The types in the reference, which `check` and completion believe, against the functions themselves.
@Suite struct ScriptAPITests {
  /// One object of each class whose methods take options.
  fileprivate static let setting = """
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
      ["Streamer:forward"] = { objects.Writer }, ["Streamer:keep"] = { "1s", "/nowhere/x.csv" }, ["Source:monitor"] = { { pot1 = 1 } },
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

  /// Functions with options tables, and where these stand. Those of the notebook are the program's, whose tests run them.
  private static let functionsWithOptions = Reference.entries.filter { $0.owner != "notebook" }.flatMap {
    entry in
    entry.parameters.enumerated().compactMap { index, parameter in
      parameter.type.options.map { (entry.name, index, $0) }
    }
  }

  /// An interpreter with the library, closed at the end.
  private final class Bench {
    private let state: LuaState
    private let library: Library

    init() throws {
      state = try LuaState()
      library = try Library(state)
      library.simulators = TestSimulators()
    }

    deinit {
      library.closeAll()
      state.close()
    }

    /// What a chunk answers; its error is the caller's.
    func run(_ text: String, _ arguments: [LuaValue] = []) throws -> [LuaValue] {
      let chunk = try state.load(Array(text.utf8), chunkName: "=test")
      switch state.scheduler.run(chunk, arguments: arguments, name: "test") {
      case .values(let values): return values
      case .failed(let error, _): throw error
      case .exit: return []
      }
    }
  }

  @Test func theReferenceKnowsEveryOption() async throws {
    try await onThread {
      let bench = try Bench()
      _ = try bench.run(Self.setting)
      var asked = 0
      // `load` is Lua's own, too: what is no file it takes for a chunk, and answers as ever.
      for (name, argument, options) in Self.functionsWithOptions where name != "load" {
        let answer = try bench.run(Self.question, [.string(name), .integer(Int64(argument))]).map {
          $0.string ?? ""
        }
        guard answer.first?.contains("no_such_option_at_all") ?? false else {
          Issue.record("\(name) answers \(answer)")
          continue
        }
        asked += 1
        let real = answer.last?.firstRange(of: "options: ").map { answer.last![$0.upperBound...] } ?? ""
        let names = real.split(separator: ",").map { String($0.drop { $0 == " " }) }
        #expect(options.sorted() == names.sorted(), "\(name)")
      }
      #expect(asked > 10)
    }
  }
}

extension ScriptAPITests {
  /// What a function answers to an option of a wrong type, beside those that it cannot go without.
  private static let wrongOption = """
    local name, argument, key, wrong = ...
    local owner, member = name:match("^(%w+)[:.]([%w_]+)$")
    local arguments, f = {}, nil
    if name:find(":") then
      local of_core = core_methods[member] and owner == "Source"
      arguments[1] = of_core and objects.Core or objects[owner]
      f = arguments[1][member]
    else
      f = owner and _G[owner][member] or _G[name]
    end
    local needed = {
      ["Streamer:triggers"] = { rising = { "pot1", 0.5 } }, ["Source:open_writer"] = { "t" }, plot = { objects.Streamer },
      ["Source:create_channel"] = { name = "made", data_type = "float32", virtual = true },
      spawn = { function() end },
    }
    local options = needed[name] or {}
    if name == "Streamer:triggers" and type(wrong) ~= "string" and Conditions[key] then options = {} end
    options[key] = wrong
    local first = #arguments
    for i = 1, argument do arguments[first + i] = (arguments_before[name] or {})[i] or "/nowhere/none.csv" end
    arguments[first + argument + 1] = options
    local ok, err = try(f, table.unpack(arguments, 1, first + argument + 1))
    return err and err.code or "no error", err and err.message or ""
    """

  @Test func everyDeclaredOptionIsReadWithItsType() async throws {
    try await onThread {
      let bench = try Bench()
      _ = try bench.run(
        Self.setting
          + "\nConditions = { rising = 1, falling = 1, above = 1, below = 1, outside = 1, inside = 1 }")
      var asked = 0
      for entry in Reference.entries where entry.owner != "notebook" {
        for (index, parameter) in entry.parameters.enumerated() where parameter.type.options != nil {
          // Where words and truth values are both right, there is no wrong one to try.
          for field in parameter.type.optionFields
          where !(field.type.mayBe("boolean") && field.type.mayBe("string")) {
            let wrong: LuaValue = field.type.mayBe("boolean") ? .string("no") : .boolean(true)
            let answer = try bench.run(
              Self.wrongOption, [.string(entry.name), .integer(Int64(index)), .string(field.name), wrong]
            ).map { $0.string ?? "" }
            let isNoticed =
              answer.last?.contains("'\(field.name)'") ?? false
              || answer.last?.contains("got boolean") ?? false
            #expect(answer.first == "argument" && isNoticed, "\(entry.name) \(field.name): \(answer)")
            asked += 1
          }
        }
      }
      #expect(asked > 100)
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
