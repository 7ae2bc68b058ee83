import Locks
import CShims
import Foundation
import Lua
import TestSupport
import Testing

@Suite struct LuaWaitTests {
  /// A queue that Lua reads and any thread fills.
  final class Channel: Sendable {
    private struct Contents: Sendable {
      var items: [Int] = []
      var wakeup: Wakeup?
    }
    private let contents = Guarded(Contents())

    var isReady: Bool { contents.withLock { !$0.items.isEmpty } }
    func take() -> Int? { contents.withLock { $0.items.isEmpty ? nil : $0.items.removeFirst() } }
    func watch(_ wakeup: Wakeup?) { contents.withLock { $0.wakeup = wakeup } }

    func put(_ item: Int) {
      let wakeup = contents.withLock { contents in
        contents.items.append(item)
        return contents.wakeup
      }
      wakeup?.fire()
    }
  }

  static func bench(_ channel: Channel) throws -> Bench {
    let bench = try Bench()
    bench.define("read") { call throws(LuaError) in
      let timeout = try call.optionalNumber(1)
      return .wait(
        LuaWait(
          deadline: timeout.map { LuaInstant.now.advanced(bySeconds: $0) },
          poll: { channel.isReady }, arm: { channel.watch($0) }, disarm: { channel.watch(nil) },
          finish: { (call, outcome) throws(LuaError) in
            guard outcome == .ready, let item = channel.take() else {
              return call.results(nil as Int?, "timeout")
            }
            return call.results(item)
          }))
    }
    return bench
  }

  /// Every place that Lua code can be in; each sets `got` to what `read` returned.
  static let places = [
    "cell": "got = READ",
    "pcall": "pcall(function() got = READ end)",
    "xpcall": "xpcall(function() got = READ end, print)",
    "__index": "got = setmetatable({}, { __index = function() return READ end }).x",
    "__newindex": "setmetatable({}, { __newindex = function() got = READ end }).x = 1",
    "__call": "got = setmetatable({}, { __call = function() return READ end })()",
    "__add": "got = setmetatable({}, { __add = function() return READ end }) + 1",
    "__concat": "got = setmetatable({}, { __concat = function() return READ end }) .. 1",
    "__eq":
      "local m = { __eq = function() got = READ end } local _ = setmetatable({}, m) == setmetatable({}, m)",
    "__lt":
      "local m = { __lt = function() got = READ end } local _ = setmetatable({}, m) < setmetatable({}, m)",
    "__len": "local _ = #setmetatable({}, { __len = function() got = READ end })",
    "__close": "do local x <close> = setmetatable({}, { __close = function() got = READ end }) end",
    "__pairs":
      "for _ in pairs(setmetatable({}, { __pairs = function() got = READ return next, {} end })) do end",
    "iterator": "for v in function() if not got then got = READ return got end end do end",
    "coroutine": "coroutine.wrap(function() got = READ end)()",
    "nested coroutines": """
    got = select(2, coroutine.resume(coroutine.create(function()
      return coroutine.wrap(function() return coroutine.wrap(function() return READ end)() end)()
    end)))
    """,
    "generator": """
    local gen = coroutine.wrap(function() while true do coroutine.yield(READ) end end)
    got = gen()
    """,
    "sort": "table.sort({ 2, 1 }, function(a, b) got = got or READ return a < b end)",
    "gsub": "('x'):gsub('x', function() got = READ end)",
    "__tostring": "tostring(setmetatable({}, { __tostring = function() got = READ return '' end }))",
    "message handler": "xpcall(error, function() got = READ end)",
    "load reader":
      "local n = 0 load(function() n = n + 1 if n == 1 then got = READ return 'return 1' end end)",
    "table.concat":
      "table.concat(setmetatable({}, { __len = function() return 1 end, __index = function() got = READ return 'x' end }))",
    "require": "package.preload.m = function() got = READ return 1 end package.loaded.m = nil require 'm'",
    "finalizer": "setmetatable({}, { __gc = function() got = READ end }) collectgarbage()",
    "coroutine in sort":
      "table.sort({ 2, 1 }, coroutine.wrap(function() got = READ while true do coroutine.yield(false) end end))",
    "sort in coroutine":
      "coroutine.wrap(function() table.sort({ 2, 1 }, function() got = got or READ end) end)()",
    "coroutine.close": """
    local co = coroutine.create(function()
      local x <close> = setmetatable({}, { __close = function() got = READ end }) coroutine.yield()
    end)
    coroutine.resume(co) coroutine.close(co)
    """,
    "load": "got = load('return READ')()",
    "error unwinding": """
    pcall(function()
      local x <close> = setmetatable({}, { __close = function() got = READ end }) error('x')
    end)
    """,
  ]

  @Test(arguments: places.keys.sorted()) func waitsAnywhere(_ place: String) async throws {
    let source = try #require(Self.places[place])
    try await onThread {
      for code in [source, "spawn(function() \(source) end) while got == nil do sleep(0.002) end"] {
        let channel = Channel()
        let bench = try Self.bench(channel)
        Thread.detachNewThread {
          usleep(10_000)
          channel.put(42)
        }
        _ = try bench.values(code.replacingOccurrences(of: "READ", with: "read(5)"))
        #expect(bench.state.global("got") == 42, "\(code)")
        let duration = try seconds {
          _ = try bench.values(
            "got = nil " + source.replacingOccurrences(of: "READ", with: "(select(2, read(0.02)))"))
        }
        #expect(bench.state.global("got") == "timeout", "\(code)")
        #expect(duration > 0.018 && duration < 0.3, "\(duration)")
      }
    }
  }

  @Test func othersGoOnWhereLuaCanYield() throws {
    let bench = try Self.bench(Channel())
    try bench.run(
      """
      spawn(function() for i = 1, 3 do sleep(0.002) n = i end end)
      coroutine.wrap(function() read(0.05) end)()
      assert(n == 3)
      spawn(function() m = 1 end)
      table.sort({ 2, 1 }, function() read(0.02) assert(m == nil) end)
      sleep(0.01)
      """)
    #expect(bench.state.global("n") == 3)
    #expect(bench.state.global("m") == 1)
  }

  @Test func refusesToResumeWhatWaits() throws {
    let bench = try Self.bench(Channel())
    #expect(
      try bench.values(
        """
        local co = coroutine.create(function() read(0.03) return "done" end)
        spawn(function() a, b = coroutine.resume(co) c = pcall(coroutine.close, co) end)
        local ok, v = coroutine.resume(co)
        return a, b, c, ok, v
        """) == [false, "cannot resume a coroutine that is waiting", false, true, "done"])
  }

  @Test func coroutinesBehaveAsInLua() throws {
    let bench = try Bench()
    #expect(
      try bench.values(
        """
        local co = coroutine.create(function(a, b) local c = coroutine.yield(a + b) error("x" .. c, 0) end)
        local r = { coroutine.resume(co, 1, 2) }
        local e = { coroutine.resume(co, "!") }
        local d = { coroutine.resume(co) }
        local w = coroutine.wrap(function() error("boom") end)
        local ok, m = pcall(w)
        return r[1], r[2], e[1], e[2], d[1], d[2], coroutine.status(co), ok, m,
          select("#", coroutine.wrap(function(...) return ... end)(nil, nil)), coroutine.isyieldable()
        """) == [
          true, 3, false, "x!", false, "cannot resume dead coroutine", "dead", false,
          "cell 1:5: boom", 2, true,
        ])
  }

  @Test func asyncWorkComesBack() async throws {
    struct Refusal: LuaErrorConvertible {
      var luaError: LuaError { LuaError("refused", "no") }
    }
    try await onThread {
      let bench = try Bench()
      let cancelled = Guarded(false)
      bench.define("fetch") { call throws(LuaError) in
        let number = try call.integer(1)
        return .wait(
          .async {
            try await Task.sleep(for: .milliseconds(2))
            if number < 0 { throw Refusal() }
            return number * 2
          } then: { (value, call) throws(LuaError) in
            call.results(value)
          })
      }
      bench.define("slow") { call throws(LuaError) in
        .wait(
          .async(deadline: .now.advanced(bySeconds: 0.02)) {
            do { try await Task.sleep(for: .seconds(100)) } catch {
              cancelled.withLock { $0 = true }
              throw error
            }
          } then: { (_, call) throws(LuaError) in
            .none
          })
      }
      #expect(try bench.values("return fetch(21), coroutine.wrap(fetch)(4)") == [42, 8])
      #expect(
        try bench.values(
          "local t = { 3, 2, 1 } table.sort(t, function(a, b) return fetch(a) < fetch(b) end) return t[1]")
          == [1])
      #expect(try bench.error("fetch(-1)").code == "refused")
      #expect(try bench.error("slow()").code == "timeout")
      #expect(try bench.values("sleep(0.05)").isEmpty)
      #expect(cancelled.withLock { $0 })
    }
  }

  @Test func aWaitForATaskRunsTasksWhereLuaCannotYield() throws {
    let bench = try Bench()
    bench.define("join") { [unowned bench] call throws(LuaError) in
      let id = try call.integer(1)
      guard let task = bench.scheduler.tasks.first(where: { $0.id == id }) else { return .none }
      let wait = LuaWait(poll: { task.isEnded }, arm: { wakeup in task.onEnd { _ in wakeup.fire() } })
      wait.needsTasks = true
      return .wait(wait)
    }
    #expect(
      try bench.values(
        """
        local t = spawn(function() sleep(0.01) n = 5 end);
        ("x"):gsub("x", function() join(t) end)
        return n
        """) == [5])
  }

  @Test func handlersRunAfterAnInterrupt() async throws {
    try await onThread {
      let bench = try Self.bench(Channel())
      let interrupter = bench.state.interrupter
      bench.define("stop") { _ throws(LuaError) in
        interrupter.interrupt()
        return .none
      }
      for body in [
        "while true do end", "read()", "coroutine.wrap(function() while true do end end)()",
        "table.sort({ 2, 1 }, function() read() end)",
      ] {
        bench.printed = ""
        let error = try bench.error(
          """
          local x <close> = setmetatable({}, { __close = function()
            for i = 1, 1e4 do end
            sleep(0.001)
            print("closed", pcall(error, "e"))
          end })
          setmetatable({}, { __gc = function() print("collected") end })
          stop()
          \(body)
          """)
        #expect(error.code == "interrupted")
        #expect(bench.printed == "closed\tfalse\te\n", "\(body)")
        bench.state.collect()
        #expect(bench.printed == "closed\tfalse\te\ncollected\n", "\(body)")
      }
    }
  }

  @Test(arguments: ["resume(coroutine.create(", "wrap("]) func handlersOfCoroutinesRunAfterAnInterrupt(
    _ start: String
  ) async throws {
    try await onThread {
      let bench = try Bench()
      bench.define("stop") { [interrupter = bench.state.interrupter] _ throws(LuaError) in
        interrupter.interrupt()
        return .none
      }
      let end = start == "wrap(" ? ")()" : "))"
      let error = try bench.error(
        """
        coroutine.\(start)function()
          local x <close> = setmetatable({}, { __close = function() print("inner") while true do end end })
          coroutine.wrap(function()
            local y <close> = setmetatable({}, { __close = function() print("innermost") end })
            stop()
            while true do end
          end)()
        end\(end)
        """)
      #expect(error.code == "interrupted")
      #expect(bench.printed == "innermost\ninner\n")
    }
  }

  /// However a wait ends, and whether it ever began: its end is told exactly once.
  @Test(arguments: [
    ("return wait(-1)", 1), ("return wait(0.001)", 1), ("return wait()", 1), ("return over()", 1),
    ("local t = spawn(function() wait() end) sleep(0.01) cancel(t) sleep(0.01)", 1),
    ("local t t = spawn(function() cancel(t) pcall(wait) pcall(wait) end) sleep(0.05)", 2),
    ("(('x'):gsub('.', function() wait(0.001) end))", 1), ("(('x'):gsub('.', function() wait(-1) end))", 1),
    ("spawn(function() wait() end) sleep(0.01) os.exit(0)", 0),
    ("local x <close> = setmetatable({}, { __close = function() wait() end }) os.exit(1)", 1),
    (
      "local function nest(n) if n > 0 then ('x'):gsub('.', function() nest(n - 1) wait(0.0001) end) end end nest(30)",
      30
    ),
  ]) func theEndOfAWaitIsToldOnce(source: String, waits: Int) throws {
    let bench = try Bench()
    var ends: [Int] = []
    var begun = 0
    func async(_ deadline: LuaInstant?, _ body: @escaping @Sendable () async throws -> Void) -> LuaResult {
      begun += 1
      let number = begun
      return .wait(
        .async(
          deadline: deadline, body, timedOut: { _ throws(LuaError) in .none },
          ended: { _ in ends.append(number) }
        ) {
          _, _ throws(LuaError) in
          .none
        })
    }
    bench.define("wait") { call throws(LuaError) in
      let seconds = try call.optionalNumber(1)
      return async(seconds.map { LuaInstant.now.advanced(bySeconds: $0) }) {
        if seconds == nil {
          try await Task.sleep(for: .milliseconds(30))
        } else {
          try await Task.sleep(for: .seconds(60))
        }
      }
    }
    bench.define("over") { _ throws(LuaError) in async(nil) {} }
    _ = try bench.run(source.hasPrefix("((") ? "return " + source : source)
    bench.state.close()
    #expect(begun >= min(waits, 1) && ends.sorted() == Array(1..<begun + 1), "\(begun) begun, told \(ends)")
  }
}
