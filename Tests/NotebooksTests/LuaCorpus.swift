import Randomness
import Notebooks

/// Pieces of Lua that compile, with everything that matters to promotion and boundaries.
enum LuaCorpus {
  static let snippets: [String] = [
    "local x = 1", "local x", "local a, b <const> = 1", "local a <const>, b = 1, 2", "local x = x",
    "local function f(n) if n == 0 then return 0 end return f(n - 1) end",
    "local f <const> = function() local y = 2 return y end",
    "local s <close> = nil\nlocal t = s\nprint(s, t)",
    "do local x = 1 end local y = 2", "for i = 1, 3 do local x = i end",
    "while false do local z = 1 end local q",
    "repeat local x = true until x local z = 3",
    "if x then local a = 1 elseif y then local b else local c end",
    "local t = { 1, 2, f = function() local inner = 1 return inner end } local u = t",
    "local x (print)('a')", "local x <const> (print)('a')", "local a = 1; local b = 2; local c",
    "local _, _, c = f()",
    "local a, a = 1, 2", "goto done local x = 1 ::done::", "local s = [[\nlocal inside = 1\n]]",
    "-- local in a comment\nlocal x --[[ local y ]] = 2",
    "local x = function(...) local a, b = ... return a end",
    "local x\nlocal y <const>\nlocal z", "local x <const> = 5 local y = x", "x = 1 local y = x f(y)",
    "local a = -1 local b = #'abc' local c = not a", "return 1, 2",
    "local x = f 'a' local y = g { 1 } local z = h:m()",
    "local _ENV = {} local x = 1", "for k, v in pairs(t) do goto continue ::continue:: end local n = 0",
    "local x = 0x1p4 local y = 1e3 local z = .5",
    "local function g() return function() local a = 1 end end local h = g",
    "break_ = 1 local b = break_", "local x = a.b.c[1] local y = a:b()",
    "local s = 'it\\'s' local t = \"\\z\n  x\"",
    "local x; ; ; local y", "f() local x = 1 g()", "local x = (function() return 1 end)() local y = {}",
    "local x\r\nlocal y = 2\r\n", "while true do break end local x = nil",
    "local x <close> = nil local function x2() end",
  ]
}

extension SplitMix {
  /// One or two pieces joined, then cut, with bytes flipped, doubled or replaced.
  mutating func mutation(of pieces: [String]) -> [UInt8] {
    var bytes = Array(pieces.randomElement(using: &self)!.utf8)
    if Bool.random(using: &self) { bytes += [0x0A] + Array(pieces.randomElement(using: &self)!.utf8) }
    for _ in 0..<Int.random(in: 0...4, using: &self) where !bytes.isEmpty {
      let index = Int.random(in: 0..<bytes.count, using: &self)
      switch Int.random(in: 0..<4, using: &self) {
      case 0: bytes[index] = UInt8.random(in: 0...255, using: &self)
      case 1: bytes.remove(at: index)
      case 2:
        bytes.insert(
          contentsOf: "[]=-'\"\n\\%<>:( ".utf8.randomElement(using: &self).map { [$0] } ?? [], at: index)
      default: bytes.removeSubrange(index..<min(bytes.count, index + Int.random(in: 1...8, using: &self)))
      }
    }
    return bytes
  }
}
