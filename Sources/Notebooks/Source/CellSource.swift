/// What Lua says about a piece of source.
package enum CompileResult: Equatable, Sendable {
  case ok
  /// The message ends in `<eof>`: more text could make it right.
  case incomplete(String)
  case failed(String)
}

/// The Lua of one cell and the ways to run it.
package struct CellSource: Equatable, Sendable {
  /// As typed.
  package let text: [UInt8]
  /// A trailing `;` keeps the echo quiet.
  package let isQuiet: Bool
  /// Notes about locals that stay in the cell.
  package let notes: [String]
  private let isExplicitExpression: Bool
  /// Lines as in `text`: the shebang a comment, the leading `=` blank.
  private let plain: [UInt8]
  private let promoted: [UInt8]

  package init(_ text: [UInt8]) {
    self.text = text
    var plain = text
    if text.starts(with: Array("#!".utf8)) { plain.replaceSubrange(0..<2, with: Array("--".utf8)) }
    let tokens = LuaLexer.tokens(plain)
    isQuiet = tokens.last?.is(.semicolon) ?? false
    isExplicitExpression = tokens.first?.is(.assign) ?? false
    if isExplicitExpression { plain[tokens[0].range.lowerBound] = 0x20 }
    self.plain = plain
    let promotion = LocalPromotion(plain)
    promoted = promotion.source
    notes = promotion.notes
  }

  /// What to run, or why nothing can be.
  package enum Plan: Equatable, Sendable {
    /// Run this; whatever the chunk returns is the cell's value.
    case run([UInt8])
    case incomplete
    case failed(String)
  }

  /// Expression first, then statements that end in an expression, then statements.
  ///
  /// `compile` must not run anything. The chosen source has the lines of the text. It never ends in a tail call
  /// when it returns an expression, so that a traceback still names the cell's line.
  package func plan(compile: ([UInt8]) -> CompileResult) -> Plan {
    let expression = Self.returning(promoted, at: 0)
    let expressionResult = compile(expression)
    if expressionResult == .ok { return .run(expression) }
    if isExplicitExpression { return Self.plan(failing: [expressionResult]) }

    var results = [compile(promoted), expressionResult]
    if let start = Self.lastStatement(of: promoted) {
      let tail = Self.returning(promoted, at: start)
      let result = compile(tail)
      if result == .ok { return .run(tail) }
      results.append(result)
    }
    if results[0] == .ok { return .run(promoted) }
    if promoted != plain {
      // The same text with its locals kept may pass where hundreds of targets in one assignment do not.
      let original = compile(plain)
      if original == .ok { return .run(plain) }
      if case .failed = original, case .failed = results[0] { results[0] = original }
    }
    return Self.plan(failing: results)
  }

  /// A variable to be closed in scope turns tail calls off; false closes as nothing.
  private static let guardedReturn = Array("local _cell <close> = nil return ".utf8)

  private static func returning(_ source: [UInt8], at start: Int) -> [UInt8] {
    source[..<start] + guardedReturn + source[start...]
  }

  /// Where the last top-level statement begins, when it may be an expression and something comes before it.
  private static func lastStatement(of source: [UInt8]) -> Int? {
    let tokens = LuaLexer.tokens(source)
    let scan = StatementScan(tokens)
    guard !scan.isUnbalanced,
      let index = tokens.indices.last(where: {
        scan.positions[$0].isTopLevelStart && !tokens[$0].is(.semicolon)
      }), index > 0
    else { return nil }
    switch tokens[index].kind {
    case .keyword(.function), .keyword(.not), .keyword(.nil), .keyword(.true), .keyword(.false): break
    case .keyword, .symbol(.doubleColon): return nil
    default: break
    }
    return tokens[index].range.lowerBound
  }

  /// The first result is what Lua says about the statements; others are its words about expressions.
  private static func plan(failing results: [CompileResult]) -> Plan {
    if results.contains(where: { if case .incomplete = $0 { true } else { false } }) { return .incomplete }
    let messages = results.compactMap { if case .failed(let message) = $0 { message } else { nil } }
    guard let statement = messages.first else { return .incomplete }
    // `1 +* 2` is refused as a statement for its first token; what is wrong with the expression says more.
    let isAboutForm = statement.contains("syntax error near") || statement.contains("unexpected symbol near")
    let better = messages.dropFirst().last {
      isAboutForm && !$0.contains("<eof>") && !$0.contains("near 'return'") && !$0.contains("near 'local'")
        && line($0) >= line(statement)
    }
    return .failed(better ?? statement)
  }

  /// The number in `chunk:12: message`.
  private static func line(_ message: String) -> Int {
    for part in message.utf8.split(separator: UInt8(ascii: ":")).dropFirst() {
      if let line = Int(String(decoding: part, as: UTF8.self)) { return line }
    }
    return 0
  }
}
