import CShims
import Lua
import TestSupport
import Testing

@Suite struct LuaStateTests {
  @Test func keepsEveryValueExactly() throws {
    let bench = try Bench()
    let values: [LuaValue] = [
      .nil, true, false, 0, -1, .integer(.max), .integer(.min), .number(1), 0.1, .number(.infinity),
      .number(-0.0), .number(9_007_199_254_740_992), "", "grüße", .string(LuaString([0, 1, 0, 255, 254])),
    ]
    let echo = try bench.state.load("return ...", chunkName: "=echo")
    #expect(try bench.state.call(echo, values) == values)
    #expect(try bench.values("return 3 // 1, 3 / 1, 2^53") == [3, 3.0, 9_007_199_254_740_992.0])
    let nan = try bench.values("return 0/0").first?.number
    #expect(nan?.isNaN == true)
    #expect(try bench.values("return #...", [.string(LuaString([0, 0, 0]))]) == [3])
  }

  @Test func readsAndWritesTables() throws {
    let bench = try Bench()
    bench.state.setGlobal("t", [1, 2, 3])
    bench.state.setGlobal("d", ["a": "x"])
    #expect(try bench.values("return #t, t[3], d.a, rawlen(t)") == [3, 3, "x", 3])
    let table = bench.state.newTable()
    bench.state.rawSet(table, "key", 5)
    bench.state.rawSet(table, .number(.nan), 5)
    bench.state.rawSet(table, .nil, 5)
    #expect(bench.state.rawGet(table, "key") == 5)
    #expect(bench.state.rawGet(table, .nil) == .nil)
    #expect(bench.state.pairs(of: table).count == 1)
    let proxy = try #require(
      try bench.values("return setmetatable({}, { __index = function(_, k) return k .. '!' end })").first)
    #expect(try bench.state.get(proxy, "a") == "a!")
    #expect(throws: LuaError.self) { try bench.state.get(.nil, "a") }
    #expect(throws: LuaError.self) { try bench.state.set(5, "a", 1) }
  }

  @Test func tellsIncompleteFromWrong() throws {
    let state = try LuaState()
    for source in ["for i = 1, 2 do", "f(", "return {", "x = [[", "if a then else", "--[["] {
      let error = #expect(throws: LuaError.self) { try state.load(source, chunkName: "=cell 1") }
      #expect(error?.isIncomplete == true && error?.code == "syntax", "\(source)")
    }
    for source in ["x = = 1", "end", "goto nowhere", "x = 'a\n'"] {
      let error = #expect(throws: LuaError.self) { try state.load(source, chunkName: "=cell 1") }
      #expect(error?.isIncomplete == false && error?.code == "syntax", "\(source)")
    }
    let error = #expect(throws: LuaError.self) { try state.load("\nx = = 1", chunkName: "=cell 3") }
    #expect(error?.message.hasPrefix("cell 3:2:") == true)
  }

  @Test func refusesBytecodeEverywhere() throws {
    let bench = try Bench()
    #expect(
      try bench.values(
        """
        local code = string.dump(function() return 1 end)
        local name = os.tmpname()
        local file <close> = io.open(name, "wb")
        file:write(code) file:flush()
        package.path = name
        local got = {
          load(code), load(code, "x", "b"), load(code, "x", "bt"), load(function() local c = code code = nil return c end),
          loadfile(name), loadfile(name, "b"), pcall(dofile, name), (pcall(require, "x")),
        }
        os.remove(name)
        for i = 1, 8 do if got[i] then return i end end
        return "refused", load("return 1")(), load("return x", "c", "t", { x = 5 })()
        """) == ["refused", 1, 5])
    let dump = try bench.values("return string.dump(function() end)").first
    guard case .string(let code) = dump else { return }
    #expect(throws: LuaError.self) { try bench.state.load(code.bytes, chunkName: "=x") }
  }

  @Test func lacksWhatWouldBreakItsPromises() throws {
    let bench = try Bench()
    for name in ["debug.sethook", "debug.gethook", "debug.getregistry", "package.loadlib", "os.setlocale"] {
      #expect(try bench.values("return \(name)") == [.nil], "\(name)")
    }
    #expect(try bench.error("debug.setmetatable(io.stdout, {})").message.contains("userdata"))
    #expect(try bench.error("debug.setupvalue(sleep, 1, 1)").message.contains("Lua function expected"))
    #expect(try bench.values("return getmetatable(setmetatable({}, { __metatable = 5 }))") == [5])
    #expect(
      try bench.error("setmetatable(setmetatable({}, { __metatable = 5 }), {})").message.contains("protected")
    )
  }

  @Test func takesAwayWhatTheSandboxNames() throws {
    let bench = try Bench(sandbox: .strict)
    let absent = try bench.values(
      "return io, debug, os.execute, os.remove, package, dofile, os.time() > 0, #string.rep('x', 3)"
    )
    #expect(absent == [.nil, .nil, .nil, .nil, .nil, .nil, true, 3])
    #expect(try bench.error("require('io')").message.contains("module 'io' not found"))
    bench.state.modulePath = "/nowhere/?.lua"
    #expect(try bench.error("require('x')").message.contains("/nowhere/x.lua"))
  }

  @Test func sendsAllOutputToTheHook() throws {
    let bench = try Bench()
    try bench.run(
      #"""
      print(1, 1.5, "a\0b", nil, setmetatable({}, { __tostring = function() sleep(0) return "me" end }))
      io.write("x", 2, 1.0) io.stdout:write("y", "\n"):write("z\n") io.stderr:write("bad\n")
      warn("careful ", "now")
      """#)
    #expect(bench.printed == "1\t1.5\ta\0b\tnil\tme\nx21.0y\nz\n! bad\n! Lua warning: ! careful ! now! \n")
    #expect(try bench.error("io.write({})").message.contains("bad argument #1 to 'write'"))
    #expect(try bench.error("io.stdout:write('a', {})").message.contains("bad argument #2 to 'write'"))
  }

  @Test func limitsMemoryAndWorksOn() throws {
    let bench = try Bench(memoryLimit: 8 << 20)
    let hungry = [
      "local t = {} for i = 1, 1e9 do t[i] = { i } end",
      "return ('x'):rep(1e9)",
      "local s = 'x' while true do s = s .. s end",
      "local t = {} while true do t[#t + 1] = coroutine.create(print) end",
      "while true do pcall(function() local t = {} while true do t[#t + 1] = ('x'):rep(1000) end end) error('seen') end",
    ]
    for source in hungry {
      let error = try bench.error(source)
      #expect(error.code == "memory" || error.message.hasSuffix("seen"), "\(source): \(error)")
      #expect(try bench.values("return 1") == [1])
    }
    #expect(
      try bench.values(
        "local ok, e = pcall(function() return ('x'):rep(1e9) end) return ok, tostring(e)")
        == [false, "not enough memory"])
    bench.state.collect()
    #expect(bench.state.heapBytes < 1 << 20)
  }

  @Test func limitsMemoryOfNativeFunctionsAfterwards() throws {
    let bench = try Bench(memoryLimit: 4 << 20)
    bench.define("big") { call throws(LuaError) in
      call.results(LuaString([UInt8](repeating: 1, count: 8 << 20)))
    }
    bench.define("calls") { [unowned bench] call throws(LuaError) in
      call.results(try bench.state.call(call.function(1)).count)
    }
    #expect(try bench.error("local s = big()").code == "memory")
    #expect(try bench.error("local ok, e = pcall(big) error(e)").code == "memory")
    #expect(try bench.error("calls(function() return ('x'):rep(1e8) end)").code == "memory")
    #expect(try bench.values("return calls(function() return 1, 2 end)") == [2])
  }

  @Test func countsBytesHeldElsewhere() throws {
    final class Buffer { static let bytes = 1 << 20 }
    let bench = try Bench(memoryLimit: 16 << 20)
    let buffers = LuaClass<Buffer>("Buffer")
    bench.state.register(buffers)
    bench.define("buffer") { call throws(LuaError) in
      call.result(Buffer(), buffers, externalBytes: Buffer.bytes)
    }
    #expect(try bench.values("for i = 1, 500 do buffer() end return 1") == [1])
    #expect(try bench.error("local t = {} for i = 1, 500 do t[i] = buffer() end").code == "memory")
    bench.state.collect()
    #expect(bench.state.externalBytes == 0)
  }

  @Test func garbageHeldElsewhereIsCollectedBeforeItGetsMuch() throws {
    final class Buffer {}
    let bench = try Bench()
    let buffers = LuaClass<Buffer>("Buffer")
    bench.state.register(buffers)
    var most = 0
    bench.define("buffer") { [unowned bench] call throws(LuaError) in
      most = max(most, bench.state.externalBytes)
      return call.result(Buffer(), buffers, externalBytes: try call.integer(1))
    }
    // Nothing is held, so a few steps' worth is all there ever is.
    try bench.run("for i = 1, 2000 do buffer(1 << 20) end")
    #expect(most < 40 << 20)
    most = 0
    try bench.run("for i = 1, 100000 do buffer(20000) end")
    #expect(most < 40 << 20)
    // As much again as half of what is held, and a little.
    most = 0
    try bench.run(
      "keep = {} for i = 1, 64 do keep[i] = buffer(1 << 20) end for i = 1, 2000 do buffer(1 << 20) end")
    #expect(most < 64 << 20 + 80 << 20)
    // The collector is left alone until it is time: what is small and weakly held stays.
    try bench.run("keep = nil")
    bench.state.collect()
    #expect(
      try bench.values(
        "local w = setmetatable({}, { __mode = 'v' }) w[1] = {} for i = 1, 100 do buffer(50000) end return w[1] ~= nil"
      )
        == [true])
    bench.state.collect()
    #expect(bench.state.externalBytes == 0)
  }

  @Test func bytesThatOthersShowTooCountAgainstTheLimitOnly() throws {
    final class Look {}
    for limit in [0, 64 << 20] {
      let bench = try Bench(memoryLimit: limit)
      let looks = LuaClass<Look>("Look")
      bench.state.register(looks)
      bench.define("look") { call throws(LuaError) in
        call.push(Look(), looks, externalBytes: 1 << 20, sharedBytes: 1 << 20)
        return .values(1)
      }
      // Few enough that the collector need not know.
      #expect(
        try bench.values(
          "local w = setmetatable({}, { __mode = 'v' }) w[1] = {} for i = 1, \(limit == 0 ? 100 : 5) do look() end return w[1] ~= nil"
        ) == [true])
      #expect(try bench.values("for i = 1, 1000 do look() end return 1") == [1])
      guard limit > 0 else { continue }
      // What was looked at last leaves room for Lua's own.
      #expect(try bench.values("for i = 1, 500 do look() end return #('x'):rep(24 << 20)") == [25_165_824])
      #expect(try bench.error("local t = {} for i = 1, 100 do t[i] = look() end").code == "memory")
      bench.state.collect()
      #expect(bench.state.externalBytes == 0)
    }
  }

  @Test func describesWithoutRaising() throws {
    let bench = try Bench()
    let value = try bench.values("return setmetatable({}, { __tostring = function() error('no') end })")[0]
    #expect(bench.state.describe(value).hasPrefix("table: "))
    #expect(bench.state.describe(1.0) == "1.0")
    #expect(bench.state.describe("a") == "a")
  }

  @Test func freesWhatItHeld() throws {
    final class Witness {
      nonisolated(unsafe) static var living = 0  // Safety: this test alone touches it.
      init() { Self.living += 1 }
      deinit { Self.living -= 1 }
    }
    weak var lost: LuaState?
    var kept: LuaReference?
    do {
      let bench = try Bench()
      lost = bench.state
      let witnesses = LuaClass<Witness>("Witness")
      witnesses.method("twin") { (_, call) throws(LuaError) in call.result(Witness(), witnesses) }
      bench.state.register(witnesses)
      bench.define("witness") { call throws(LuaError) in call.result(Witness(), witnesses) }
      try bench.run("keep = {} for i = 1, 100 do keep[i] = witness():twin() end spawn(sleep, 100) sleep(0)")
      #expect(Witness.living >= 100)
      kept = try bench.state.load("return 1", chunkName: "=x")
      bench.state.close()
      #expect(Witness.living == 0)
    }
    #expect(lost == nil)
    #expect(kept?.isOpen == false)
    kept = nil
  }

  @Test func manyLiveSideBySide() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 1...16 {
        group.addTask {
          try await onThread {
            let bench = try Bench()
            let interrupter = bench.state.interrupter
            bench.define("stop") { _ throws(LuaError) in
              interrupter.interrupt()
              return .none
            }
            for round in 1...20 {
              let sum = try bench.values("local s = 0 for i = 1, 10000 do s = s + \(number) end return s")
              #expect(sum == [.integer(Int64(number) * 10_000)])
              #expect(try bench.error("stop() while true do end").code == "interrupted", "\(round)")
            }
          }
        }
      }
      try await group.waitForAll()
    }
  }

  @Test func agreesWithTheHeaders() {
    #expect(LuaType.nil.rawValue == LUA_TNIL && LuaType.none.rawValue == LUA_TNONE)
    #expect(LuaType.boolean.rawValue == LUA_TBOOLEAN && LuaType.lightUserdata.rawValue == LUA_TLIGHTUSERDATA)
    #expect(LuaType.number.rawValue == LUA_TNUMBER && LuaType.string.rawValue == LUA_TSTRING)
    #expect(LuaType.table.rawValue == LUA_TTABLE && LuaType.function.rawValue == LUA_TFUNCTION)
    #expect(LuaType.userdata.rawValue == LUA_TUSERDATA && LuaType.thread.rawValue == LUA_TTHREAD)
    #expect(LUA_VERSION_NUM == 504)
    #expect(mt_registry_index() == -1_001_000 && mt_upvalue_index(1) == -1_001_001)
  }

  @Test func debugReachesNothingThatNativeCodeTrusts() throws {
    let bench = try Bench()
    let things = LuaClass<LuaBox<Int>>("Thing")
    things.method("name") { box, call throws(LuaError) in call.results(box.value) }
    things.field("size", get: { box, call throws(LuaError) in call.results(box.value) })
    bench.state.register(things)
    bench.state.setGlobal("thing", bench.state.value(LuaBox(5), things))
    let values = try bench.values(
      """
      local meta = debug.getmetatable(thing)
      local _, t = debug.getupvalue(meta.__index, 1)
      local _, getters = debug.getupvalue(meta.__index, 2)
      local changed = pcall(function() getters.size = io.stdout return thing.size end)
      return t, getters, changed, thing.size, thing:name(), pcall(debug.setlocal, 1, 1, 2), pcall(debug.getlocal, 1, 1)
      """)
    #expect(Array(values.prefix(5)) == [.nil, .nil, false, 5, 5])
    // Every function that a traceback gives away, and every metamethod, called with anything.
    let outcome = try bench.run(
      """
      local function odd(f)
        for _, arguments in ipairs{ {}, { 1 }, { {} }, { thing }, { io.stdout, "x" }, { print, print, print } } do
          pcall(f, table.unpack(arguments))
          pcall(coroutine.wrap(f), table.unpack(arguments))
        end
      end
      local function look()
        for level = 0, 30 do
          local info = debug.getinfo(level, "fS")
          if not info then break end
          if info.what == "C" and info.func ~= pcall then odd(info.func) end
          for n = -3, 20 do
            pcall(debug.getlocal, level, n)
            -- As seen from in there.
            if info.what == "C" then assert(not pcall(debug.setlocal, level + 1, n, 1)) end
          end
        end
        return "x"
      end
      look()
      tostring(setmetatable({}, { __tostring = look }))
      local _ = ("ab"):gsub(".", look)
      pcall(look)
      coroutine.wrap(look)()
      for _, f in pairs(debug.getmetatable(thing)) do if type(f) == "function" then odd(f) end end
      local function mine() local a, b = 1, 2 return debug.getlocal(1, 2), (debug.setlocal(1, 1, 9)), a end
      return mine()
      """)
    #expect(outcome == .values(["b", "a", 9]) || outcome == .values(["b", 2, "a", 9]), "\(outcome)")
  }

  @Test func commandsAreRunAsLuaRunsThem() throws {
    let bench = try Bench()
    #expect(try bench.values("return os.execute()") == [true])
    #expect(try bench.values("return os.execute('exit 3')") == [.nil, "exit", 3])
    #expect(try bench.values("return os.execute('true')") == [true, "exit", 0])
    #expect(try bench.values("return os.execute('kill -9 $$')") == [.nil, "signal", 9])
    #expect(try bench.values("return os.execute('exit 127')") == [.nil, "exit", 127])
  }

  @Test func anInterruptWhileACommandRunsStrikesBehindIt() throws {
    let bench = try Bench()
    let interrupter = bench.state.interrupter
    bench.define("soon") { _ throws(LuaError) in
      interrupter.interrupt()
      return .none
    }
    let alarm = Alarm(interrupter)
    alarm.set(after: .milliseconds(100))
    #expect(try bench.error("while true do os.execute('sleep 0.3') end").code == "interrupted")
    _ = alarm.cancel()
  }

  /// Whoever allocates pays for finalizers: the program's own code does, too.
  @Test(arguments: [
    "while true do end", "while true do pcall(error) end",
    "coroutine.wrap(function() while true do end end)()",
    "local function f() pcall(f) pcall(f) end f()", "local function f() while true do pcall(f) end end f()",
    "local function f() pcall(f) xpcall(f, print) coroutine.wrap(f)() end f()",
    "sleep(1000)",
    "while true do sleep(0) end",
    "setmetatable({}, { __gc = function() while true do end end }) sleep(0.01) collectgarbage() while true do end",
  ]) func finalizersThatDoNotEndAreEnded(body: String) throws {
    let bench = try Bench()
    // Each of those takes its 3 s.
    let count = body.contains("sleep(") ? 1 : 40
    let duration = try seconds {
      try bench.run("for i = 1, \(count) do setmetatable({}, { __gc = function() \(body) end }) end")
      bench.state.collect()
      #expect(try bench.values("return 1 + 1") == [2])
    }
    // Nothing here would ever end by itself.
    #expect(duration < 100, "\(duration) s")
    let isTold = bench.printed.contains("took too long")
    #expect(body.contains("sleep(1000)") || isTold, "\(bench.printed)")
    // The next one has its time again.
    try bench.run("setmetatable({}, { __gc = function() print('whole') end }) collectgarbage()")
    #expect(bench.printed.contains("whole\n"), "\(bench.printed)")
  }
}
