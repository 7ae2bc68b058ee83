import Randomness
import Foundation
import Lua
import Notebooks
import Testing

@Suite struct SessionTests {
  /// Cells in order, and what each shows.
  private func check(_ cells: [(String, [String])]) throws {
    let bench = try Bench()
    for (cell, expected) in cells { #expect(bench.run(cell) == expected, "\(cell)") }
  }

  @Test func echoesTheLastExpression() throws {
    try check([
      ("1 + 1", ["[1]= 2"]), ("x = 1\nx + 1", ["[2]= 2"]), ("x = 5", []), ("x", ["[4]= 5"]), ("x;", []),
      ("= x, nil, 'a'", ["[6]= 5, nil, \"a\""]),
      ("return 7", ["[7]= 7"]), ("nil", ["[8]= nil"]), ("print('a')", []), ("-- nothing", []),
      ("x = 1; x", ["[10]= 1"]),
      ("'text'", ["[11]= text"]), ("if x then y = 2 end -1", ["[12]= -1"]),
      ("(function() return 1, 2 end)()", ["[13]= 1, 2"]),
    ])
  }

  @Test func localsLiveOn() throws {
    try check([
      ("local x = 1", []), ("x", ["[2]= 1"]), ("local function f(n) return n == 0 and x or f(n - 1) end", []),
      ("x = 9; f(3)", ["[4]= 9"]),
      ("local x <const> = 5; x = x + 1", []), ("x", ["[6]= 6"]), ("local x", []), ("x", ["[8]= nil"]),
      ("local a, a = 1, 2", []), ("a", ["[10]= 2"]),
      ("local a, b = 3", []), ("a, b", ["[12]= 3, nil"]), ("do local a = 1 end a", ["[13]= 3"]),
    ])
  }

  @Test func closesAtTheEndOfTheCell() throws {
    let bench = try Bench()
    bench.run(
      "closed = 0 function new() return setmetatable({}, { __close = function() closed = closed + 1 end }) end"
    )
    #expect(
      bench.run("local s <close> = new()\nlocal t = s; closed") == [
        "note: `s` closes at the end of this cell and is not there in the next", "[2]= 0",
      ])
    #expect(bench.run("closed, s, t ~= nil") == ["[3]= 1, nil, true"])
  }

  @Test func keepsInputsAndOutputs() throws {
    try check([
      ("10", ["[1]= 10"]), ("20", ["[2]= 20"]), ("_ + __", ["[3]= 30"]), ("Out[1] + Out[3]", ["[4]= 40"]),
      ("___, _", ["[5]= 20, 40"]),
      ("In[1], #In", ["[6]= \"10\", 6"]),
    ])
  }

  @Test func errorsNameCellLineAndText() throws {
    let bench = try Bench()
    bench.run("function f()\n  error('boom')\nend")
    #expect(
      bench.run("local y = 1\nf()") == [
        "cell 1, line 2: boom\n    error('boom')\n  from cell 2, line 2\n    f()"
      ])
    let error = try #require(bench.display.errors.first)
    #expect(error.source == "cell 1" && error.line == 2 && error.cell == 2 && error.code == "error")
    #expect(error.traceback.map(\.function) == ["f", nil])
    #expect(bench.run("x = 1\ny = = 2") == ["cell 3, line 2: unexpected symbol near '='\n    y = = 2"])
    #expect(
      bench.run("pritn('a')") == [
        "cell 4, line 1: attempt to call a nil value (global 'pritn')\n    pritn('a')\n  did you mean `print`?\n  `pritn` is nil here"
      ])
    #expect(
      bench.run("error({ code = 'mine', message = 'hello', hint = 'do this' })") == [
        "cell 5, line 1: hello\n    error({ code = 'mine', message = 'hello', hint = 'do this' })\n  do this"
      ])
    #expect(bench.run("error()").count == 1)
    #expect(bench.run("1 + 1") == ["[7]= 2"])
  }

  @Test func judgesCompletenessAsLuaDoes() throws {
    let session = try Bench().session
    for (text, complete) in [
      ("1 + 1", true), ("1 +", false), ("for i = 1, 2 do", false), ("x = = 1", true), ("f(", false),
      ("s = [[", false), ("--[[", false),
      ("x = 1\nx +", false), ("name?", true), (":save", true), ("", true), ("local x <close> = f(", false),
      ("if x then", false), ("end", true),
      ("function f() return 1", false), ("return", true), ("= 1 +", false),
    ] {
      #expect(session.isComplete(Array(text.utf8)) == complete, "\(text)")
    }
    #expect(session.nextNumber == 1)
  }

  @Test func anIncompleteCellUsesNoNumber() throws {
    let bench = try Bench()
    guard case .incomplete = bench.session.run(Cell("for")).result else { return #expect(Bool(false)) }
    #expect(bench.run("1") == ["[1]= 1"])
  }

  @Test func syntaxErrorsChooseTheReadingThatGotFurther() throws {
    let bench = try Bench()
    for (cell, message) in [
      ("1 +* 2", "unexpected symbol near '*'"), ("fro i = 1, 10 do end", "syntax error near 'i'"),
      ("if x = 1 then end", "'then' expected near '='"),
      ("x = 1\ny +* 2", "unexpected symbol near '*'"), ("foo bar", "syntax error near 'bar'"),
      ("= 1 2", "<eof> expected near '2'"),
    ] {
      bench.run(cell)
      #expect(bench.display.errors.last?.message == message, "\(cell)")
      #expect(bench.display.errors.last?.isSyntax == true)
    }
  }

  @Test func fileErrorsNameFileAndLine() throws {
    let bench = try Bench()
    let file = NotebookFile(
      Array(
        "#!/usr/bin/moontide\n-- %% a\nlocal x = 1\n\n-- %% b\nlocal y = x + 1\nerror('no')\n-- %% c\nz = 1\n"
          .utf8))
    let result = bench.session.run(file, name: "lab/run.lua")
    #expect(result.error?.description == "lab/run.lua:7: no\n    error('no')" && result.outcomes.count == 2)
    #expect(bench.state.global("y") == 2 && bench.state.global("z").isNil)
    #expect(bench.session.run(file, name: "run.lua", keepGoing: true).outcomes.count == 3)
    #expect(bench.state.global("z") == 1)
    let cut = NotebookFile(Array("\n\nfor i = 1, 2 do\n".utf8))
    #expect(
      bench.session.run(cut, name: "cut.lua").error?.message
        == "'end' expected (to close 'for' at line 3) near <eof>")
    let long = String(repeating: "d/", count: 60) + "x.lua"
    #expect(bench.session.run(file, name: long).error?.traceback.first?.text == "error('no')")
  }

  @Test func parametersReplaceTheDefaults() throws {
    let bench = try Bench()
    let file = NotebookFile(
      Array("-- %% tags=[\"parameters\"]\nhost, rate = 'a', 1\n-- %%\nreturn host, rate, ...".utf8))
    let parameters = ["host=sim", "rate=0x10"].compactMap(Parameter.init)
    #expect(bench.session.run(file, name: "p.lua", parameters: parameters, arguments: ["arg"]).error == nil)
    #expect(bench.display.take() == ["[2]= \"sim\", 16, \"arg\""])
    let wrong = bench.session.run(file, name: "p.lua", parameters: [try #require(Parameter("hots=1"))])
    #expect(wrong.error?.code == "parameter" && wrong.outcomes.count == 1)
    let bare = bench.session.run(NotebookFile(Array("x = 1".utf8)), name: "q.lua", parameters: parameters)
    #expect(bare.error?.code == "parameter" && bare.outcomes.isEmpty)
  }

  @Test func parametersAreTypedAsLua() {
    let cases: [(String, LuaValue)] = [
      ("x=1", 1), ("x=-2", -2), ("x=1.5", 1.5), ("x=.5", 0.5), ("x=3.", 3.0), ("x=1e3", 1000.0),
      ("x=0xff", 255),
      ("x=0x.8p1", 1.0), ("x=9223372036854775808", 9223372036854775808.0), ("x=true", true), ("x='1'", "1"),
      ("x=sim", "sim"),
      ("x=a b", "a b"), ("x=", ""), ("x=1 2", "1 2"), ("x=-true", "-true"), ("x=0xffffffffffffffff", -1),
    ]
    for (text, expected) in cases { #expect(Parameter(text)?.value == expected, "\(text)") }
    for text in ["1x=2", "x", "end=1"] { #expect(Parameter(text) == nil) }
  }

  @Test func exitAndStatistics() throws {
    let bench = try Bench()
    guard case .exit(3) = bench.session.run(Cell("os.exit(3)")).result else { return #expect(Bool(false)) }
    var samples = 5
    bench.session.samplesReceived = {
      defer { samples += 10 }; return samples
    }
    let outcome = bench.session.run(Cell("for i = 1, 1e5 do end"))
    #expect(
      outcome.statistics.samples == 10 && outcome.statistics.cpu > .zero && outcome.statistics.wall > .zero)
  }

  @Test func interruptsAndMemoryErrorsLeaveTheSessionAlive() async throws {
    try await onThread {
      let bench = try Bench(memoryLimit: 32 << 20)
      let interrupter = bench.state.interrupter
      for runaway in [
        "while true do pcall(function() while true do end end) end",
        "local t <close> = nil; f = nil; repeat until f",
      ] {
        Thread.detachNewThread {
          Thread.sleep(forTimeInterval: 0.02)
          interrupter.interrupt()
        }
        // It may come before the cell has begun: then it strikes at its first instruction.
        bench.run("-- a line\n" + runaway)
        let error = try #require(bench.display.errors.last)
        #expect(error.isInterrupt && error.hints.isEmpty && error.line == 2)
      }
      bench.run("local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end")
      #expect(bench.display.errors.last?.code == "memory")
      #expect(bench.run("t = nil collectgarbage() return 1 + 1").last == "[4]= 2")
    }
  }

  @Test func outputOfTasksCarriesTheirName() throws {
    let bench = try Bench()
    let spawned = try bench.state.load("print('from a task')", chunkName: "=cell 9")
    bench.state.scheduler.spawn(spawned, name: "watch")
    bench.run("print('from the cell')")
    bench.state.scheduler.runReady()
    #expect(bench.display.output.map(\.task) == [nil, "watch"])
    #expect(bench.display.output.map(\.text) == ["from the cell\n", "from a task\n"])
  }

  @Test func theLastCellOfAFileKeepsItsLocals() throws {
    func globals(_ text: String, isAll: Bool) throws -> [Bool] {
      let bench = try Bench()
      let outcome = bench.session.run(NotebookFile(Array(text.utf8)), name: "a.lua", isAll: isAll)
      #expect(outcome.error == nil, "\(outcome.error?.message ?? "")")
      return ["x", "y"].map { !bench.state.global($0).isNil }
    }
    #expect(try globals("local x = 1", isAll: true) == [false, false])
    #expect(try globals("local x = 1", isAll: false) == [true, false])
    #expect(
      try globals("-- %%\nlocal x = 1\n-- %%\nlocal y = x\n-- %% [markdown]\n-- end", isAll: true) == [
        true, false,
      ])
    #expect(try globals("-- %% tags=[\"parameters\"]\nlocal x = 1", isAll: true) == [true, false])
    // More locals than a function of Lua may have.
    let many = (1...300).map { "local v\($0) = \($0)" }.joined(separator: "\n") + "\nlocal x = v300"
    #expect(try globals(many, isAll: true) == [true, false])
  }

  /// What compiles goes on compiling, or what it was is kept; with the real compiler.
  @Test func promotionKeepsWhatCompiles() throws {
    let state = try LuaState()
    func compiles(_ bytes: [UInt8]) -> Bool { (try? state.load(bytes, chunkName: "=x")) != nil }
    for snippet in LuaCorpus.snippets { #expect(compiles(Array(snippet.utf8)), "\(snippet)") }
    var random = SplitMix(seed: 5)
    var counts = (good: 0, bad: 0)
    for _ in 0..<4_000 {
      let bytes = random.mutation(of: LuaCorpus.snippets)
      let text = String(decoding: bytes, as: UTF8.self)
      guard compiles(bytes) else {
        counts.bad += 1
        continue
      }
      counts.good += 1
      let promoted = LocalPromotion(bytes).source
      #expect(
        compiles(promoted),
        "\(text.debugDescription) -> \(String(decoding: promoted, as: UTF8.self).debugDescription)")
    }
    #expect(counts.good > 500 && counts.bad > 500)
  }
}
