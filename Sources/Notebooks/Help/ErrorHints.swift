import Bindings
import Lua

/// Sentences that help with the commonest mistakes, found from a message and the line it names. Nothing is run.
package struct ErrorHints: Sendable {
  /// Lua's message, with or without its position.
  private let message: String
  private let line: String
  private let source: [UInt8]
  private let tokens: [LuaToken]
  private let bytes: [UInt8]
  private let names: [String]

  /// At most two sentences, the more certain first.
  /// - Parameters:
  ///   - line: the text of the line that the message names, or empty.
  ///   - source: the same as it stands in the source; nil where that is no other.
  ///   - names: globals that a typing error may have meant.
  package static func hints(
    message: String, line: String, source: [UInt8]? = nil, names: [String] = []
  ) -> [String] {
    let hints = ErrorHints(message: message, line: line, source: source, names: names)
    var found: [String] = []
    for hint in [
      hints.strangeCharacter(), hints.syntaxWord(), hints.operatorOfAnotherLanguage(), hints.missingKeyword(),
      hints.printWithoutParentheses(),
      hints.wordOfAnotherLanguage(), hints.zeroBased(), hints.dotForColon(), hints.colonForDot(),
      hints.plusOnStrings(),
      hints.misspelled(), hints.misspelledMember(), hints.neverStarted(), hints.malformedNumber(),
      hints.nilOperand(),
    ] {
      if let hint, !found.contains(hint) { found.append(hint) }
      if found.count == 2 { break }
    }
    return found
  }

  private init(message: String, line: String, source: [UInt8]?, names: [String]) {
    self.message = message
    self.line = line
    self.source = source ?? Array(line.utf8)
    self.names = names
    bytes = Array(line.utf8)
    tokens = LuaLexer.tokens(bytes)
  }

  private func has(_ text: String) -> Bool { message.contains(text) }
  private func near(_ text: String) -> Bool { has("near '\(text)'") }
  private var isSyntax: Bool { has("near ") }
  private func text(_ index: Int) -> String {
    tokens.indices.contains(index) ? tokens[index].text(in: bytes) : ""
  }

  /// Whether two tokens stand side by side without a blank.
  private func follows(_ first: String, _ second: String) -> Bool {
    tokens.indices.dropLast().contains {
      text($0) == first && text($0 + 1) == second
        && tokens[$0].range.upperBound == tokens[$0 + 1].range.lowerBound
    }
  }

  /// `'x'` in the words "global 'x'", "field 'x'", "local 'x'", "upvalue 'x'", "method 'x'".
  private func named(_ kind: String) -> String? {
    guard let start = message.firstRange(of: "(\(kind) '")?.upperBound,
      let end = message[start...].firstRange(of: "')")?.lowerBound
    else { return nil }
    return String(message[start..<end])
  }

  // MARK: what does not parse

  private func strangeCharacter() -> String? { StrangeCharacter.hint(message: message, line: source) }

  private func operatorOfAnotherLanguage() -> String? {
    guard isSyntax else { return nil }
    if follows("!", "="), near("!") { return "\"not equal\" is `~=` in Lua" }
    if follows("&", "&"), near("&") { return "write `and` for `&&`" }
    if follows("|", "|"), near("|") { return "write `or` for `||`" }
    if near("!") { return "write `not x` for `!x`" }
    for sign in ["+", "-", "*", "/", "..", "%"] where follows(sign, "=") {
      if near(sign) || near("=") { return "Lua has no `\(sign)=`: write `x = x \(sign) …`" }
    }
    if follows("+", "+"), near("+") || has("<eof>") { return "Lua has no `++`: write `x = x + 1`" }
    if near("="), tokens.contains(where: { $0.is(.if) || $0.is(.while) || $0.is(.elseif) || $0.is(.until) }) {
      return "compare with `==`; a single `=` assigns"
    }
    if near("["), follows("=", "[") || line.contains("= [") || line.contains("([") {
      return "tables are written with braces: `{ 1, 2, 3 }`"
    }
    if near("//") || near("#") { return "a comment begins with `--`" }
    if near("`") { return "` is no quote of Lua: write \" or '" }
    if near("?") { return "Lua has no `? :`: write `condition and a or b`" }
    return nil
  }

  private func missingKeyword() -> String? {
    if has("'then' expected") { return "the condition of `if` and `elseif` is followed by `then`" }
    if has("'do' expected") || has("'=' or 'in' expected") && line.contains("for") {
      return "a loop is written `for i = 1, n do … end` or `while condition do … end`"
    }
    if has("'end' expected"), has("<eof>") || has("to close") {
      if let start = message.firstRange(of: "(to close '")?.upperBound,
        let end = message[start...].firstRange(of: "'")?.lowerBound
      {
        let opener = message[start..<end]
        let place = message[end...].firstRange(of: "at line ").map {
          message[$0.upperBound...].prefix { $0.isNumber }
        }
        let position = place.map { " of line \($0)" } ?? ""
        return "the `\(opener)`\(position) has no `end`\(elseIf)"
      }
      return "a block that was opened has no `end`\(elseIf)"
    }
    return nil
  }

  private var elseIf: String { "; `else if` opens a second block, `elseif` does not" }

  private func syntaxWord() -> String? {
    guard isSyntax, let first = tokens.first else { return nil }
    if tokens.contains(where: { $0.text(in: bytes) == "elif" }) { return "write `elseif` for `elif`" }
    switch first.text(in: bytes) {
    case "def", "func", "fn": return "a function is written `function name(a, b) … end`"
    case "import", "from": return "write `local m = require \"m\"`"
    case "try": return "write `local ok, err = pcall(f)` for `try`"
    case "var", "let", "const": return "a variable is written `x = 1` or `local x = 1`"
    case "switch": return "Lua has no `switch`: write `if … elseif … end`"
    default: return nil
    }
  }

  private func malformedNumber() -> String? {
    guard has("malformed number") else { return nil }
    return line.contains("..")
      ? "put a blank between a number and `..`" : "a number is written 3, 3.0, 1e-3 or 0xff"
  }

  // MARK: what fails when it runs

  private static let otherWords = [
    "None": "nil", "null": "nil", "NULL": "nil", "undefined": "nil", "Nil": "nil", "True": "true",
    "False": "false",
    "TRUE": "true", "FALSE": "false", "self": "the table itself", "len": "#", "str": "tostring",
    "int": "math.tointeger",
    "float": "tonumber", "range": "for i = 1, n do", "printf": "string.format", "this": "self",
  ]

  /// What Lua has for a word that it does not know.
  static func word(ofAnotherLanguage name: String) -> String? { name == "self" ? nil : otherWords[name] }

  private func wordOfAnotherLanguage() -> String? {
    guard let name = named("global"), name != "self", let word = Self.otherWords[name] else { return nil }
    return "`\(name)` is `\(word)` in Lua"
  }

  private func misspelled() -> String? {
    guard let name = named("global"), let meant = Suggestion.nearest(to: name, among: names) else {
      return nil
    }
    return "did you mean `\(meant)`?"
  }

  private func zeroBased() -> String? {
    guard has("nil value") || has("index 0") || has("out of range") || has("position 0"),
      tokens.indices.contains(where: { text($0) == "[" && text($0 + 1) == "0" && text($0 + 2) == "]" })
        || has("index 0") || has("position 0")
    else { return nil }
    return "positions begin at 1, not at 0"
  }

  private func dotForColon() -> String? {
    let badSelf = has("on bad self") || has("calling '")
    guard badSelf || has("bad argument #1 to"), let dot = methodCall(.dot) else { return nil }
    guard badSelf || !Self.libraries.contains(dot.object) else { return nil }
    return "a method is called with a colon: `\(dot.object):\(dot.name)(…)`"
  }

  private func colonForDot() -> String? {
    guard let method = named("method"), let call = methodCall(.colon, named: method) else { return nil }
    if Self.libraries.contains(call.object) {
      return "a library function is called with a dot: `\(call.object).\(method)(…)`"
    }
    return nil
  }

  private static let libraries: Set<String> = [
    "math", "string", "table", "io", "os", "coroutine", "utf8", "debug", "package", "bela", "synnax",
  ]

  /// `object.name(` or `object:name(` in the line.
  private func methodCall(_ sign: LuaSymbol, named wanted: String? = nil) -> (object: String, name: String)? {
    for index in tokens.indices.dropFirst().dropLast() where tokens[index].is(sign) {
      guard tokens[index - 1].kind == .name, tokens[index + 1].kind == .name,
        wanted ?? text(index + 1) == text(index + 1)
      else { continue }
      let next = tokens.indices.contains(index + 2) ? tokens[index + 2] : nil
      if let next, next.is(.leftParenthesis) || next.is(.leftBrace) || next.kind == .string {
        // The message names the function, when it does.
        if wanted == nil, let named = functionName, named != text(index + 1) { continue }
        return (text(index - 1), text(index + 1))
      }
    }
    return nil
  }

  private var functionName: String? {
    for opening in ["calling '", "bad argument #1 to '"] {
      if let start = message.firstRange(of: opening)?.upperBound,
        let end = message[start...].firstIndex(of: "'")
      {
        return message[start..<end] == "?" ? nil : String(message[start..<end])
      }
    }
    return nil
  }

  private func plusOnStrings() -> String? {
    guard
      has("arithmetic on a string value") || has("attempt to add a 'string'")
        || has("perform arithmetic on a"),
      tokens.contains(where: { $0.is(.plus) }),
      tokens.contains(where: { $0.kind == .string }) || has("string value")
    else { return nil }
    return "strings are joined with `..`, `+` adds numbers"
  }

  private func printWithoutParentheses() -> String? {
    guard has("attempt to concatenate a nil value") || has("concatenate a nil"),
      tokens.indices.contains(where: {
        text($0) == "print" && tokens.indices.contains($0 + 2) && tokens[$0 + 1].kind == .string
          && text($0 + 2) == ".."
      })
    else { return nil }
    return "`print \"a\" .. x` joins what print returns: put parentheses around all of it"
  }

  /// `s:raed()`, `s.dta`, `f.pto1:mean()`: methods and fields of ours, and names that are about.
  private func misspelledMember() -> String? {
    guard has("nil value"), let name = named("field") ?? named("method") else { return nil }
    let members = Reference.entries.lazy.filter { !$0.owner.isEmpty }.map(\.member)
    guard let meant = Suggestion.nearest(to: name, among: Array(members) + names), meant != name else {
      return nil
    }
    return "did you mean `\(meant)`?"
  }

  private func neverStarted() -> String? {
    guard has("not started") || has("never started") || has("was not started") else { return nil }
    return "start the streamer first: `s:start()`"
  }

  private func nilOperand() -> String? {
    if has("attempt to compare"), has("nil") { return "one of the compared values is nil" }
    guard
      has("attempt to index a nil value") || has("attempt to call a nil value") || has("on a nil value")
        || has("concatenate a nil value")
    else { return nil }
    for kind in ["global", "local", "field", "upvalue", "method"] {
      // What Lua calls an index that has no name.
      guard let name = named(kind), name != "?", name != "integer index" else { continue }
      return kind == "method" ? "the object has no method `\(name)`" : "`\(name)` is nil here"
    }
    return nil
  }
}
