import Lua
import Notebooks
import Testing

@Suite struct ErrorHintsTests {
  /// What people type, and what they should read: with the messages that Lua really gives.
  @Test(arguments: [
    ("t = { 'a' }\nprint(t[0].x)", "positions begin at 1"),
    ("t = { 'a' }\nt[0]()", "positions begin at 1"),
    ("io.stdout.write('a')", "a method is called with a colon: `stdout:write(…)`"),
    ("s = 'abc'\ns.upper()", "a method is called with a colon: `s:upper(…)`"),
    ("math:floor2(1.5)", "a library function is called with a dot: `math.floor2(…)`"),
    ("if true print(1) end", "followed by `then`"), ("x = 1\nif x = 1 then end", "followed by `then`"),
    ("while true print(1) end", "a loop is written"), ("for i = 1, 2 print(i) end", "a loop is written"),
    ("if true then\n  print(1)\n", "has no `end`"),
    ("if a != b then end", "\"not equal\" is `~=`"), ("x = 1\nx += 1", "Lua has no `+=`"),
    ("x = 1\nx ..= 'a'", "Lua has no `..=`"),
    ("if a && b then end", "write `and` for `&&`"), ("if a || b then end", "write `or` for `||`"),
    ("if !a then end", "write `not x` for `!x`"),
    ("x = 1\nx++", "Lua has no `++`"), ("if x == 1 then elif x then end", "elseif"),
    ("x = [1, 2]", "tables are written with braces"),
    ("// comment", "a comment begins with `--`"), ("x = a ? 1 : 2", "Lua has no `? :`"),
    ("print(None.x)", "`None` is `nil` in Lua"), ("x = 1 + null", "`null` is `nil` in Lua"),
    ("str(1)", "`str` is `tostring` in Lua"),
    ("x = 'a' + 1", "strings are joined with `..`"), ("x = 1\nprint 'a' .. x", "joins what print returns"),
    ("x = 1\ny = x..2..1", "put a blank"), ("pritn(1)", "did you mean `print`?"),
    ("tabel.insert({}, 1)", "did you mean `table`?"),
    ("print('a' .. name)", "`name` is nil here"),
    ("local x = { pot1 = 1 }\nprint(x[0] + 1)", "positions begin at 1"),
    ("config.host.name()", "`config` is nil here"), ("x = {}\nx.a.b = 1", "`a` is nil here"),
    ("x = {}\nx:go()", "no method `go`"),
    ("def f(x): return x", "function name(a, b)"), ("local x = 5\nx = y < 1", "one of the compared values"),
    ("error('the streamer was not started')", "start the streamer first"),
  ])
  func helpsWithCommonMistakes(_ source: String, _ expected: String) throws {
    let bench = try Bench()
    // At the prompt an open block is no error; in a file it is.
    let file = NotebookFile(Array(source.utf8))
    let error = try #require(bench.session.run(file, name: "x.lua").error)
    #expect(error.hints.contains { $0.contains(expected) }, "\(error.description)")
    #expect(error.hints.count <= 3)
  }

  @Test(arguments: [
    "error('boom')", "error({ code = 'x', message = 'y' })", "assert(false)", "local t = {} t[nil] = 1",
  ])
  func saysNothingWhereItKnowsNothing(_ source: String) throws {
    let bench = try Bench()
    bench.run(source)
    #expect(bench.display.errors.first?.hints == [])
  }

  @Test func takesAnyText() {
    var random = SplitMix(seed: 31)
    let pieces = [
      "bad argument #1 to 'x'", "(global 'a')", "'end' expected (to close 'if' at line 3) near <eof>",
      "t[0].x:y()",
    ]
    for _ in 0..<1_000 {
      let (a, b) = (random.mutation(of: pieces), random.mutation(of: pieces))
      let hints = ErrorHints.hints(
        message: String(decoding: a, as: UTF8.self), line: String(decoding: b, as: UTF8.self),
        names: ["print"])
      #expect(hints.count <= 2)
    }
  }
}
