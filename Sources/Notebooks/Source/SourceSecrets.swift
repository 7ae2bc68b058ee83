import Lua

/// Passwords and the like that stand in source text: literals that something named `password`, `token`, … is given, and
/// `user:password@` in an address. The one place that knows them; what is shown, recorded or kept for recall goes
/// through here first.
package struct SourceSecrets: Sendable {
  /// The source with each secret's place taken by ``mark``. It has the same lines; strings keep their quotes.
  package let redacted: [UInt8]
  /// The secrets themselves, as written and as meant: for texts that quote them.
  package let values: Set<[UInt8]>

  package var isEmpty: Bool { values.isEmpty }
  package static let mark = "•••"

  package init(_ source: [UInt8]) {
    var scan = SecretScan(source)
    scan.run()
    values = scan.values
    var text: [UInt8] = []
    var position = 0
    for range in scan.ranges.sorted(by: { $0.lowerBound < $1.lowerBound })
    where range.upperBound > position {
      text += source[position..<max(position, range.lowerBound)]
      text += Self.mark.utf8
      // A long string may span lines; those below it keep their numbers.
      text += source[max(position, range.lowerBound)..<range.upperBound].filter(\.isLineEnd)
      position = range.upperBound
    }
    redacted = text + source[position...]
  }

  /// `text` without any of `values`; those so short that they are in every text stay.
  package static func redact(_ text: String, _ values: some Sequence<[UInt8]>) -> String {
    var text = text
    for value in values where value.count >= Limits.secretBytes {
      let secret = String(decoding: value, as: UTF8.self)
      var parts: [Substring] = []
      var rest = text[...]
      while let found = rest.firstRange(of: secret) {
        parts.append(rest[..<found.lowerBound])
        rest = rest[found.upperBound...]
      }
      if !parts.isEmpty { text = (parts + [rest]).joined(separator: mark) }
    }
    return text
  }

  /// Whether something of this name holds a secret: not where one is found (`password_env`, `password_file`).
  package static func isSecretName(_ name: some Sequence<UInt8>) -> Bool {
    let name = String(decoding: name.lazy.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }, as: UTF8.self)
    if name.hasSuffix("_env") || name.hasSuffix("_file") || name.hasSuffix("_path") { return false }
    // A slip of the finger is an error that shows the line.
    return words.contains { name.contains($0) } || ["pass", "pwd"].contains(name)
      || Suggestion.distance(Array(name.utf8), Array("password".utf8), bound: 2) != nil
  }

  private static let words = [
    "password", "passwd", "passphrase", "secret", "token", "api_key", "apikey", "private_key",
  ]
}

/// One pass over the tokens.
private struct SecretScan {
  private let source: [UInt8]
  private let tokens: [LuaToken]
  private(set) var ranges: [Range<Int>] = []
  private(set) var values: Set<[UInt8]> = []

  init(_ source: [UInt8]) {
    self.source = source
    tokens = LuaLexer.tokens(source, trivia: true)
  }

  /// Of the text of a comment. What opens comments within it counts as blanks: however many there are, all of it is one
  /// text, which holds no comment.
  init(comment: [UInt8]) {
    source = comment
    var code = comment
    var place = 0
    while place + 1 < code.count {
      if code[place] == UInt8(ascii: "-"), code[place + 1] == UInt8(ascii: "-") {
        (code[place], code[place + 1]) = (0x20, 0x20)
        place += 2
        // `[==[` behind it is no string either.
        guard place < code.count, code[place] == UInt8(ascii: "[") else { continue }
        var end = place + 1
        while end < code.count, code[end] == UInt8(ascii: "=") { end += 1 }
        guard end < code.count, code[end] == UInt8(ascii: "[") else { continue }
        for bracket in place...end { code[bracket] = 0x20 }
      } else {
        place += 1
      }
    }
    tokens = LuaLexer.tokens(code)
  }

  mutating func run() {
    let code = tokens.filter(\.isSignificant)
    for (place, token) in code.enumerated() where isSecretName(token) { followName(place, code) }
    for token in tokens {
      // What was commented out is as secret as before.
      if !token.isSignificant { scanComment(token) }
      if token.isText || !token.isSignificant { scanAddresses(token.range) }
    }
  }

  /// `password = …`, `["password"] = …`, `password == …`, `password "…"`, `user, password = …`
  private mutating func followName(_ place: Int, _ code: [LuaToken]) {
    var next = place + 1
    func isAt(_ symbol: LuaSymbol) -> Bool { next < code.count && code[next].is(symbol) }
    if isAt(.rightBracket) { next += 1 }
    // `<const>`, and more names.
    while next + 1 < code.count, isAt(.comma) || isAt(.less) || isAt(.greater),
      code[next + 1].kind == .name || isAt(.greater)
    {
      next += code[next + 1].kind == .name ? 2 : 1
    }
    guard next < code.count else { return }
    if code[next].isText {
      if code[place].kind == .name { add(code[next]) }
      return
    }
    let isList = place > 0 && code[place - 1].is(.comma) || next > place + 1
    guard isAt(.assign) || isAt(.equal) || isAt(.notEqual) || isAt(.colon) else { return }
    let isPassword =
      source[code[place].range].contains(UInt8(ascii: "p"))
      || source[code[place].range].contains(UInt8(ascii: "P"))
    addLiterals(from: next + 1, code, isList: isList, withNumbers: isPassword)
  }

  /// The literals of an expression, but names of environment variables and files.
  private mutating func addLiterals(from first: Int, _ code: [LuaToken], isList: Bool, withNumbers: Bool) {
    var depth = 0
    var wasOperand = false
    for place in first..<code.count {
      let token = code[place]
      var isOperand = token.kind == .name || token.isText || token.kind == .number
      switch token.kind {
      case .symbol(.leftParenthesis), .symbol(.leftBrace), .symbol(.leftBracket): depth += 1
      case .symbol(.rightParenthesis), .symbol(.rightBrace), .symbol(.rightBracket):
        depth -= 1
        if depth < 0 { return }
        isOperand = true
      case .symbol(.comma) where depth == 0 && !isList, .symbol(.semicolon),
        .symbol(.assign) where depth == 0:
        return
      // The next statement.
      case .name where wasOperand && depth == 0: return
      case .keyword(let word) where depth == 0 && ![.and, .or, .not, .nil, .true, .false].contains(word):
        return
      case .number where withNumbers: add(token)
      default:
        if token.isText, !isLookUp(place, code) { add(token) }
      }
      wasOperand = isOperand
    }
  }

  /// `os.getenv("NAME")`, `io.open "file"`, `text:match("%w+")`: says where a secret is, not what it is.
  private func isLookUp(_ place: Int, _ code: [LuaToken]) -> Bool {
    var before = place - 1
    if before >= 0, code[before].is(.leftParenthesis) { before -= 1 }
    guard before >= 0, code[before].kind == .name else { return false }
    if before > 0, code[before - 1].is(.colon) { return true }
    return ["getenv", "open", "lines", "read"].contains(
      String(decoding: source[code[before].range], as: UTF8.self))
  }

  private func isSecretName(_ token: LuaToken) -> Bool {
    token.kind == .name && SourceSecrets.isSecretName(source[token.range])
      || token.kind == .string && token.range.count < 40 && SourceSecrets.isSecretName(source[body(token)])
  }

  /// A string's text without its quotes or brackets.
  private func body(_ token: LuaToken) -> Range<Int> {
    let range = token.range
    guard token.isText else { return range }
    let isLong = source[range.lowerBound] == UInt8(ascii: "[")
    let opening =
      isLong
      ? 2 + source[(range.lowerBound + 1)..<range.upperBound].prefix { $0 == UInt8(ascii: "=") }.count : 1
    let isClosed = token.kind == .string
    return range.lowerBound
      + opening..<max(range.lowerBound + opening, range.upperBound - (isClosed ? opening : 0))
  }

  private mutating func add(_ token: LuaToken) {
    let range = body(token)
    guard !range.isEmpty else { return }
    ranges.append(range)
    values.insert(Array(source[range]))
    if let plain = token.stringValue(in: source) { values.insert(plain) }
  }

  private mutating func scanComment(_ token: LuaToken) {
    let text = source[token.range]
    // What opens the comment: `--`, `--[==[`, `#!`.
    var start = text.prefix { [UInt8(ascii: "-"), UInt8(ascii: "#")].contains($0) }.endIndex
    let level = text[start...].dropFirst().prefix { $0 == UInt8(ascii: "=") }
    if text[start...].first == UInt8(ascii: "["), level.endIndex < text.endIndex,
      text[level.endIndex] == UInt8(ascii: "[")
    {
      start = level.endIndex + 1
    }
    guard start > token.range.lowerBound, start < token.range.upperBound else { return }
    var inner = SecretScan(comment: Array(source[start..<token.range.upperBound]))
    inner.run()
    ranges += inner.ranges.map { $0.lowerBound + start..<$0.upperBound + start }
    values.formUnion(inner.values)
  }

  /// `scheme://user:password@host`
  private mutating func scanAddresses(_ range: Range<Int>) {
    let text = source[range]
    var rest = text
    while let found = rest.firstRange(of: Array("://".utf8)) {
      rest = rest[found.upperBound...]
      let address = rest.prefix(Limits.addressBytes).prefix {
        !$0.isLuaBlank && !$0.isLineEnd && $0 != 0x22 && $0 != 0x27
      }
      guard let at = address.lastIndex(of: UInt8(ascii: "@")),
        let colon = address[..<at].firstIndex(of: UInt8(ascii: ":")), colon + 1 < at
      else { continue }
      ranges.append(colon + 1..<at)
      values.insert(Array(address[(colon + 1)..<at]))
    }
  }
}

extension LuaToken {
  /// A string, closed or not.
  fileprivate var isText: Bool {
    kind == .string || kind == .unfinishedString || kind == .unfinishedLongString
  }
}
