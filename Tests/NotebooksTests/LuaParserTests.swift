import Randomness
import Foundation
import Lua
import Notebooks
import Testing

/// The parser against Lua itself: the same verdict in the same words on the same line.
@Suite struct LuaParserTests {
  /// What Lua says about a chunk, nil when it compiles.
  private static func lua(_ bytes: [UInt8], _ state: LuaState) -> String? {
    do throws(LuaError) {
      _ = try state.load(bytes, chunkName: "=c")
      return nil
    } catch {
      return error.message
    }
  }

  private static func ours(_ bytes: [UInt8]) -> String? {
    do throws(LuaSyntaxError) {
      _ = try LuaParser.parse(bytes)
      return nil
    } catch {
      #expect((0...bytes.count).contains(error.offset))
      return "c:\(error.line): \(error.message)"
    }
  }

  private static func compare(_ bytes: [UInt8], _ state: LuaState) -> Bool? {
    let (lua, ours) = (lua(bytes, state), ours(bytes))
    // A machine limit is no matter of grammar.
    if let lua, lua.contains("too many") && !lua.contains("local variables") || lua.contains("overflow") {
      return nil
    }
    #expect(lua == ours, "\(LuaText.quoted(LuaString(bytes)))")
    return lua == nil
  }

  static let accepted = [
    "", ";;;", "local a <const>, b <close> = 1", "goto x ::x::", "::a:: goto a", "return", "return 1, 2;",
    "do local x goto e; local y ::e:: end", "for i = 1, 2 do break end",
    "while true do if x then break end end",
    "repeat local x = 1; goto c; ::c:: until x", "f{1,2;3,[4]=5,x=6,}", "a.b['c']:d 'e' {f} (g)(h)",
    "local function f(...) return ... end", "function a.b.c:d(x, ...) self.y = ... end", "x, y.z, w[1] = f()",
    "a = b // c >> 1 ~ ~d | e & f .. g ^ -h ^ i", "a = not b == c and d or #e",
    "local x <const> = 1; x.y = 2",
    "return function() goto f ::f:: end", "a = [==[\n]]]==]",
    "goto continue; local x; ::continue:: ;; ::done::",
    "(f)()", "(a).b = 1", "f'a'.x = 2", "local _ENV = {}; x = 1", "a = 0x.8p1 + 3e-2 + 0xA",
    "s = '\\z  \\x41\\u{7FFFFFFF}\\065\\\n'", "-- only a comment", "--[[ long ]] x = 1",
  ]

  static let refused = [
    "x", "x =", "= 1", "f() = 1", "(a) = 1", "a.b", "x, f() = 1", "if x the", "if x then", "for i = 1 do end",
    "for i do end", "for 1 = 2", "for a, b = 1, 2 do end", "for a.b in c do end", "while x", "repeat x()",
    "repeat x() until", "function f", "function f(", "function f(a,) end", "function f(..., a) end",
    "function a:b.c() end", "local", "local 1", "local a <", "local a <x> = 1", "local a <const",
    "local a <close>, b <close> = 1", "local a <const> = 1; a = 2", "local a <close> = 1; a = 2",
    "local a <const> = 1; function f() a = 2 end", "local f <const> = 1; function f() end", "goto", "goto x",
    "goto x; local y; ::x:: print(y)", "do goto x end local y ::x:: y()", "::x:: ::x::", "::x:: do ::x:: end",
    "do ::y:: end goto y", "break", "if x then break end", "function f() break end", "return 1 2",
    "return; x()",
    "local function f() return ... end", "x = 'a\nb'", "x = 'abc", "x = '\\q'", "x = '\\xZZ'", "x = '\\x4",
    "x = '\\300'",
    "x = '\\u{110000000}'", "x = '\\u41'", "x = '\\u{4'", "x = '\\u{}'", "x = [[abc", "--[[ x",
    "x = [==[ ]=]",
    "x = 3x", "x = 0x", "x = 1..2", "x = 1e", "x = !y", "x = a ? b", "f(", "f(1", "f(\n1\n", "f(1,)", "x = {",
    "x = {1 2}",
    "x = {[1] 2}", "x = {[1]}", "x = {a = }", "x = {\na\nb}", "a:b", "a:b.c()", "a.1", "a[1", "a[]", "(a",
    "(\na\nb",
    "x = function end", "x = function(a", "x = 1 +", "x = + 1", "x = not", "x = a b", "do", "do x = 1", "end",
    "until x",
    "else", "x = }", "a\u{e9} = 1", "x = \u{1}", "for i = 1, 2, 3, 4 do end",
    "repeat local x; goto c; local y ::c:: until y",
    "while x do\n\nif y then\nz()\n", "goto a; ::b::", "do goto a end; do ::a:: end",
    "goto x; local a <const> = 1; ::x:: a()", "x = \"a\\\"", "x = 'a\\z\n b\\q'", "x = 'a\\",
    "function () end", "local function a.b() end",
    "return return", "x = a..", "x = ...,", "a, b", "a, b += 1", "a += 1", "a++", "x = a != b", "import x",
    "x = \"\\400\"", "'a'", "'a' = 1",
    "1", "nil", "{}", "#x", "...", "function f() end end", "x = function() end end", "x = [=", "x = ~",
    "[[a]] x", "--[==[\n]]",
  ]

  @Test func agreesOnEveryRule() async throws {
    try await onThread {
      let state = try LuaState()
      for text in Self.accepted { #expect(Self.compare(Array(text.utf8), state) == true, "\(text)") }
      for text in Self.refused { #expect(Self.compare(Array(text.utf8), state) == false, "\(text)") }
      state.close()
    }
  }

  @Test func agreesAboutTwoHundredLocals() async throws {
    try await onThread {
      let state = try LuaState()
      for (count, isGood) in [(200, true), (201, false)] {
        let names = (1...count).map { "v\($0)" }
        let one = "local " + names.joined(separator: ", ")
        let many = names.map { "local \($0)\n" }.joined()
        for text in [
          one, many, "function f(\(names.joined(separator: ","))) end", "x = function()\n\(many) end",
        ] {
          #expect(Self.compare(Array(text.utf8), state) == isGood)
        }
        let loop = (1...(count - 4)).map { "local v\($0)\n" }.joined() + "for i = 1, 2 do end"
        #expect(Self.compare(Array(loop.utf8), state) == isGood)
      }
      state.close()
    }
  }

  /// Deep nesting is refused by both, long chains by neither, and nothing overflows.
  @Test func depthIsBoundedAndLengthIsNot() async throws {
    try await onThread {
      let state = try LuaState()
      let deep = [
        ("(", "x = ", "1", ")"), ("{", "x = ", "", "}"), ("do ", "", "", " end"), ("- ", "x = ", "1", ""),
      ]
      for (open, first, inner, close) in deep {
        for (depth, isGood) in [(100, true), (300, false), (20_000, false)] {
          let text =
            first + String(repeating: open, count: depth) + inner + String(repeating: close, count: depth)
          #expect((Self.ours(Array(text.utf8)) == nil) == isGood, "\(open) \(depth)")
          #expect((Self.lua(Array(text.utf8), state) == nil) == isGood, "\(open) \(depth)")
        }
      }
      for (first, piece) in [("x = 1", " + 1"), ("x = a", ".b"), ("f()", "()"), ("x = 1", " == 1 < 2")] {
        let text = first + String(repeating: piece, count: 10_000)
        #expect(Self.ours(Array(text.utf8)) == nil, "\(piece)")
      }
      let branches = "if a then" + String(repeating: " elseif a then", count: 5_000) + " end"
      #expect(Self.ours(Array(branches.utf8)) == nil)
      state.close()
    }
  }

  @Test func agreesOnMutatedPrograms() async throws {
    try await onThread {
      let state = try LuaState()
      var random = SplitMix(seed: 11)
      let pieces = LuaCorpus.snippets + Self.accepted + Self.refused
      var verdicts = (good: 0, bad: 0)
      for _ in 0..<20_000 {
        let bytes = random.mutation(of: pieces)
        // A shebang and bytecode are the loader's matter.
        guard bytes.first != 0x23, bytes.first != 0x1B else { continue }
        switch Self.compare(bytes, state) {
        case true: verdicts.good += 1
        case false: verdicts.bad += 1
        case nil: break
        }
      }
      // Both outcomes must really have been tried.
      #expect(verdicts.good > 2_000 && verdicts.bad > 2_000, "\(verdicts)")
      state.close()
    }
  }

  @Test func agreesOnGeneratedPrograms() async throws {
    try await onThread {
      let state = try LuaState()
      var generator = LuaGenerator(seed: 5)
      var good = 0
      for _ in 0..<2_000 {
        let program = generator.program()
        if Self.compare(Array(program.utf8), state) == true { good += 1 }
        // The same with one token missing, doubled, or swapped with its neighbour.
        let broken = generator.damaged(program)
        _ = Self.compare(Array(broken.utf8), state)
      }
      #expect(good > 1_000, "\(good)")
      state.close()
    }
  }

  @Test func namesKnowTheirLocals() throws {
    let tree = try LuaParser.parse(
      Array("local a = 1\nlocal function f(b) return a + b + c end\ndo local a = a end".utf8))
    #expect(tree.variables.map(\.name) == ["a", "f", "b", "a"])
    var found: [String] = []
    func look(_ expression: LuaExpression) {
      switch expression.kind {
      case .name(let name): found.append("\(name.text) \(name.variable.map(String.init) ?? "global")")
      case .binary(let first, let operands):
        look(first)
        for operand in operands { look(operand.value) }
      default: break
      }
    }
    for statement in tree.body {
      switch statement.kind {
      case .localFunction(_, let function):
        if case .return(let values)? = function.body.first?.kind { values.forEach(look) }
      case .block(let body):
        if case .local(_, let values)? = body.first?.kind { values.forEach(look) }
      default: break
      }
    }
    #expect(found == ["a 0", "b 2", "c global", "a 0"])
  }
}
