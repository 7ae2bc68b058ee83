import Randomness
import Lua
import Notebooks
import Testing

@Suite struct CompletionTests {
  private typealias Kind = CompletionContext.Kind
  private typealias Call = CompletionContext.Call

  /// `|` is the cursor.
  private func context(_ text: String) -> CompletionContext {
    let bytes = Array(text.utf8)
    let cursor = bytes.firstIndex(of: UInt8(ascii: "|")) ?? bytes.count
    return CompletionContext(bytes, cursor: cursor)
  }

  @Test func tellsWhatIsBeingTyped() {
    let start = Call(path: [.name("s")], method: "start")
    let streamer = Call(path: [.name("board")], method: "streamer")
    let cases: [(String, Kind, String)] = [
      ("pri|", .global, "pri"), ("|", .global, ""), ("x = pr| + 1", .global, "pr"),
      ("if x then pr|", .global, "pr"),
      ("a.b.c|", .field(of: [.name("a"), .name("b")]), "c"), ("a.|", .field(of: [.name("a")]), ""),
      ("a . b|", .field(of: [.name("a")]), "b"),
      ("a[1]['k'].x|", .field(of: [.name("a"), .index(1), .name("k")]), "x"),
      ("s:re|", .method(of: [.name("s")]), "re"),
      ("x = s:|", .method(of: [.name("s")]), ""), ("f().x|", .none, "x"), ("s:m().x|", .none, "x"),
      ("('a'):up|", .none, "up"), ("a[i].x|", .none, "x"),
      (":sa|", .command, "sa"), (":|", .command, ""),
      (":load exa|", .commandArgument(command: "load"), "exa"),
      (":save a.lua |", .commandArgument(command: "save"), ""),
      ("::la|", .global, "la"), ("-- com|", .none, ""), ("--[[ x|", .none, ""), ("12|", .none, ""),
      ("'done'|", .none, ""),
      ("local na|", .none, "na"), ("function f|", .none, "f"),
      ("board:streamer{ 'po|", .string(call: streamer, argument: 1, key: nil), "po"),
      ("board:streamer{ 'a', \"po|", .string(call: streamer, argument: 1, key: nil), "po"),
      ("board:streamer({ 'po|", .string(call: streamer, argument: 1, key: nil), "po"),
      ("load('ru|", .string(call: Call(path: [.name("load")], method: nil), argument: 1, key: nil), "ru"),
      ("load 'ru|", .string(call: Call(path: [.name("load")], method: nil), argument: 1, key: nil), "ru"),
      ("f(a, g(b), 'x|", .string(call: Call(path: [.name("f")], method: nil), argument: 3, key: nil), "x"),
      ("s:start{ save = 'ru|", .string(call: start, argument: 1, key: "save"), "ru"),
      ("x = 'a|", .string(call: nil, argument: 0, key: nil), "a"),
      ("x = [[a|", .string(call: nil, argument: 0, key: nil), "a"),
      ("s:start{ sp|", .option(of: start), "sp"), ("s:start{ span = 1, |", .option(of: start), ""),
      ("s:start({ sp|", .option(of: start), "sp"),
      ("s:start{ span = x|", .global, "x"), ("x = { sp|", .global, "sp"), ("f{ { sp|", .global, "sp"),
      ("bela.connect{ ho|", .option(of: Call(path: [.name("bela"), .name("connect")], method: nil)), "ho"),
    ]
    for (text, kind, prefix) in cases {
      let context = context(text)
      #expect(context.kind == kind, "\(text)")
      #expect(context.prefix == prefix || kind == .none, "\(text)")
    }
  }

  @Test func anyBytesAndCursorsAreFine() {
    var random = SplitMix(seed: 23)
    for _ in 0..<2_000 {
      let bytes = random.mutation(
        of: LuaCorpus.snippets + ["s:start{ span = '1s', x", ":save a.lua 1", "a.b['c']:d(1, {'x"])
      let cursor = Int.random(in: -1...bytes.count + 1, using: &random)
      let context = CompletionContext(bytes, cursor: cursor)
      #expect(context.range.upperBound == min(bytes.count, max(0, cursor)))
    }
  }

  private func complete(_ text: String, in source: LuaCompletionSource) -> [String] {
    let bytes = Array(text.utf8)
    return Completion(bytes, cursor: bytes.count, from: source).candidates.map(\.text)
  }

  @Test func findsCandidatesWithoutRunningAnything() throws {
    let bench = try Bench()
    bench.run(
      """
      touched = 0
      local function touch() touched = touched + 1 error("no") end
      lab = setmetatable({ alpha = 1, beta = { gamma = print }, ["not a name"] = 1, [1] = { deep = 1 } }, {
        __index = setmetatable({ inherited = print, alpine = 2 }, { __index = touch }), __pairs = touch, __len = touch })
      ring = {} setmetatable(ring, { __index = ring })
      text = "a"
      setmetatable(_G, { __index = touch, __newindex = touch })
      """)
    let board = LuaClass<Thing>("Board")
    board.method("streamer") { _, _ throws(LuaError) in .none }
    board.method("set") { _, _ throws(LuaError) in .none }
    board.field("state") { _, call throws(LuaError) in call.results("open") }
    bench.state.register(board)
    bench.state.setGlobal("board", bench.state.value(Thing(), board))
    let source = LuaCompletionSource(bench.state)
    source.add(board)
    source.commandNames = ["save", "streams", "help"]
    source.channelNames = { [state = bench.state] object, _ in
      state.object(object, board) != nil ? ["pot1", "pot2", "fsr"] : []
    }
    for (text, expected) in [
      ("lab.al", ["alpha", "alpine"]), ("lab.", ["alpha", "alpine", "beta", "inherited"]),
      ("lab:", ["inherited"]), ("lab.beta.", ["gamma"]),
      ("lab[1].", ["deep"]), ("lab.nothing.", []), ("ring.x", []), ("text:up", ["upper"]),
      ("board:s", ["set", "streamer"]),
      ("board.s", ["set", "state", "streamer"]), ("board.state:le", ["len"]),
      ("board:streamer{ 'po", ["pot1", "pot2"]), ("x = 'po", []),
      ("s:start{ sa", ["samples", "save"]), (":s", ["save", "streams"]), ("prin", ["print"]),
      ("whi", ["while"]), ("pcal", ["pcall"]),
    ] as [(String, [String])] {
      #expect(complete(text, in: source) == expected, "\(text)")
    }
    #expect(complete("", in: source).contains("print") && !complete("", in: source).contains("_G"))
    #expect(bench.state.global("touched") == 0)
  }

  @Test func completesFileNames() throws {
    let source = LuaCompletionSource(try LuaState())
    #expect(complete(":load /et", in: source) == ["/etc/"])
    #expect(complete("load '/etc/host", in: source).contains("/etc/hosts"))
    #expect(complete("load '/no/such/", in: source).isEmpty)
    #expect(Completion(Array(":load /et".utf8), cursor: 9, from: source).commonPrefix == "/etc/")
  }
}

final class Thing {}
