import Randomness
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

  /// What nobody sees, and what looks like something else, in every place where it may stand.
  @Test(arguments: [
    ("x =\u{A0}5", "a no-break space (U+00A0) stands in column 4, where Lua wants a plain blank"),
    ("\tx = 5\u{200B}", "a zero width space (U+200B) stands in column 7: take it away"),
    ("x = 1\u{2028}y = 2", "a line separator (U+2028) stands in column 6"),
    ("x\u{200D} = 1", "a zero width joiner (U+200D) stands in column 2"),
    ("日 = 1", "日 (U+65E5, cjk unified ideograph-65e5) stands in column 1: names are made of"),
    ("-- ok\nprint(“hi”)", "“ is no quote of Lua: write \" or ' (U+201C in column 7)"),
    ("s = '日' .. ‘a’", "‘ is no quote of Lua"), ("print(\"hi”)\nx = 1", "” is no quote of Lua"),
    ("x = `a`", "` is no quote of Lua"),
    ("x = 5 \u{2212} 3", "\u{2212} is no minus of Lua: write - (U+2212 in column 7)"),
    ("x = 5 – 3", "– is no minus"),
    ("x = 2 × 3", "× is no symbol of Lua: write *"), ("if x ≠ 1 then end", "write ~="), ("f（1）", "write ("),
    ("function f(…) end", "write ..."),
    ("\u{430} = 1", "\u{430} (U+0430, cyrillic small letter a) stands in column 1: names are made of"),
    ("größe = 1", "ö (U+00F6, latin small letter o with diaeresis) stands in column 3"),
    ("x = 5 €", "outside of strings Lua has no such sign"),
  ])
  func namesCharactersThatLuaDoesNotTake(_ source: String, _ expected: String) throws {
    let bench = try Bench()
    bench.run(source)
    let typed = try #require(bench.display.errors.first)
    #expect(typed.hints.first?.contains(expected) == true, "\(typed.description)")
    let file = NotebookFile(Array(source.utf8))
    let inFile = try #require(bench.session.run(file, name: "x.lua").error)
    #expect(inFile.hints.first?.contains(expected) == true, "\(inFile.description)")
    let checked = ScriptCheck(bench.state).findings(in: Array(source.utf8))
    #expect(checked.first?.hint?.contains(expected) == true, "\(checked)")
  }

  @Test func whatIsNoUTF8IsSaid() throws {
    let bench = try Bench()
    bench.session.run(Cell(Array("x =".utf8) + [0xA0] + Array("5".utf8)))
    #expect(
      bench.display.errors.first?.hints == ["the byte 0xA0 in column 4 is no UTF-8: save the file as UTF-8"])
  }

  @Test func anInvisibleCharacterIsShownInItsLine() throws {
    let bench = try Bench()
    bench.run("x =\u{A0}5\u{200B}\u{2028}")
    #expect(bench.display.errors.first?.traceback.first?.text == "x =\\u{A0}5\\u{200B}\\u{2028}")
    let finding = try #require(ScriptCheck(bench.state).findings(in: Array("\tab\u{A0}c = 1".utf8)).first)
    let lines = finding.description(file: "f").split(separator: "\n")
    #expect(lines.dropFirst().map(String.init) == ["  \tab\\u{A0}c = 1", "  \t  ^^^^^^"])
    // Where they do no harm they are let alone.
    bench.run("x = 'a\u{A0}b' error('10\u{A0}V')")
    #expect(bench.display.errors.last?.message == "10\u{A0}V")
    #expect(bench.run("{ '\u{A0}\u{3000}' }") == ["[3]= { \"\\u{A0}\u{3000}\" }"])
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
