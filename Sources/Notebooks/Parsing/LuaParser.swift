/// The grammar of Lua 5.4 (manual, section 9) with its rules for names, labels and attributes: accepts and refuses what
/// Lua's compiler does, in its words, and makes a tree with positions. Safe on any bytes: depth is bounded.
///
/// What only the compiler's machine limits forbid (registers, constants, upvalues) it accepts.
package struct LuaParser {
  let bytes: [UInt8]
  let tokens: [LuaToken]
  /// The current token; `tokens.count` is the end of the source.
  var index = -1
  var levels = 0
  var scope = LuaScope()
  /// The resolved value of the current string.
  var stringValue: [UInt8] = []
  private let lastLine: Int

  /// Parses one chunk.
  package static func parse(_ bytes: [UInt8]) throws(LuaSyntaxError) -> LuaTree {
    var parser = LuaParser(bytes)
    return try parser.chunk()
  }

  private init(_ bytes: [UInt8]) {
    self.bytes = bytes
    // An unfinished comment is an error of its own.
    tokens = LuaLexer.tokens(bytes, trivia: true).filter { $0.isSignificant || $0.kind == .unfinishedComment }
    lastLine = Self.line(at: bytes.count, in: bytes)
  }

  private mutating func chunk() throws(LuaSyntaxError) -> LuaTree {
    scope.openFunction(line: 0, isVararg: true)
    try advance()
    let body = try statements()
    guard index == tokens.count else { throw syntaxError("<eof> expected") }
    try closeFunction()
    return LuaTree(body: body, variables: scope.variables)
  }

  // MARK: Tokens

  var current: LuaToken? { index < tokens.count ? tokens[index] : nil }
  var start: Int { current?.range.lowerBound ?? bytes.count }
  /// Where the token before ends.
  var end: Int { index > 0 ? tokens[index - 1].range.upperBound : 0 }
  /// Where Lua's lexer stands: on the last line of the current token.
  var line: Int { current?.lastLine ?? lastLine }

  func at(_ symbol: LuaSymbol) -> Bool { current?.is(symbol) ?? false }
  func at(_ keyword: LuaKeyword) -> Bool { current?.is(keyword) ?? false }

  /// Goes on to the next token; one that Lua cannot read is an error here.
  mutating func advance() throws(LuaSyntaxError) {
    index += 1
    try checkToken(at: index)
    if let token = current, token.kind == .string {
      stringValue = token.stringValue(in: bytes) ?? []
    }
  }

  mutating func take(_ symbol: LuaSymbol) throws(LuaSyntaxError) -> Bool {
    guard at(symbol) else { return false }
    try advance()
    return true
  }

  mutating func take(_ keyword: LuaKeyword) throws(LuaSyntaxError) -> Bool {
    guard at(keyword) else { return false }
    try advance()
    return true
  }

  mutating func expect(_ symbol: LuaSymbol) throws(LuaSyntaxError) {
    guard try take(symbol) else { throw syntaxError("'\(symbol.rawValue)' expected") }
  }

  mutating func expect(_ keyword: LuaKeyword) throws(LuaSyntaxError) {
    guard try take(keyword) else { throw syntaxError("'\(keyword.rawValue)' expected") }
  }

  /// What closes something that was opened on a line that may be far above.
  mutating func expect(_ word: String, taken: Bool, closing opener: String, at openLine: Int)
    throws(LuaSyntaxError)
  {
    guard !taken else { return }
    throw syntaxError(
      openLine == line
        ? "'\(word)' expected" : "'\(word)' expected (to close '\(opener)' at line \(openLine))")
  }

  mutating func expectEnd(of keyword: LuaKeyword, at openLine: Int) throws(LuaSyntaxError) {
    try expect("end", taken: take(.end), closing: keyword.rawValue, at: openLine)
  }

  mutating func name() throws(LuaSyntaxError) -> (text: String, range: Range<Int>) {
    guard let token = current, token.kind == .name else { throw syntaxError("<name> expected") }
    let text = token.text(in: bytes)
    try advance()
    return (text, token.range)
  }

  /// Nesting, as deep as Lua's own parser goes.
  mutating func nested<Result>(_ body: (inout LuaParser) throws(LuaSyntaxError) -> Result)
    throws(LuaSyntaxError) -> Result
  {
    levels += 1
    defer { levels -= 1 }
    guard levels <= Limits.syntaxLevels else {
      throw LuaSyntaxError(message: "C stack overflow", line: line, offset: start)
    }
    return try body(&self)
  }

  // MARK: Errors

  /// Names the current token.
  func syntaxError(_ message: String) -> LuaSyntaxError {
    // To Lua a byte of zero is no token at all.
    let isZero = current?.kind == .unknown && bytes[start] == 0
    return LuaSyntaxError(
      message: isZero ? message : "\(message) near \(near)", line: line, offset: start)
  }

  /// About what has been understood: no token is to blame.
  func semanticError(_ message: String, at offset: Int? = nil) -> LuaSyntaxError {
    LuaSyntaxError(message: message, line: line, offset: offset ?? start)
  }

  private var near: String {
    guard let token = current else { return "<eof>" }
    switch token.kind {
    case .string:
      var text = LuaStringScan(token, in: bytes).buffer
      if let end = text.firstIndex(of: 0) { text.removeSubrange(end...) }
      return "'\(String(decoding: text, as: UTF8.self))'"
    case .unknown:
      let byte = bytes[token.range.lowerBound]
      return (0x20..<0x7F).contains(byte) ? "'\(Character(Unicode.Scalar(byte)))'" : "'<\\\(byte)>'"
    default: return "'\(token.text(in: bytes))'"
    }
  }

  /// Raises what Lua's lexer would, reading a token.
  func checkToken(at index: Int) throws(LuaSyntaxError) {
    guard index < tokens.count else { return }
    let token = tokens[index]
    func fail(_ message: String, near: [UInt8]?, at offset: Int) -> LuaSyntaxError {
      let text = near.map { "'\(String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self))'" } ?? "<eof>"
      return LuaSyntaxError(
        message: "\(message) near \(text)", line: Self.line(at: offset, in: bytes), offset: offset)
    }
    switch token.kind {
    case .malformedNumber:
      throw fail("malformed number", near: Array(bytes[token.range]), at: token.range.lowerBound)
    case .symbol(.leftBracket):
      let equals = bytes[token.range.upperBound...].prefix { $0 == UInt8(ascii: "=") }
      guard !equals.isEmpty else { return }
      throw fail("invalid long string delimiter", near: [0x5B] + equals, at: token.range.lowerBound)
    case .unfinishedLongString:
      throw fail("unfinished long string (starting at line \(token.line))", near: nil, at: bytes.count)
    case .unfinishedComment:
      throw fail("unfinished long comment (starting at line \(token.line))", near: nil, at: bytes.count)
    case .string, .unfinishedString:
      let scan = LuaStringScan(token, in: bytes)
      if let problem = scan.problem { throw fail(problem, near: scan.buffer, at: scan.offset) }
      if token.kind == .unfinishedString {
        let isAtEnd = token.range.upperBound == bytes.count
        throw fail("unfinished string", near: isAtEnd ? nil : scan.buffer, at: token.range.upperBound)
      }
    default: break
    }
  }

  /// As Lua counts lines: `\r\n` and `\n\r` are one end.
  static func line(at offset: Int, in bytes: [UInt8]) -> Int {
    var line = 1
    var position = 0
    while position < min(offset, bytes.count) {
      if bytes[position].isLineEnd {
        if position + 1 < bytes.count, bytes[position + 1].isLineEnd, bytes[position + 1] != bytes[position] {
          position += 1
        }
        line += 1
      }
      position += 1
    }
    return line
  }
}
