import Bindings
import Lua
import Notebooks
import Telemetry
import Terminal

/// The table `notebook`: functions that do what commands do.
final class NotebookLibrary {
  /// What only a notebook with a person in front of it can do; nil elsewhere.
  struct Front {
    /// A job's lines; of the job that printed last without a name.
    var log: (String?) -> [String]
    /// Cells, the newest first.
    var history: (Int) -> String?
    var edit: ([UInt8]) throws(LuaError) -> [UInt8]
    /// Asks for a new state once the cell has ended.
    var reset: () -> Void
  }

  var front: Front?
  /// Moments that were marked, with seconds since 1970.
  private(set) var marks: [(text: String, time: Double)] = []
  /// Globals that are not a person's.
  private(set) var knownGlobals: Set<String> = []
  private unowned let interpreter: Interpreter
  private var state: LuaState { interpreter.state }

  init(_ interpreter: Interpreter) throws(LuaError) {
    self.interpreter = interpreter
    defineFunctions()
    guard case .table(let table) = state.global("notebook") else { return }
    state.setGlobal("help", state.rawGet(table, "help"))
    try state.call(
      state.load(Self.prelude, chunkName: "=" + Library.preludeName), [.table(table), measuring()])
    knownGlobals = Set(interpreter.session.globalNames).union(["_", "__", "___", "arg"])
  }

  /// In Lua: what it calls may wait.
  private static let prelude = """
    local notebook, measure = ...
    function notebook.time(fn, ...)
      local finish = measure()
      local function answer(...) return finish(), ... end
      return answer(fn(...))
    end
    """

  private func defineFunctions() {
    func define(_ name: String, _ body: @escaping LuaBody) {
      interpreter.library.define("notebook.\(name)", body)
    }
    define("help") { [unowned self] call throws(LuaError) in
      let help = Help(interpreter)
      let topic: String
      switch call.type(1) {
      case .string, .none, .nil: topic = try call.optionalString(1) ?? ""
      default:
        guard let name = help.name(of: call.value(1)) else {
          throw call.bad(1, "a name expected", hint: "help(\"sleep\"), help(\"s:read\")")
        }
        topic = name
      }
      interpreter.session.display.note(help.text(topic))
      return .none
    }
    define("vars") { [unowned self] call throws(LuaError) in
      call.results(variables(startingWith: try call.optionalString(1) ?? ""))
    }
    define("streams") { [unowned self] call throws(LuaError) in
      let list = state.newTable()
      for (index, streamer) in interpreter.library.openStreamers.enumerated() {
        state.rawSet(list, .integer(Int64(index + 1)), interpreter.library.value(of: streamer))
      }
      return call.results(list)
    }
    define("log") { [unowned self] call throws(LuaError) in
      let name = try call.optionalString(1)
      return call.results((front?.log(name) ?? []).joined(separator: "\n"))
    }
    define("history") { [unowned self] call throws(LuaError) in
      let count = try call.optionalInteger(1) ?? 20
      let cells = (0..<max(0, min(count, 10_000))).lazy.map { [front] in front?.history($0) }.prefix {
        $0 != nil
      }
      return call.results(cells.compactMap { $0 })
    }
    define("mark") { [unowned self] call throws(LuaError) in
      mark(try call.string(1))
      return .none
    }
    define("reset") { [unowned self] _ throws(LuaError) in
      guard let front else { throw Self.onlyAtThePrompt("reset") }
      front.reset()
      return .none
    }
    guard case .table = state.global("io") else { return }
    define("save") { [unowned self] call throws(LuaError) in
      let path = try call.string(1)
      let options = try call.options(at: 2)
      return call.results(
        try NotebookFiles.save(
          interpreter.session, to: path, cells: try options.string("cells") ?? "",
          overwrite: try options.boolean("overwrite") ?? false))
    }
    define("load") { call throws(LuaError) in
      call.results(LuaString(try NotebookFiles.text(try call.string(1))))
    }
    define("run") { [unowned self] call throws(LuaError) in
      let path = try call.string(1)
      let bytes = try NotebookFiles.text(path)
      let outcome = interpreter.session.run(NotebookFile(NotebookFile.source(bytes)), name: path)
      if let code = outcome.exitCode { throw LuaError.exit(code) }
      if let error = outcome.error { throw LuaError(error.code, "\(path) failed: \(error.message)") }
      return .none
    }
    define("edit") { [unowned self] call throws(LuaError) in
      guard let front else { throw Self.onlyAtThePrompt("edit") }
      let number = try call.optionalInteger(1) ?? interpreter.session.nextNumber - 2
      let text = interpreter.session.text(ofCell: number) ?? []
      return call.results(LuaString(try front.edit(text)))
    }
  }

  /// Begins to measure: a function that ends it and says what there was.
  private func measuring() -> LuaValue {
    state.function(name: "measure") { [unowned self] call throws(LuaError) in
      let start = Measurement(samples: interpreter.session.samplesReceived())
      return call.results(
        state.function(name: "measure") { [unowned self] call throws(LuaError) in
          call.results(table(of: start.elapsed(samples: interpreter.session.samplesReceived())))
        })
    }
  }

  /// Whether a value is the function `help`.
  func isHelp(_ value: LuaValue) -> Bool {
    guard case .table(let table) = state.global("notebook") else { return false }
    return state.areSame(state.rawGet(table, "help"), value)
  }

  /// Marks this moment in what is plotted.
  func mark(_ text: String) {
    marks.append((text, TextTime.now))
    interpreter.library.mark(text)
  }

  private static func onlyAtThePrompt(_ name: String) -> LuaError {
    LuaError("unsupported", "notebook.\(name) needs a notebook with a person at its terminal")
  }

  private func variables(startingWith beginning: String) -> LuaReference {
    let list = state.newTable()
    let found = VariableList(interpreter, without: knownGlobals, startingWith: beginning).variables
    for (index, variable) in found.enumerated() {
      let row = state.newTable()
      state.rawSet(row, "name", variable.name)
      state.rawSet(row, "type", variable.type)
      state.rawSet(row, "bytes", variable.bytes)
      state.rawSet(row, "value", variable.value)
      state.rawSet(list, .integer(Int64(index + 1)), LuaValue.table(row))
    }
    return list
  }

  private func table(of statistics: Outcome.Statistics) -> LuaReference {
    let table = state.newTable()
    state.rawSet(table, "wall", statistics.wall.seconds)
    state.rawSet(table, "cpu", statistics.cpu.seconds)
    state.rawSet(table, "samples", statistics.samples)
    return table
  }
}

extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
