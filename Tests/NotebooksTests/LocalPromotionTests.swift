import Randomness
import Notebooks
import Testing

@Suite struct LocalPromotionTests {
  private func promoted(_ text: String) -> String {
    String(decoding: LocalPromotion(Array(text.utf8)).source, as: UTF8.self)
  }

  @Test(arguments: [
    ("local x = 1", "      x = 1"),
    ("local x", "  x=nil"),
    ("local a, b", "  a, b=nil"),
    ("local a, b = 1", "      a, b = 1"),
    ("local x <const> = 5; x = 6", "      x         = 5; x = 6"),
    ("local x <const>", "  x        =nil"),
    ("local x = 1 local x = 2", "      x = 1       x = 2"),
    ("local function f() return f() end", "      function f() return f() end"),
    ("local x\nlocal y = x", "  x=nil\n      y = x"),
    ("local x (print)(1)", "  x=nil (print)(1)"),
    ("local\n x = 1", "     \n x = 1"),
    ("local --[[c]] x", "  --[[c]] x=nil"),
    ("do local x = 1 end local y = 2", "do local x = 1 end       y = 2"),
    ("if a then local b end local c = 1", "if a then local b end       c = 1"),
    ("for i = 1, 2 do local b end local c = 1", "for i = 1, 2 do local b end       c = 1"),
    (
      "while f(function() end) do local b end local c = 1",
      "while f(function() end) do local b end       c = 1"
    ),
    ("repeat local x = 1 until x local y = 2", "repeat local x = 1 until x       y = 2"),
    ("f = function() local a end local b = 1", "f = function() local a end       b = 1"),
    ("goto e local x = 1 ::e::", "goto e       x = 1 ::e::"),
    ("local a, a = 1, 2", "      ;({})._, a = 1, 2"),
    ("local x, a, a = f()", "      x, ({})._, a = f()"),
    ("x = [[local y]] -- local z", "x = [[local y]] -- local z"),
    // What does not parse is Lua's to refuse, with its own words.
    ("x = local y", "x = local y"), ("local", "local"), ("local x <", "local x <"),
    ("local x <foo> = 1", "local x <foo> = 1"),
    ("f(local x)", "f(local x)"), ("end local x = 1", "end local x = 1"),
    ("local function", "local function"), ("local 1", "local 1"),
  ])
  func dropsTheKeywordAtDepthZero(_ text: String, _ expected: String) {
    #expect(promoted(text) == expected)
  }

  @Test(arguments: [
    ("local s <close> = f()\nlocal t = s", "local s <close> = f()\n      t = s", 1),
    ("local s <close> = f()\nlocal s = 1", "local s <close> = f()\nlocal s = 1", 2),
    ("local s <close> = f()\nlocal function s() end", "local s <close> = f()\nlocal function s() end", 2),
    ("local a, s <close> = f()\nlocal b = 1", "local a, s <close> = f()\n      b = 1", 1),
    ("local _ENV = {}\nlocal x = 1", "local _ENV = {}\nlocal x = 1", 1),
    ("local x = 1\nlocal _ENV <const> = {}", "      x = 1\nlocal _ENV <const> = {}", 1),
  ])
  func keepsWhatMustStayLocal(_ text: String, _ expected: String, _ notes: Int) {
    #expect(promoted(text) == expected)
    #expect(LocalPromotion(Array(text.utf8)).notes.count == notes)
  }

  @Test func keepsLinesOfAnyBytes() {
    var random = SplitMix(seed: 11)
    for _ in 0..<3_000 {
      let bytes = random.mutation(of: LuaCorpus.snippets)
      let lines = bytes.filter(\.isLineEnd).count
      #expect(LocalPromotion(bytes).source.filter(\.isLineEnd).count == lines)
    }
  }
}
