import Notebooks
import Testing

@Suite struct CellSourceTests {
  /// What is tried, in order, when nothing compiles.
  private func candidates(_ text: String) -> [String] {
    var tried: [String] = []
    _ = CellSource(Array(text.utf8)).plan {
      tried.append(
        String(decoding: $0, as: UTF8.self).replacing("local _cell <close> = nil return ", with: "RETURN "))
      return .failed("x:1: no")
    }
    return tried
  }

  @Test(arguments: [
    ("1 + 1", ["RETURN 1 + 1", "1 + 1"]),
    ("= 1", ["RETURN   1"]),
    ("x = 1\nx + 1", ["RETURN x = 1\nx + 1", "x = 1\nx + 1", "x = 1\nRETURN x + 1"]),
    ("x = 1; x", ["RETURN x = 1; x", "x = 1; x", "x = 1; RETURN x"]),
    ("x = 1; x;", ["RETURN x = 1; x;", "x = 1; x;", "x = 1; RETURN x;"]),
    ("a = f\n(g)(x)", ["RETURN a = f\n(g)(x)", "a = f\n(g)(x)"]),
    ("a = 1\n(g)(x)", ["RETURN a = 1\n(g)(x)", "a = 1\n(g)(x)", "a = 1\nRETURN (g)(x)"]),
    ("a = f 'x'\n'y'", ["RETURN a = f 'x'\n'y'", "a = f 'x'\n'y'"]),
    ("a = 'x'\n'y'", ["RETURN a = 'x'\n'y'", "a = 'x'\n'y'", "a = 'x'\nRETURN 'y'"]),
    (
      "if a then b() end\n-1",
      ["RETURN if a then b() end\n-1", "if a then b() end\n-1", "if a then b() end\nRETURN -1"]
    ),
    ("a = function() end\n-1", ["RETURN a = function() end\n-1", "a = function() end\n-1"]),
    ("f()\nfor i = 1, 2 do end", ["RETURN f()\nfor i = 1, 2 do end", "f()\nfor i = 1, 2 do end"]),
    ("local x\nx", ["RETURN   x=nil\nx", "  x=nil\nx", "  x=nil\nRETURN x", "local x\nx"]),
    ("goto e ::e:: {}", ["RETURN goto e ::e:: {}", "goto e ::e:: {}", "goto e ::e:: RETURN {}"]),
    ("#!/bin/x\ny", ["RETURN --/bin/x\ny", "--/bin/x\ny"]),
  ])
  func triesExpressionsBeforeStatements(_ text: String, _ expected: [String]) {
    #expect(candidates(text) == expected)
  }

  @Test(arguments: [
    ("x;", true), ("x; -- c", true), ("x", false), ("';'", false), ("-- ;", false), ("", false),
  ])
  func aTrailingSemicolonIsQuiet(_ text: String, _ quiet: Bool) {
    #expect(CellSource(Array(text.utf8)).isQuiet == quiet)
  }

  @Test(arguments: [
    ("", CellInput.empty), (" \n", .empty), ("name?", .help("name")), ("?name", .help("name")),
    ("a.b?", .help("a.b")),
    ("s:read ?", .help("s:read")), ("s??", .help("s")), ("?", .help("")), ("\"pot1\"?", .help("pot1")),
    ("t[1].x?", .help("t[1].x")),
    (":save?", .help(":save")), (":vars", .command(name: "vars", arguments: "")),
    (" :save  a.lua 1-3 \n", .command(name: "save", arguments: "a.lua 1-3")),
    ("for?", .help("for")),
  ])
  func tellsQuestionsAndCommandsFromLua(_ text: String, _ expected: CellInput) {
    #expect(CellInput(Array(text.utf8)) == expected)
  }

  @Test(arguments: ["::a::", ":1", "f(x)?", "x = '?", "'a' .. 'b?'", "-- why?", "a . ?", ":a.b"])
  func leavesTheRestToLua(_ text: String) {
    #expect(CellInput(Array(text.utf8)) == .code(CellSource(Array(text.utf8))))
  }
}
