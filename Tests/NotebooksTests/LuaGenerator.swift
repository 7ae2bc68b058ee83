import Randomness
import Notebooks

/// Makes programs from Lua's grammar; most of them are right.
struct LuaGenerator {
  private var random: SplitMix
  private var depth = 0

  init(seed: UInt64) { random = SplitMix(seed: seed) }

  mutating func program() -> String {
    depth = 0
    return block(loop: false, vararg: true)
  }

  /// One token lost, doubled, or swapped with the one behind it.
  mutating func damaged(_ program: String) -> String {
    let bytes = Array(program.utf8)
    var texts = LuaLexer.tokens(bytes).map { $0.text(in: bytes) }
    guard texts.count > 1 else { return program }
    let index = Int.random(in: 0..<texts.count - 1, using: &random)
    switch pick(3) {
    case 0: texts.remove(at: index)
    case 1: texts.insert(texts[index], at: index)
    default: texts.swapAt(index, index + 1)
    }
    return texts.enumerated().map { $1 + ($0 % 7 == 6 ? "\n" : " ") }.joined()
  }

  private mutating func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
  private mutating func one(_ texts: [String]) -> String { texts[pick(texts.count)] }
  private mutating func name() -> String { one(["a", "b", "c", "x", "y", "z", "_", "f"]) }
  private mutating func list(_ most: Int, _ make: (inout LuaGenerator) -> String) -> String {
    (0...pick(most)).map { _ in make(&self) }.joined(separator: ", ")
  }

  private mutating func block(loop: Bool, vararg: Bool) -> String {
    depth += 1
    defer { depth -= 1 }
    var text = ""
    for _ in 0..<(depth > 4 ? 1 : pick(5)) {
      text += statement(loop: loop, vararg: vararg) + one([" ", "\n", ";", ";\n", "\r\n", " -- note\n"])
    }
    if pick(6) == 0 { text += "return \(list(2) { $0.expression(vararg) })\n" }
    return text
  }

  private mutating func statement(loop: Bool, vararg: Bool) -> String {
    func inner(_ generator: inout LuaGenerator, loop: Bool) -> String {
      generator.block(loop: loop, vararg: vararg)
    }
    switch pick(depth > 4 ? 6 : 17) {
    case 0: return "\(list(2) { $0.target(vararg) }) = \(list(2) { $0.expression(vararg) })"
    case 1: return "local \(list(2) { $0.attributed() })" + (pick(3) == 0 ? "" : " = \(expression(vararg))")
    case 2, 3: return call(vararg)
    case 4: return loop || pick(40) == 0 ? "break" : ";"
    case 5: return pick(4) == 0 ? "goto \(one(["l", "m"]))" : "x = \(expression(vararg))"
    case 6: return "::\(one(["l", "m", "n", "o", "p"]))::"
    case 7: return "do \(inner(&self, loop: loop)) end"
    case 8: return "while \(expression(vararg)) do \(inner(&self, loop: true)) end"
    case 9: return "repeat \(inner(&self, loop: true)) until \(expression(vararg))"
    case 10:
      var text = "if \(expression(vararg)) then \(inner(&self, loop: loop))"
      if pick(2) == 0 { text += " elseif \(expression(vararg)) then \(inner(&self, loop: loop))" }
      if pick(2) == 0 { text += " else \(inner(&self, loop: loop))" }
      return text + " end"
    case 11: return "for \(name()) = \(expression(vararg)), 1 do \(inner(&self, loop: true)) end"
    case 12:
      return
        "for \(list(2) { $0.name() }) in \(list(1) { $0.expression(vararg) }) do \(inner(&self, loop: true)) end"
    case 13: return "function \(name())\(one(["", ".b", ".b.c", ":d", ".b:c"]))\(function())"
    case 14: return "local function \(name())\(function())"
    case 15: return "local \(name()) <\(one(["const", "close", "const", "other"]))> = \(expression(vararg))"
    default: return "do goto m; ::m:: end"
    }
  }

  private mutating func attributed() -> String { name() + one(["", "", "", " <const>"]) }

  private mutating func function() -> String {
    let isVararg = pick(3) == 0
    let parameters =
      pick(2) == 0 ? list(2) { $0.name() } + (isVararg ? ", ..." : "") : (isVararg ? "..." : "")
    return "(\(parameters)) \(block(loop: false, vararg: isVararg)) end"
  }

  private mutating func target(_ vararg: Bool) -> String {
    switch pick(3) {
    case 0: name()
    case 1: "\(name()).\(name())"
    default: "\(name())[\(expression(vararg))]"
    }
  }

  private mutating func call(_ vararg: Bool) -> String {
    let callee = one([name(), "\(name()).b", "(\(name()))", "\(name()):m", "\(name())[1].c:m"])
    switch pick(4) {
    case 0: return "\(callee)()"
    case 1: return "\(callee) 'text'"
    case 2: return "\(callee){ \(table(vararg)) }"
    default: return "\(callee)(\(list(2) { $0.expression(vararg) }))"
    }
  }

  private mutating func table(_ vararg: Bool) -> String {
    one([
      "", "1, 2; 3", "a = 1, b = 2,", "[\(expression(vararg))] = 3", "\(expression(vararg)), a",
      "x, y = 1; z",
    ])
  }

  private mutating func expression(_ vararg: Bool) -> String {
    depth += 1
    defer { depth -= 1 }
    switch pick(depth > 6 ? 7 : 13) {
    case 0: return one(["1", "0x1F", "3.5e2", ".5", "1e-3", "0x.1p4", "7"])
    case 1:
      return one(["'a'", "\"b\\n\\65\"", "[[long\nstring]]", "'\\z  x'", "\"\\u{48}\\x41\"", "[=[ ]] ]=]"])
    case 2: return one(["nil", "true", "false"])
    case 3: return vararg || pick(30) == 0 ? "..." : "1"
    case 4, 5, 6: return name()
    case 7: return "(\(expression(vararg)))"
    case 8: return "\(one(["-", "not ", "#", "~"]))\(expression(vararg))"
    case 9:
      let sign = one([
        "+", "-", "*", "/", "//", "%", "^", "..", "==", "~=", "<", "<=", ">", ">=", "and", "or", "&", "|",
        "~", "<<", ">>",
      ])
      return "\(expression(vararg)) \(sign) \(expression(vararg))"
    case 10: return "{ \(table(vararg)) }"
    case 11: return "function\(function())"
    default: return call(vararg)
    }
  }
}
