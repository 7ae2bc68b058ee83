import CShims
import Foundation
import Lua
import Testing

/// An interpreter with what most tests need: `sleep`, `spawn`, and what it printed.
final class Bench {
  let state: LuaState
  var printed = ""
  var scheduler: Scheduler { state.scheduler }

  init(memoryLimit: Int = 0, sandbox: LuaSandbox = .none, clock: LuaClock = .monotonic) throws {
    state = try LuaState(memoryLimit: memoryLimit, sandbox: sandbox, clock: clock)
    let (scheduler, clock) = (state.scheduler!, clock)
    state.output = { [unowned self] bytes, isError in
      printed += (isError ? "! " : "") + String(decoding: bytes, as: UTF8.self)
    }
    define("sleep") { call throws(LuaError) in
      .wait(.sleep(until: clock.now().advanced(bySeconds: try call.number(1))))
    }
    define("spawn") { call throws(LuaError) in
      let task = scheduler.spawn(try call.function(1), arguments: call.values(from: 2))
      return call.results(task.id)
    }
    define("cancel") { call throws(LuaError) in
      let id = try call.integer(1)
      scheduler.tasks.first { $0.id == id }?.cancel()
      return .none
    }
  }

  func define(_ name: String, _ body: @escaping LuaBody) {
    state.setGlobal(name, state.function(name: name, body))
  }

  /// Runs a cell in the foreground.
  @discardableResult
  func run(_ source: String) throws -> LuaOutcome {
    scheduler.run(try state.load(source, chunkName: "=cell 1"))
  }

  /// The results of a cell that must not fail.
  func values(
    _ source: String, _ arguments: [LuaValue] = [], _ location: SourceLocation = #_sourceLocation
  ) throws -> [LuaValue] {
    switch scheduler.run(try state.load(source, chunkName: "=cell 1"), arguments: arguments) {
    case .values(let values): return values
    case let outcome:
      Issue.record("\(outcome)", sourceLocation: location)
      return []
    }
  }

  /// The error of a cell that must fail.
  func error(_ source: String, _ location: SourceLocation = #_sourceLocation) throws -> LuaError {
    if case .failed(let error, _) = try run(source) { return error }
    Issue.record("no error", sourceLocation: location)
    return LuaError("none", "")
  }
}

func seconds(_ body: () throws -> Void) rethrows -> Double {
  let start = mt_monotonic_ns()
  try body()
  return Double(mt_monotonic_ns() - start) / 1e9
}
