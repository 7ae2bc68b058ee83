import Bela
import Lua
import Telemetry

/// Logs that a board writes into its own files.
extension Library {
  func defineBelaLog() {
    define("bela.read_log") { [unowned self] call throws(LuaError) in try readLog(call) }
    classes.source.method("log") { [unowned self] object, call throws(LuaError) in
      let board = try Self.board(object, call)
      let names = try call.options(at: 1).strings()
      return perform {
        try await board.log(names)
      } then: { [unowned self] log, call throws(LuaError) in
        call.result(log, classes.log)
      }
    }
    let logs = classes.log
    logs.method("start") { [unowned self] log, call throws(LuaError) in
      let options = try call.options(at: 1)
      let (at, length) = (try ticks(options, "at"), try ticks(options, "ticks"))
      return perform {
        try await log.start(at: at, ticks: length)
      } then: { [unowned self] _, call throws(LuaError) in
        call.result(log, classes.log)
      }
    }
    logs.method("stop") { [unowned self] log, _ throws(LuaError) in
      perform {
        try await log.stop()
      } then: { [unowned self] _, call throws(LuaError) in
        call.result(log, classes.log)
      }
    }
    logs.method("files") { log, call throws(LuaError) in call.results(log.accepted.map(\.fileName)) }
    logs.method("fetch") { [unowned self] log, call throws(LuaError) in
      try refuseInSandbox("fetch no files")
      let folder = try call.optionalString(1) ?? "."
      return perform {
        try await log.fetch(to: folder)
      } then: { paths, call throws(LuaError) in
        call.results(paths)
      }
    }
    logs.method("read") { [unowned self] log, _ throws(LuaError) in
      try refuseInSandbox("read no files")
      return perform {
        try log.read()
      } then: { [unowned self] logs, call throws(LuaError) in
        push(Frame(logs.map(\.series)), call)
        return .values(1)
      }
    }
    logs.method("delete") { [unowned self] log, _ throws(LuaError) in
      try refuseInSandbox("delete no files")
      return perform {
        try await log.delete()
      } then: { _, _ throws(LuaError) in
        .none
      }
    }
    logs.metamethod(.tostring) { log, call throws(LuaError) in
      call.results("log of \(log.names.joined(separator: ", ")) on \(log.source.name)")
    }
  }

  /// `bela.read_log(path)`
  private func readLog(_ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    try refuseInSandbox("read no files")
    let path = try call.string(1)
    return perform {
      try BelaLog.read(path: path)
    } then: { [unowned self] log, call throws(LuaError) in
      push(log.series, call)
      return .values(1)
    }
  }
}
