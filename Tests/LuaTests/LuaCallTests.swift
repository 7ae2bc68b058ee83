import Lua
import Testing

@Suite struct LuaCallTests {
  final class Counter {
    var value: Int
    init(_ value: Int) { self.value = value }
  }

  static func bench() throws -> Bench {
    let bench = try Bench()
    let counters = LuaClass<Counter>("Counter")
    counters.method("add") { (counter, call) throws(LuaError) in
      counter.value += try call.integer(1)
      return call.argument(0)
    }
    counters.field("value") { (counter, call) throws(LuaError) in
      call.results(counter.value)
    } set: { (counter, call) throws(LuaError) in
      counter.value = try call.integer(2)
      return .none
    }
    counters.fallback { (counter, call) throws(LuaError) in
      if call.type(1) == .number { return call.results(counter.value + (try call.integer(1))) }
      return call.results("no " + (try call.string(1)))
    }
    counters.metamethod(.len) { (counter, call) throws(LuaError) in call.results(counter.value) }
    counters.metamethod(.tostring) { (counter, call) throws(LuaError) in call.results("<\(counter.value)>") }
    counters.metamethod(.call) { (counter, call) throws(LuaError) in call.results(call.count, counter.value) }
    counters.operator(.add) { call throws(LuaError) in
      var sum = 0
      for position in 1...2 {
        if let counter = call.ifObject(position, counters) {
          sum += counter.value
        } else {
          sum += try call.integer(position)
        }
      }
      return call.result(Counter(sum), counters)
    }
    bench.state.register(counters)
    let shared = Counter(7)
    bench.define("counter") { call throws(LuaError) in
      call.result(call.count == 0 ? shared : Counter(try call.integer(1)), counters)
    }
    bench.define("kinds") { call throws(LuaError) in
      switch call.count {
      case 1: call.results(try call.number(1))
      case 2: call.results(try call.integer(2))
      case 3: call.results(try call.string(3))
      case 4: call.results(try call.boolean(4))
      case 5: call.results(try call.object(5, as: Counter.self).value)
      default: call.results(try call.function(1))
      }
    }
    bench.define("start") { call throws(LuaError) in
      let options = try call.options(at: 1, allowed: ["span", "max", "quiet"])
      return call.results(
        try options.number("span"), try options.integer("max"), try options.boolean("quiet"),
        try options.strings())
    }
    bench.define("fail") { call throws(LuaError) in
      throw LuaError("refused", "the board said no", hint: "is it on?")
    }
    return bench
  }

  @Test(arguments: [
    ("kinds()", "bad argument #1 to 'kinds' (function expected, got no value)"),
    ("kinds({})", "bad argument #1 to 'kinds' (number expected, got table)"),
    ("kinds('x')", "bad argument #1 to 'kinds' (number expected, got string)"),
    ("kinds(1, 1.5)", "bad argument #2 to 'kinds' (number has no integer representation)"),
    ("kinds(1, 2, nil)", "bad argument #3 to 'kinds' (string expected, got nil)"),
    ("kinds(1, 2, 3, 4)", "bad argument #4 to 'kinds' (boolean expected, got number)"),
    ("kinds(1, 2, 3, 4, io.stdout)", "bad argument #5 to 'kinds' (Counter expected, got FILE*)"),
    ("counter():add('x')", "bad argument #1 to 'add' (number expected, got string)"),
    ("counter().add(5)", "calling 'add' on bad self (Counter expected, got number)"),
    ("counter().add()", "calling 'add' on bad self (Counter expected, got no value)"),
    ("start(5)", "bad argument #1 to 'start' (table expected, got number)"),
    ("start{ spam = 1 }", "'start' has no option 'spam'"),
    ("start{ span = 'x' }", "bad option 'span' to 'start' (number expected, got string)"),
    ("start{ max = 1.5 }", "bad option 'max' to 'start' (number has no integer representation)"),
    ("start{ 1 }", "bad option '1' to 'start' (string expected, got number)"),
    ("start{ [start] = 1 }", "'start' has no option whose key is a function"),
  ]) func namesTheArgumentThatIsWrong(_ source: String, _ message: String) throws {
    let error = try Self.bench().error(source)
    #expect(error.code == "argument")
    #expect(error.message == message)
    #expect(error.position == LuaFrame(source: "cell 1", line: 1, function: "main chunk"))
  }

  @Test func suggestsTheNearestName() throws {
    #expect(try Self.bench().error("start{ spam = 1 }").hint == "did you mean 'span'?")
    #expect(try Self.bench().error("start{ wholly = 1 }").hint == "options: span, max, quiet")
  }

  @Test func readsOptions() throws {
    #expect(
      try Self.bench().values(
        "local a, b, c, t = start{ 'x', 'y', span = 2.5, max = 3.0, quiet = false } return a, b, c, #t")
        == [2.5, 3, false, 2])
    #expect(
      try Self.bench().values("local a, b, c, t = start() return a, b, c, #t") == [.nil, .nil, .nil, 0])
  }

  @Test func objectsBehave() throws {
    let bench = try Self.bench()
    #expect(
      try bench.values("local c = counter(5) return c:add(2).value, c[10], c.nope, #c, tostring(c)")
        == [7, 17, "no nope", 7, "<7>"])
    #expect(
      try bench.values("local c = counter(5) c.value = 9 return c.value, (c + 1).value, (1 + c).value")
        == [9, 10, 10])
    #expect(try bench.values("return counter(4)(1, 2)") == [2, 4])
    #expect(
      try bench.values(
        "return counter() == counter(), counter(1) == counter(1), rawequal(counter(), counter())")
        == [true, false, false])
    #expect(try bench.values("return getmetatable(counter())") == [false])
    #expect(try bench.error("counter().nope = 1").bareMessage == "field 'nope' of a Counter cannot be set")
    #expect(try bench.error("setmetatable(counter(), {})").message.contains("table expected"))
    #expect(bench.state.class(for: Counter.self)?.methodNames == ["add"])
    #expect(bench.state.class(for: Counter.self)?.fieldNames == ["value"])
  }

  @Test func survivesAbuseThroughDebug() throws {
    let bench = try Self.bench()
    #expect(
      try bench.values(
        """
        local c = counter(5)
        local mt = debug.getmetatable(c)
        pcall(mt.__gc, io.stdout) pcall(mt.__gc, c) pcall(mt.__gc, c)
        return select("#", debug.getupvalue(counter, 1)), (pcall(c.add, c, 1)), (pcall(mt.__index, io.stdout, "value"))
        """) == [0, false, false])
    #expect(try bench.values("return counter(5).value") == [5])
  }

  @Test func errorsGoRoundWhole() throws {
    let bench = try Self.bench()
    let error = try bench.error("\nfail()")
    #expect(error.code == "refused" && error.message == "the board said no" && error.hint == "is it on?")
    #expect(error.position?.line == 2)
    #expect("\(error)" == "the board said no (is it on?)")
    #expect(
      try bench.values(
        """
        local ok, e = pcall(fail)
        return e.code, e.message, e.hint, tostring(e), "failed: " .. e, type(e)
        """) == [
          "refused", "the board said no", "is it on?", "the board said no (is it on?)",
          "failed: the board said no (is it on?)", "table",
        ])
    #expect(try bench.error("local ok, e = pcall(fail) error(e)").code == "refused")
    #expect(try bench.error("error{ code = 'mine', message = 'm', hint = 'h' }").hint == "h")
    #expect(try bench.error("error('boom')").message == "cell 1:1: boom")
    #expect(try bench.error("error('boom')").bareMessage == "boom")
    #expect(
      try bench.error("error(setmetatable({}, { __tostring = function() return 'me' end }))").message == "me")
    #expect(try bench.error("error()").message == "nil")
    let value = try #require(try bench.values("thrown = {} return thrown").first)
    guard case .failed(_, let thrown) = try bench.run("error(thrown)") else { return }
    #expect(bench.state.areSame(thrown, value))
  }

  @Test func tracesBack() throws {
    let error = try Self.bench().error(
      "local function inner()\n  fail()\nend\nlocal function outer()\n  inner()\nend\nouter()")
    #expect(error.traceback.map(\.line) == [-1, 2, 5, 7, -1].prefix(error.traceback.count).map { $0 })
    #expect(error.traceback.dropFirst().first?.function == "inner")
    #expect(error.traceback.first?.isNative == true)
  }

  /// Lua's stacks end at a million values; a native function that finds no room raises.
  @Test func aFullStackIsAnError() throws {
    let bench = try Bench()
    bench.define("native") { call throws(LuaError) in call.results(call.count) }
    bench.define("fails") { _ throws(LuaError) in throw LuaError("no", "no", hint: "no") }
    bench.define("objects") { call throws(LuaError) in call.results(call.values(from: 1).count) }
    let state = bench.state
    bench.define("calls") { call throws(LuaError) in
      let results = try state.call(try call.function(1), call.values(from: 2))
      return call.results(results.count)
    }
    let script = """
      local function list(n) local t = {} for i = 1, n do t[i] = t end return t end
      local big = list(999990)
      local kinds = {}
      for _, f in ipairs{ native, fails, objects, calls } do
        for _, n in ipairs{ 10, 999000, 999900, 999960, 999970, 999980, 999990 } do
          for _, run in ipairs{ function(g) return g() end, function(g) return coroutine.wrap(g)() end } do
            local ok, err = pcall(run, function() return f(table.unpack(big, 1, n)) end)
            if not ok then kinds[tostring(err):match("stack overflow") or tostring(err)] = true end
          end
        end
      end
      local function deep(n, f) if n == 0 then return f() end local r = deep(n - 1, f) return r end
      for n = 199000, 199999, 101 do pcall(deep, n, fails) end
      for n = 124000, 125000, 101 do pcall(deep, n, native) end
      return kinds["stack overflow"], pcall(calls, function() return table.unpack(big, 1, 999900) end)
      """
    let values = try bench.values(script)
    #expect(values.first == true && values.count >= 2)
    #expect(try bench.values("return native(1)") == [1])
  }
}
