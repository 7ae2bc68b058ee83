import Lua
import Notebooks
import Testing

@Suite struct PrinterTests {
  @Test(arguments: [
    ("1", "1"), ("1.0", "1.0"), ("0.1", "0.1"), ("1e100", "1e+100"), ("1/0", "inf"), ("-1/0", "-inf"),
    ("0/0", "nan"), ("-0.0", "-0.0"),
    ("math.mininteger", "-9223372036854775808"), ("math.maxinteger", "9223372036854775807"),
    ("2^53", "9007199254740992.0"),
    ("'a\\tb\\27[31m'", "a\tb\\27[31m"), ("'\\xff\\0001'", "\\xFF\\x001"), ("'\\u{202E}x'", "\\u{202E}x"),
    ("'ü€😀'", "ü€😀"),
    ("{}", "{}"), ("{1, 2.5, 'a', true}", "{ 1, 2.5, \"a\", true }"),
    (
      "{b = 1, a = 2, [10] = 3, ['x y'] = 4, [true] = 5, [1.5] = 6}",
      "{ [1.5] = 6, [10] = 3, a = 2, b = 1, [\"x y\"] = 4, [true] = 5 }"
    ),
    ("{1, nil, 3}", "{ 1, [3] = 3 }"), ("{['end'] = 1}", "{ [\"end\"] = 1 }"),
    ("{{{}}, {1}}", "{ { {} }, { 1 } }"),
    ("{'q\"\\n\\\\'}", "{ \"q\\\"\\n\\\\\" }"),
    ("(function() local t = {} t.self = t return t end)()", "{ self = <cycle> }"),
    ("(function() local t = {1} return {t, t} end)()", "{ { 1 }, { 1 } }"),
    ("{{{{{{1}}}}}}", "{ { { { { {…} } } } } }"),
    ("setmetatable({}, {__tostring = function() return 'mine\\nmore' end})", "mine\nmore"),
    ("{setmetatable({}, {__tostring = function() return 'mine\\nmore' end})}", "{ mine… }"),
    ("setmetatable({a = 1}, {__name = 'Point'})", "Point { a = 1 }"),
    (
      "setmetatable({}, {__index = function() error('no') end, __len = error, __pairs = error, __metatable = 1})",
      "{}"
    ),
    ("setmetatable({a = 1}, {__name = {}})", "{ a = 1 }"),
  ])
  func showsValues(_ source: String, _ expected: String) throws {
    #expect(try Bench().run(source) == ["[1]= \(expected)"])
  }

  @Test func wrapsWhatIsTooWide() throws {
    let text = try Bench().run("{ name = ('x'):rep(50), list = { ('y'):rep(50), 2 }, z = 1 }")
    #expect(
      text == [
        """
        [1]= {
          list = { "\(String(repeating: "y", count: 50))", 2 },
          name = "\(String(repeating: "x", count: 50))",
          z = 1
        }
        """
      ])
  }

  /// Each answers within 0.2 s, in bounds, and the session works on.
  @Test(arguments: [
    "setmetatable({}, {__tostring = function() while true do end end})",
    "setmetatable({}, {__tostring = function() while true do pcall(function() while true do end end) end end})",
    "setmetatable({}, {__tostring = function() error(setmetatable({}, {__tostring = function() while true do end end})) end})",
    "setmetatable({}, {__tostring = function() return 1 end})",
    "setmetatable({}, {__tostring = function() return ('x'):rep(1e7) end})",
    "setmetatable({}, {__tostring = error})",
    "setmetatable({}, {__tostring = 1})",
    "setmetatable({}, {__tostring = function(t) return tostring(t) end})",
    "(function() local t = {} for i = 1, 300 do t[i] = setmetatable({}, {__tostring = function() while true do end end}) end return t end)()",
    "(function() local t = {} for i = 1, 1000 do t = {t, t} end return t end)()",
    "(function() local t = {} for i = 1, 3000 do t[i] = {{{{1}}}} end return t end)()",
    "(function() local t = {} for i = 1, 3000 do t['k' .. i] = ('v'):rep(300) end return t end)()",
    "('x'):rep(1e7)", "print, coroutine.create(print), io.stdout", "table.unpack({}, 1, 200)",
  ])
  func answersInTimeAndBounds(_ source: String) throws {
    let bench = try Bench()
    bench.run("value = " + source)
    _ = bench.display.take()
    let value = bench.state.global("value")
    let start = Measurement(samples: 0)
    let text = bench.session.printer.text(value)
    // Of this thread alone: what else the machine does is not the printer's.
    #expect(start.elapsed(samples: 0).cpu < .seconds(1))
    #expect(!text.isEmpty && text.utf8.count < 40_000)
    #expect(bench.run("1 + 1").last?.hasSuffix("= 2") == true)
  }

  @Test func tenMillionEntriesTakeNoTime() throws {
    let bench = try Bench()
    bench.run("t = table.pack(string.byte(('x'):rep(1e5), 1, 1e5)) for i = #t + 1, 1e7 do t[i] = i end;")
    let start = Measurement(samples: 0)
    let text = bench.run("t").joined()
    #expect(start.elapsed(samples: 0).cpu < .seconds(1))
    #expect(text.contains("… (9999900 more)"))
  }

  @Test func ownRenderingsComeFirst() throws {
    let bench = try Bench()
    bench.session.printer.rendering = { if case .userdata = $0 { "a picture\nof it" } else { nil } }
    #expect(bench.run("io.stdout") == ["[1]= a picture\nof it"])
    #expect(bench.run("{io.stdout}") == ["[2]= { a picture… }"])
  }
}
