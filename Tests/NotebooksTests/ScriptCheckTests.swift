import JSON
import Randomness
import Bindings
import Lua
import Notebooks
import Testing

@Suite struct ScriptCheckTests {
  /// `line:column: severity: message (hint)` of each finding.
  private static func findings(
    _ text: String, channels: ScriptCheck.Channels = .init(), parameters: [String] = []
  ) throws -> [String] {
    let state = try LuaState()
    defer { state.close() }
    let library = try Library(state)
    return withExtendedLifetime(library) {
      var check = ScriptCheck(state)
      check.channels = channels
      check.parameters = parameters
      return check.findings(in: Array(text.utf8)).map { finding in
        String(finding.description(file: "").dropFirst().prefix { $0 != "\n" })
      }
    }
  }

  @Test(arguments: [
    // Syntax, with Lua's words, the place, and help.
    ("x = = 1", ["1:5: error: unexpected symbol near '='"]),
    (
      "-- %% one\nx = 1\n\n-- %% two\nif x then\n  y = 2\n\n-- %% three\nz = (",
      [
        "6:8: error: 'end' expected (to close 'if' at line 1) near <eof> (the `if` of line 1 has no `end`; `else if` opens a second block, `elseif` does not)",
        "9:6: error: unexpected symbol near <eof>",
      ]
    ),
    (
      "if x == 1 the y = 2 end",
      ["1:11: error: 'then' expected near 'the' (the condition of `if` and `elseif` is followed by `then`)"]
    ),
    (
      "local é = 1",
      [
        "1:7: error: <name> expected near '<\\195>' (é (U+00E9, latin small letter e with acute) stands in column 7: names are made of a to z, A to Z, 0 to 9 and _)"
      ]
    ),
    ("s = 'ä' .. 'ö' x y", ["1:18: error: syntax error near 'y'"]),
    ("local x <const> = 1\nlocal y <cnst> = 2", ["2:10: error: unknown attribute 'cnst'"]),
    ("\u{1b}Lua", ["1:1: error: bytecode is refused (give the source)"]),
    // Names.
    ("pritn(1)", ["1:1: error: undefined global `pritn` (did you mean `print`?)"]),
    ("x = None", ["1:5: error: undefined global `None` (that is `nil` in Lua)"]),
    (
      "do local inner = 1 end\nprint(inner)",
      ["2:7: error: undefined global `inner` (the local of that name is out of sight here)"]
    ),
    (
      "function f() local hidden end print(hidden)",
      ["1:37: error: undefined global `hidden` (the local of that name is out of sight here)"]
    ),
    ("math.flor(2)", ["1:6: error: `math` has no `flor` (did you mean `floor`?)"]),
    ("bela.conect('sim')", ["1:6: error: `bela` has no `conect` (did you mean `connect`?)"]),
    ("bela:connect('sim')", ["1:6: error: `bela.connect` is called with a colon (write `bela.connect(…)`)"]),
    ("print(('x'):formt(1))", ["1:13: error: a string has no method `formt` (did you mean `format`?)"]),
    ("TimeSpan.SECND.x = 1", ["1:10: error: `TimeSpan` has no `SECND` (did you mean `SECOND`?)"]),
    // By flow: from a board to a streamer, a frame, a series.
    (
      "board = bela.connect()\nlocal s = board:streamer{ 'pot1' }\ns:strat()",
      ["3:3: error: a Streamer has no method `strat` (did you mean `start`?)"]
    ),
    (
      "s = bela.connect():streamer{}:start()\nfor f in s do print(f.pot1:maen()) end",
      ["2:28: error: a Series has no method `maen` (did you mean `mean`?)"]
    ),
    (
      "s = bela.connect():streamer{}\nfor f in s:frames{ max = 2 } do f.pot1:maen() end",
      ["2:40: error: a Series has no method `maen` (did you mean `mean`?)"]
    ),
    (
      "s = bela.connect():streamer{}\ns:on_frame(function(f) print(f.pot1.rte) end)",
      ["2:37: error: a Series has no `rte` (did you mean `rate`?)"]
    ),
    (
      "s = bela.connect():streamer{}\nlocal x = s.data.pot1 * 2\nx:rmss()",
      ["3:3: error: a Series has no method `rmss` (did you mean `rms`?)"]
    ),
    (
      "s = bela.connect():streamer{}\ns:data('pot1', 5):rmss()",
      ["2:19: error: a Series has no method `rmss` (did you mean `rms`?)"]
    ),
    (
      "s = bela.connect():streamer{}\ns.start()",
      ["2:3: error: `start` of a Streamer is called with a dot (write `:start(…)`)"]
    ),
    (
      "s = bela.connect():streamer{}\nf = s:read(1) or s:read(2)\nf:nams()",
      ["3:3: error: a Frame has no method `nams` (did you mean `names`?)"]
    ),
    (
      "s = bela.connect():streamer{}\ns.state = 1",
      ["2:3: error: the field `state` of a Streamer cannot be set"]
    ),
    (
      "s = bela.connect():streamer{}\nprint(s:state())", ["2:9: error: `state` is no method (write `.state`)"]
    ),
    (
      "local core = synnax.connect('sim')\nlocal w <close> = core:open_writer{ 't' }\nw:comit()",
      ["3:3: error: a Writer has no method `comit` (did you mean `commit`?)"]
    ),
    // Options.
    (
      "bela.connect{ hots = 'x' }",
      ["1:15: error: `bela.connect` has no option `hots` (did you mean `host`?)"]
    ),
    (
      "bela.connect():streamer{ 'a', bufer = 1 }",
      ["1:31: error: `Source:streamer` has no option `bufer` (did you mean `buffer`?)"]
    ),
    (
      "s = bela.connect():streamer{}\ns:start{ tiks = 5, span = 1 }",
      ["2:10: error: `Streamer:start` has no option `tiks` (did you mean `ticks`?)"]
    ),
    (
      "spawn{ nam = 'x', function() end }", ["1:8: error: `spawn` has no option `nam` (did you mean `name`?)"]
    ),
    // Channels that a streamer was not made with.
    (
      "s = bela.connect():streamer{ 'pot1', 'pot2' }\nfor f in s do print(f.pot3) end",
      ["2:23: warning: `pot3` is not among the channels of this streamer (did you mean `pot1`?)"]
    ),
    // Parameters.
    (
      "-- %% tags=[\"parameters\"]\nspan = 5\nrate = 2\n-- %%\nprint(rate)",
      ["2:1: warning: parameter `span` is never used"]
    ),
    // A doubt makes a warning of it.
    ("require 'm'\nfromthere()", ["2:1: warning: undefined global `fromthere`"]),
  ])
  func finds(_ text: String, _ expected: [String]) throws { #expect(try Self.findings(text) == expected) }

  @Test(arguments: [
    "", "#!/usr/bin/env moontide\nprint(1)", "math.pi + 1", "local x <const> = 1\n-- %%\nprint(x)", "= 1 + 1",
    "print(_, __, ___, In[1], Out[1], arg[1], ...)", "if DEBUG then print(1) end", "local v = maybe or 3",
    "print(maybe == nil, not maybe, type(maybe))", "function f() return later end later = 1",
    "local _ENV = { print = print } anything()", "_G.made = 1 print(made)",
    "function string.trim(s) return s end ('x'):trim()",
    "string.trim = 1 print(string.trim)", "setmetatable(_G, {}) print(1)",
    "local s = bela.connect():streamer{} s = s:start():stop() s.stop(s) pcall(s.stop, s)",
    "s = bela.connect():streamer{} s:update_channels{ 'x' } print(s.data.x, s.data['y'])",
    "local t = {} t.anything = 1 t:foo()", "s = unknown and bela.connect():streamer{} or nil",
    "local x = bela.connect() x = 5 x:foo()", "for _, f in ipairs{ 1 } do f:foo() end",
    "local t = every('1s', function() end) t:cancel()", "goto e ::e::", "local f = load('x = 1') f()",
    "-- %% [markdown]\n-- not = = Lua\n-- %%\nprint(1)",
    "-- %% a\nlocal function f(n) return n end\n-- %% b\nprint(f(1))",
    "local s <close> = bela.connect():streamer{} print(s.state)",
    "board = bela.connect() board:monitor{ pot1 = 100 }:start() board:set{ pot1 = 1 }",
    "core = synnax.connect{ host = 'x', password_env = 'P' } s = core:open_streamer('a') print(s:read(1).index)",
    "local f, why = bela.connect():streamer{}:read(2) print(why:upper())",
    "local ok, err = try(error) print(err.code)", "v = TimeSpan.SECOND * 2 print(v)",
  ])
  func findsNothingIn(_ text: String) throws { #expect(try Self.findings(text) == []) }

  /// What the reference shows is right, so it is clean.
  @Test func findsNothingInTheExamplesOfTheReference() throws {
    let setting = """
      board = bela.connect("sim")
      s = board:streamer{ "pot1", "pot2" }:start()
      frame = s:read(2)
      x = frame.pot1

      """
    for entry in Reference.entries {
      #expect(try Self.findings(setting + entry.example) == [], "\(entry.name)")
    }
  }

  /// Wherever the reference says that a channel's name stands, and nowhere else.
  @Test func knowsWhichArgumentsNameChannels() throws {
    var channels = ScriptCheck.Channels()
    channels.byKind["bela"] = ["pot1", "pot2"]
    channels.byKind["synnax"] = ["temp"]
    let text = """
      board = bela.connect()
      s = board:streamer{ "pot1" }:start()
      d = s:derive("power", function(f) return f.pot1 * 2 end)
      print(d:read().power, d:within("1s"):rises_above("power", 1))
      s:within("1s"):rises_above("pot9", 1)
      s:plot{ "pot8", open = false }
      print(s:read():get("pot7"), s:collect(5):get("pot1"))
      w = synnax.connect():open_writer{ "temp" }
      w:write{ temp = 1, tenp = 2 }
      """
    #expect(
      try Self.findings(text, channels: channels).map { String($0.prefix { $0 != "(" }) }
        == [
          "5:28: error: the board has no channel `pot9` ", "6:9: error: the board has no channel `pot8` ",
          "7:20: error: the board has no channel `pot7` ", "9:20: error: the core has no channel `tenp` ",
        ])
  }

  @Test func comparesChannelsWithThoseOfASource() throws {
    var channels = ScriptCheck.Channels()
    channels.byKind["bela"] = ["pot1", "pot2"]
    let text = """
      board = bela.connect()
      s = board:streamer{ "pot1", "pto2" }
      print(s.data.pot3, s.data["pot2"])
      board:monitor{ pot1 = 10, potl = 10 }
      core = synnax.connect()
      core:open_streamer{ "anything" }
      """
    #expect(
      try Self.findings(text, channels: channels)
        == [
          "2:29: error: the board has no channel `pto2` (did you mean `pot2`?)",
          "3:14: error: the board has no channel `pot3` (did you mean `pot1`?)",
          "3:27: warning: `pot2` is not among the channels of this streamer (did you mean `pot1`?)",
          "4:27: error: the board has no channel `potl` (did you mean `pot1`?)",
        ])
    channels.byKind["synnax"] = ["temp"]
    let made = """
      core = synnax.connect()
      core:create_channel{ name = "mine", data_type = "float32", virtual = true }
      w = core:open_writer{ "mine", "temp", "tepm" }
      print(core:read("1s", "tmp"))
      """
    #expect(
      try Self.findings(made, channels: channels) == [
        "3:39: error: the core has no channel `tepm` (did you mean `temp`?)",
        "4:23: error: the core has no channel `tmp` (did you mean `temp`?)",
      ])
    channels = .init()
    channels.anywhere = ["pot1"]
    #expect(
      try Self.findings("connect(where()):streamer{ 'pot2' } function where() end", channels: channels) == [
        "1:28: error: the source has no channel `pot2` (did you mean `pot1`?)"
      ])
  }

  @Test func comparesParametersWithTheCellThatHasThem() throws {
    let text = "-- %% tags=[\"parameters\"]\nspeed = 1\n-- %%\nprint(speed)"
    #expect(try Self.findings(text, parameters: ["speed"]) == [])
    #expect(
      try Self.findings(text, parameters: ["sped"]) == [
        "2:1: error: there is no parameter `sped` (did you mean `speed`?)"
      ])
    #expect(
      try Self.findings("print(1)", parameters: ["x"]).first?.contains("there are no parameters") ?? false)
  }

  @Test func aFindingShowsItsLine() throws {
    let state = try LuaState()
    defer { state.close() }
    let check = ScriptCheck(state)
    let finding = try #require(check.findings(in: Array("x = 1\n\tä = y".utf8)).first)
    #expect(finding.description(file: "a.lua").hasSuffix("  \tä = y\n  \t^"))
    #expect(finding.json(file: "a.lua")["line"] == 2)
  }

  /// Any bytes: it ends, in time, and places are inside the file.
  @Test func takesAnything() async throws {
    try await onThread {
      let state = try LuaState()
      let check = ScriptCheck(state)
      var random = SplitMix(seed: 3)
      var generator = LuaGenerator(seed: 8)
      for round in 0..<1_500 {
        let bytes =
          round % 3 == 0 ? Array(generator.program().utf8) : random.mutation(of: LuaCorpus.snippets)
        for finding in check.findings(in: bytes) {
          #expect(finding.line >= 1 && finding.column >= 1 && finding.endColumn >= finding.column)
          _ = finding.description(file: "x")
        }
      }
      // Variables that lead to one another on many ways.
      let ring = (1...300).map {
        "v\($0) = v\($0 % 300 + 1) or v\(($0 * 7) % 300 + 1) or v\(($0 * 11) % 300 + 1)"
      }
      _ = check.findings(in: Array(ring.joined(separator: "\n").utf8))
      state.close()
    }
  }
}
