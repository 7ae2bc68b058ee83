import Locks
import CShims
import Foundation
import Lua
import TestSupport
import Testing

@Suite struct InterrupterTests {
  /// Programs that never end by themselves.
  static let runaways = [
    "loop": "while true do end",
    "goto": "::again:: goto again",
    "pcall swallower": "while true do pcall(function() while true do end end) end",
    "xpcall swallower":
      "while true do xpcall(function() while true do end end, function(e) return 1 end) end",
    "user coroutines": """
    local function deep(n)
      if n == 0 then while true do end end
      while true do coroutine.resume(coroutine.create(deep), n - 1) end
    end
    deep(20)
    """,
    "gsub callback": "local s = ('x'):rep(1e6) while true do s:gsub('.', function() return 'y' end) end",
    "sort callback": """
    local t = {} for i = 1, 1e5 do t[i] = i end
    while true do pcall(table.sort, t, function(a, b) return a > b end) end
    """,
    "native calls": "while true do native() end",
    "finalizer": "setmetatable({}, { __gc = function() while true do end end }) collectgarbage()",
    "finalizers": "while true do setmetatable({}, { __gc = function() while true do end end }) end",
    "tower": """
    local function tower(n)
      while true do pcall(n > 0 and tower or function() while true do end end, n - 1) end
    end
    tower(150)
    """,
    "sleep": "sleep(100)",
    "sleep in pcall": "while true do pcall(sleep, 100) end",
    "sleep in sort": "table.sort({ 3, 2, 1 }, function(a, b) sleep(100) return a < b end)",
    "sleep in a coroutine": "coroutine.wrap(function() sleep(100) end)()",
    "sleep in a finalizer": "setmetatable({}, { __gc = function() sleep(100) end }) collectgarbage()",
    "closers": """
    while true do local x <close> = setmetatable({}, { __close = function() while true do end end }) end
    """,
    "message handler": "xpcall(error, function() while true do end end, 1)",
    "string building": "local s = '' while true do s = (s .. 'x'):sub(-1000) end",
  ]

  /// A request that comes between two cells is for the next one, whatever is looked at before it runs.
  @Test func aMessageThatIsMadeTakesNoRequest() throws {
    let state = try LuaState()
    state.interrupter.interrupt()
    #expect(throws: LuaError.self) { try state.load("x = = 1", chunkName: "=cell") }
    #expect(state.describe(.string("text")) == "text")
    #expect(state.interrupter.isRequested)
    let loop = try state.load("while true do end", chunkName: "=cell")
    guard case .failed(let error, _) = state.scheduler.run(loop) else {
      Issue.record("it ended by itself")
      return
    }
    #expect(error.code == "interrupted" && !state.interrupter.isRequested)
  }

  /// Protected calls within protected calls, a hundred thousand deep by the time that the request comes.
  @Test(arguments: [
    "local function f() pcall(f) pcall(f) end f()", "local function f() while true do pcall(f) end end f()",
    "local function f() xpcall(f, tostring) xpcall(f, tostring) end f()",
    "coroutine.wrap(function() local function f() pcall(f) pcall(f) end f() end)()",
    "local function f() pcall(f) pcall(coroutine.wrap(f)) end f()",
    "table.sort({ 2, 1 }, function() local function f() pcall(f) pcall(f) end f() end)",
  ]) func leavesADeepRowOfProtectedCallsAtOnce(_ source: String) async throws {
    try await onThread {
      let bench = try Bench()
      let asked = Guarded<Int64>(0)
      bench.define("started") { [interrupter = bench.state.interrupter] _ throws(LuaError) in
        Thread.detachNewThread {
          usleep(700_000)
          asked.withLock { $0 = mt_monotonic_ns() }
          interrupter.interrupt()
        }
        return .none
      }
      let error = try bench.error(
        """
        started()
        local x <close> = setmetatable({}, { __close = function() print("closed") end })
        pcall(function() local y <close> = setmetatable({}, { __close = function() print("inner") end }) \(source) end)
        """)
      let duration = Double(mt_monotonic_ns() - asked.withLock { $0 }) / 1e9
      #expect(error.code == "interrupted" && bench.printed == "inner\nclosed\n", "\(error) \(bench.printed)")
      #expect(duration < 0.3, "\(duration) s")
      #expect(try bench.values("return pcall(error, 'x')") == [false, "x"])
    }
  }

  @Test(arguments: runaways.keys.sorted()) func stopsWithinThreeTenths(_ name: String) async throws {
    let source = try #require(Self.runaways[name])
    try await onThread {
      let bench = try Bench()
      bench.define("native") { _ throws(LuaError) in .none }
      bench.define("started") { [interrupter = bench.state.interrupter] _ throws(LuaError) in
        Thread.detachNewThread {
          usleep(30_000)
          interrupter.interrupt()
        }
        return .none
      }
      var error = LuaError("none", "")
      let duration = try seconds { error = try bench.error("started() " + source) }
      #expect(duration < 0.03 + 0.3, "\(name): \(duration) s")
      #expect(error.code == "interrupted")
      #expect(try bench.values("return 1 + 1") == [2])
      #expect(try bench.values("local ok, e = pcall(error, 'x') return ok, e") == [false, "x"])
    }
  }
}
