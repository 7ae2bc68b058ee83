import Randomness
import Notebooks
import Testing

@Suite struct LuaLexerTests {
  private func kinds(_ text: String) -> [String] {
    let bytes = Array(text.utf8)
    return LuaLexer.tokens(bytes, trivia: true).map { token in
      let text = token.text(in: bytes)
      return switch token.kind {
      case .name: "name \(text)"
      case .keyword: "key \(text)"
      case .symbol: text
      case .number: "number \(text)"
      case .string: "string \(text)"
      default: "\(token.kind) \(text)"
      }
    }
  }

  @Test(arguments: [
    ("a = 1", ["name a", "=", "number 1"]),
    ("local x<const> =0x.8p-2", ["key local", "name x", "<", "name const", ">", "=", "number 0x.8p-2"]),
    (
      "3 3.0 .5 3. 314.16e-2 0xff 0xA.8P1 1e+5",
      ["3", "3.0", ".5", "3.", "314.16e-2", "0xff", "0xA.8P1", "1e+5"].map { "number \($0)" }
    ),
    ("1..2", ["malformedNumber 1..2"]),
    ("1 ..2", ["number 1", "..", "number 2"]),
    (
      "3x 0x 1e 0x.p1",
      ["malformedNumber 3x", "malformedNumber 0x", "malformedNumber 1e", "malformedNumber 0x.p1"]
    ),
    ("a...b", ["name a", "...", "name b"]),
    (
      "a..b//c>>d<<e~=f~g::h:i",
      [
        "name a", "..", "name b", "//", "name c", ">>", "name d", "<<", "name e", "~=", "name f", "~",
        "name g", "::", "name h", ":", "name i",
      ]
    ),
    ("'it\\'s' \"\\\"\"", ["string 'it\\'s'", "string \"\\\"\""]),
    ("'a\nb'", ["unfinishedString 'a", "name b", "unfinishedString '"]),
    ("'a\\\nb'", ["string 'a\\\nb'"]),
    ("'a\\z \n  b'", ["string 'a\\z \n  b'"]),
    ("[==[ ]] ]=] ]==] x", ["string [==[ ]] ]=] ]==]", "name x"]),
    ("[=x", ["[", "=", "name x"]),
    ("[[a", ["unfinishedLongString [[a"]),
    ("-- c\nx --[[ y\n]] z", ["comment -- c", "name x", "comment --[[ y\n]]", "name z"]),
    ("--[==[ x", ["unfinishedComment --[==[ x"]),
    ("--[=x\ny", ["comment --[=x", "name y"]),
    ("#!/usr/bin/lua\nx", ["shebang #!/usr/bin/lua", "name x"]),
    ("#t", ["#", "name t"]),
    ("a ! b", ["name a", "unknown !", "name b"]),
    ("a\0=", ["name a", "unknown \0", "="]),
    ("[[]]]]", ["string [[]]", "]", "]"]),
    ("[[a]=]]]", ["string [[a]=]]", "]"]),
  ])
  func splitsSourceAsLuaDoes(_ text: String, _ expected: [String]) {
    #expect(kinds(text) == expected)
  }

  @Test func countsLinesAsLuaDoes() {
    let bytes = Array("a\r\nb\rc\n\rd\n\ne [[\r\n\n]] f".utf8)
    let tokens = LuaLexer.tokens(bytes)
    #expect(tokens.map(\.line) == [1, 2, 3, 4, 6, 6, 8])
    #expect(tokens[5].lastLine == 8)
  }

  @Test(arguments: [
    (#"'a\n\65\x41\u{48}\z   b'"#, "a\nAAHb"), (#""\\\"""#, "\\\""), ("[[\nx]]", "x"), ("[=[x]=]", "x"),
    ("'open", "open"),
    ("[[open", "open"), (#"'\u{110000}\q'"#, "q"), (#"'\300'"#, ""),
  ])
  func resolvesStrings(_ text: String, _ expected: String) {
    let bytes = Array(text.utf8)
    let value = LuaLexer.tokens(bytes).first?.stringValue(in: bytes)
    #expect(value.map { String(decoding: $0, as: UTF8.self) } == expected)
  }

  /// Any bytes: tokens are in order, not empty, do not overlap, leave only blanks out, and strings resolve.
  @Test func takesAnyBytes() {
    var random = SplitMix(seed: 7)
    for _ in 0..<3_000 {
      let bytes = random.mutation(of: LuaCorpus.snippets)
      var end = 0
      var line = 1
      for token in LuaLexer.tokens(bytes, trivia: true) {
        #expect(token.range.lowerBound >= end && !token.range.isEmpty && token.line >= line)
        #expect(bytes[end..<token.range.lowerBound].allSatisfy { $0.isLineEnd || $0.isLuaBlank })
        _ = token.stringValue(in: bytes)
        end = token.range.upperBound
        line = token.lastLine
      }
      #expect(bytes[end...].allSatisfy { $0.isLineEnd || $0.isLuaBlank })
    }
  }
}
