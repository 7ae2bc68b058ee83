/// The lexical rules of Lua 5.4 (manual, section 3.1) over any bytes: it never fails, what Lua would refuse
/// becomes a token that says so. One pass, no copies; safe on half-typed and hostile input.
package struct LuaLexer {
  private let bytes: [UInt8]
  private var position = 0
  private var line = 1

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Every token in order. Comments and a shebang are included with `trivia`.
  package static func tokens(_ bytes: [UInt8], trivia: Bool = false) -> [LuaToken] {
    var lexer = LuaLexer(bytes)
    var tokens: [LuaToken] = []
    while let token = lexer.next() {
      if trivia || token.isSignificant { tokens.append(token) }
    }
    return tokens
  }

  package mutating func next() -> LuaToken? {
    if position == 0, bytes.first == UInt8(ascii: "#"), bytes.count > 1, bytes[1] == UInt8(ascii: "!") {
      skipLine()
      return LuaToken(kind: .shebang, range: 0..<position, line: 1, lastLine: 1)
    }
    skipBlanks()
    guard position < bytes.count else { return nil }
    let start = position
    let startLine = line
    let kind = scan()
    return LuaToken(kind: kind, range: start..<position, line: startLine, lastLine: line)
  }

  private func peek(_ ahead: Int = 0) -> UInt8? {
    let index = position + ahead
    return index < bytes.count ? bytes[index] : nil
  }

  private mutating func skipBlanks() {
    while let byte = peek() {
      if byte.isLineEnd {
        takeLineEnd()
      } else if byte.isLuaBlank {
        position += 1
      } else {
        return
      }
    }
  }

  /// `\r\n` and `\n\r` are one line end, as Lua counts them.
  private mutating func takeLineEnd() {
    let first = bytes[position]
    position += 1
    if let second = peek(), second.isLineEnd, second != first { position += 1 }
    line += 1
  }

  private mutating func skipLine() {
    while let byte = peek(), !byte.isLineEnd { position += 1 }
  }

  private mutating func scan() -> LuaToken.Kind {
    let byte = bytes[position]
    if byte.isNameStart { return scanName() }
    if byte.isDigit { return scanNumber() }
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return scanShortString(quote: byte)
    case UInt8(ascii: "-") where peek(1) == UInt8(ascii: "-"): return scanComment()
    case UInt8(ascii: "."):
      if let digit = peek(1), digit.isDigit { return scanNumber() }
    case UInt8(ascii: "["):
      if let level = longBracketLevel() {
        return scanLongBracket(level: level) ? .string : .unfinishedLongString
      }
    default: break
    }
    return scanSymbol()
  }

  private mutating func scanName() -> LuaToken.Kind {
    let start = position
    while let byte = peek(), byte.isNamePart { position += 1 }
    return LuaKeyword(bytes[start..<position]).map { .keyword($0) } ?? .name
  }

  /// Takes what `read_numeral` of Lua takes, then checks the shape.
  private mutating func scanNumber() -> LuaToken.Kind {
    let start = position
    let isHex = bytes[position] == UInt8(ascii: "0") && (peek(1) ?? 0) | 0x20 == UInt8(ascii: "x")
    if isHex { position += 2 }
    let exponent = isHex ? UInt8(ascii: "p") : UInt8(ascii: "e")
    while let byte = peek() {
      if byte | 0x20 == exponent {
        position += 1
        if let sign = peek(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
      } else if byte.isHexDigit || byte == UInt8(ascii: ".") {
        position += 1
      } else {
        break
      }
    }
    if let byte = peek(), byte.isNameStart {
      position += 1
      return .malformedNumber
    }
    return Self.isNumeral(bytes[start..<position], isHex: isHex) ? .number : .malformedNumber
  }

  private static func isNumeral(_ text: ArraySlice<UInt8>, isHex: Bool) -> Bool {
    var rest = isHex ? text.dropFirst(2) : text
    func isMantissaDigit(_ byte: UInt8) -> Bool { isHex ? byte.isHexDigit : byte.isDigit }
    var digits = 0
    var points = 0
    while let byte = rest.first {
      if isMantissaDigit(byte) {
        digits += 1
      } else if byte == UInt8(ascii: ".") {
        points += 1
      } else {
        break
      }
      rest = rest.dropFirst()
    }
    guard digits > 0, points <= 1 else { return false }
    guard !rest.isEmpty else { return true }
    rest = rest.dropFirst()
    if let sign = rest.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
      rest = rest.dropFirst()
    }
    return !rest.isEmpty && rest.allSatisfy(\.isDigit)
  }

  private mutating func scanShortString(quote: UInt8) -> LuaToken.Kind {
    position += 1
    while let byte = peek() {
      if byte == quote {
        position += 1
        return .string
      }
      if byte.isLineEnd { return .unfinishedString }
      position += 1
      guard byte == UInt8(ascii: "\\"), let escaped = peek() else { continue }
      if escaped.isLineEnd {
        takeLineEnd()
      } else {
        position += 1
        if escaped == UInt8(ascii: "z") { skipBlanks() }
      }
    }
    return .unfinishedString
  }

  private mutating func scanComment() -> LuaToken.Kind {
    position += 2
    if peek() == UInt8(ascii: "["), let level = longBracketLevel() {
      return scanLongBracket(level: level) ? .comment : .unfinishedComment
    }
    skipLine()
    return .comment
  }

  /// The number of `=` when a long bracket opens here.
  private func longBracketLevel() -> Int? {
    var ahead = 1
    while peek(ahead) == UInt8(ascii: "=") { ahead += 1 }
    return peek(ahead) == UInt8(ascii: "[") ? ahead - 1 : nil
  }

  /// Skips to behind the closing bracket; false when the source ends before.
  private mutating func scanLongBracket(level: Int) -> Bool {
    position += level + 2
    while let byte = peek() {
      if byte.isLineEnd {
        takeLineEnd()
        continue
      }
      position += 1
      guard byte == UInt8(ascii: "]") else { continue }
      var equals = 0
      while equals < level, peek(equals) == UInt8(ascii: "=") { equals += 1 }
      if equals == level, peek(level) == UInt8(ascii: "]") {
        position += level + 1
        return true
      }
    }
    return false
  }

  private mutating func scanSymbol() -> LuaToken.Kind {
    for length in [3, 2, 1] where position + length <= bytes.count {
      if let symbol = LuaSymbol(bytes[position..<position + length]) {
        position += length
        return .symbol(symbol)
      }
    }
    position += 1
    return .unknown
  }
}

extension LuaKeyword {
  private static let byText = Dictionary(uniqueKeysWithValues: allCases.map { (Array($0.rawValue.utf8), $0) })
  fileprivate init?(_ bytes: ArraySlice<UInt8>) {
    guard bytes.count <= 8, let keyword = Self.byText[Array(bytes)] else { return nil }
    self = keyword
  }
}

extension LuaSymbol {
  private static let byCode = Dictionary(
    uniqueKeysWithValues: allCases.map { (code($0.rawValue.utf8), $0) })
  private static func code(_ bytes: some Sequence<UInt8>) -> UInt32 {
    // From 1, so that a byte of zero in front counts.
    bytes.reduce(1) { $0 << 8 | UInt32($1) }
  }
  fileprivate init?(_ bytes: ArraySlice<UInt8>) {
    guard let symbol = Self.byCode[Self.code(bytes)] else { return nil }
    self = symbol
  }
}

extension UInt8 {
  package var isLineEnd: Bool { self == 0x0A || self == 0x0D }
  /// A blank that does not end the line.
  package var isLuaBlank: Bool { self == 0x20 || self == 0x09 || self == 0x0B || self == 0x0C }
  package var isDigit: Bool { self >= 0x30 && self <= 0x39 }
  package var isHexDigit: Bool { isDigit || (self | 0x20 >= 0x61 && self | 0x20 <= 0x66) }
  package var isNameStart: Bool { (self | 0x20 >= 0x61 && self | 0x20 <= 0x7A) || self == 0x5F }
  package var isNamePart: Bool { isNameStart || isDigit }
}
