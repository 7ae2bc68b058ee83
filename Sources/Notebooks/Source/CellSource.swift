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
  private let promotion: LocalPromotion
  private let keepsLocals: Bool
  private let firstToken: String
  /// The last statement, if it may be an expression: where it begins in `promoted`, and with what.
  private let tail: Tail?

  private struct Tail: Equatable {
    let start: Int
    let first: String
  }

  /// - Parameter keepsLocals: no cell comes behind this one, so its locals may stay what they are in Lua: their own,
  ///   and fast.
  package init(_ text: [UInt8], keepsLocals: Bool = false) {
    self.text = text
    var plain = text
    if text.starts(with: Array("#!".utf8)) { plain.replaceSubrange(0..<2, with: Array("--".utf8)) }
    var tokens = LuaLexer.tokens(plain)
    isQuiet = tokens.last?.is(.semicolon) ?? false
    isExplicitExpression = tokens.first?.is(.assign) ?? false
    if isExplicitExpression { plain[tokens.removeFirst().range.lowerBound] = 0x20 }
    self.plain = plain
    let scan = StatementScan(tokens)
    let promotion = LocalPromotion(plain, scan, keepsAll: keepsLocals)
    firstToken = tokens.first?.text(in: plain) ?? ""
    tail = scan.lastExpression.map {
      Tail(start: promotion.offset($0.range.lowerBound), first: $0.text(in: plain))
    }
    self.promotion = promotion
    self.keepsLocals = keepsLocals
    promoted = promotion.source
    notes = promotion.notes
  }

  /// Where in `text` a place in one of the sources that `plan` compiles comes from.
  package func offset(_ offset: Int, in candidate: [UInt8]) -> Int { offsets(in: candidate)(offset) }

  /// The same for many places of one source.
  package func offsets(in candidate: [UInt8]) -> (Int) -> Int {
    if candidate == plain { return { $0 } }
    let promotion = promotion
    let added = Self.guardedReturn.count
    guard candidate.count == promoted.count + added else { return { promotion.originalOffset($0) } }
    // The inserted text begins at or shortly before the first difference.
    let difference = zip(candidate, promoted).enumerated().first { $1.0 != $1.1 }?.offset ?? promoted.count
    let start =
      (max(0, difference - added)...difference).last {
        candidate[$0...].starts(with: Self.guardedReturn)
      } ?? difference
    return { promotion.originalOffset($0 < start ? $0 : max(start, $0 - added)) }
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
    if isExplicitExpression { return Self.plan(failing: expressionResult, readings: []) }

    var statements = compile(promoted)
    var readings = [Reading(result: expressionResult, first: firstToken)]
    if let tail {
      let source = Self.returning(promoted, at: tail.start)
      let result = compile(source)
      if result == .ok { return .run(source) }
      readings.append(Reading(result: result, first: tail.first))
    }
    if statements == .ok { return .run(promoted) }
    if keepsLocals {
      // A function has 200 locals; as globals there may be any number.
      let plan = CellSource(text).plan(compile: compile)
      if case .run = plan { return plan }
    } else if promoted != plain {
      // The same text with its locals kept may pass where hundreds of targets in one assignment do not.
      let original = compile(plain)
      if original == .ok { return .run(plain) }
      if case .failed = original, case .failed = statements { statements = original }
    }
    return Self.plan(failing: statements, readings: readings)
  }

  /// What Lua says about the text read as an expression that begins with `first`.
  private struct Reading {
    let result: CompileResult
    let first: String

    /// An error behind the first token: the text may really be meant as an expression.
    var telling: String? {
      guard case .failed(let message) = result, !message.contains("<eof>"),
        !message.hasSuffix("near '\(first)'"),
        !message.contains("near 'return'"), !message.contains("near 'local'")
      else { return nil }
      return message
    }
  }

  /// A variable to be closed in scope turns tail calls off; false closes as nothing.
  private static let guardedReturn = Array("local _cell <close> = nil return ".utf8)

  private static func returning(_ source: [UInt8], at start: Int) -> [UInt8] {
    source[..<start] + guardedReturn + source[start...]
  }

  private static func plan(failing statements: CompileResult, readings: [Reading]) -> Plan {
    for result in [statements] + readings.map(\.result) {
      if case .incomplete = result { return .incomplete }
    }
    guard case .failed(let message) = statements else { return .incomplete }
    // `1 +* 2` is refused as a statement for its first token; what is wrong with the expression says more.
    let isAboutForm = message.contains("syntax error near") || message.contains("unexpected symbol near")
    let better = isAboutForm ? readings.compactMap(\.telling).last { line($0) >= line(message) } : nil
    return .failed(better ?? message)
  }

  /// The number in `chunk:12: message`.
  private static func line(_ message: String) -> Int {
    for part in message.utf8.split(separator: UInt8(ascii: ":")).dropFirst() {
      if let line = Int(String(decoding: part, as: UTF8.self)) { return line }
    }
    return 0
  }
}
