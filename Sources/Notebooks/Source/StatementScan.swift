/// Blocks, brackets and statement boundaries of a token sequence, found without a parser.
///
/// A boundary is unambiguous: the token before can end a statement and this one cannot go on with it. Where Lua
/// itself would go on (`f` newline `(g)()` is one call), there is none.
package struct StatementScan {
  package struct Position: Equatable {
    /// Open blocks around the token, not counting one that it opens or closes itself.
    package var blocks: Int
    package var brackets: Int
    package var startsStatement: Bool
    package var isTopLevelStart: Bool { startsStatement && blocks == 0 && brackets == 0 }
  }

  package let tokens: [LuaToken]
  /// One for each token.
  package private(set) var positions: [Position] = []
  /// More blocks or brackets were closed than opened: the source does not parse.
  package private(set) var isUnbalanced = false
  package var openBlocks: Int { blocks.count }
  package var openBrackets: Int { brackets.count }

  private enum Block { case function(isExpression: Bool), conditional, loopHead, loop, plain, repeatLoop }
  private var blocks: [Block] = []
  /// For each open bracket: what stood before it can be called.
  private var brackets: [(symbol: LuaSymbol, afterCallable: Bool)] = []
  /// The token before can end a statement.
  private var canEnd = true
  /// The token before ends something that a call's argument may follow.
  private var callable = false
  /// The token before ends an operand, so a binary operator may follow.
  private var operand = false
  private var inLabel = false
  private var afterGoto = false
  /// Between `local` and what follows its names and attributes.
  private var inLocalNames = false

  /// `tokens` without comments.
  package init(_ tokens: [LuaToken]) {
    self.tokens = tokens
    positions.reserveCapacity(tokens.count)
    for token in tokens { take(token) }
  }

  /// Where the last top-level statement begins, when it may be an expression and something comes before it.
  package var lastExpression: LuaToken? {
    guard !isUnbalanced,
      let index = tokens.indices.last(where: {
        positions[$0].isTopLevelStart && !tokens[$0].is(.semicolon)
      }), index > 0
    else { return nil }
    switch tokens[index].kind {
    case .keyword(.function), .keyword(.not), .keyword(.nil), .keyword(.true), .keyword(.false): break
    case .keyword, .symbol(.doubleColon): return nil
    default: break
    }
    return tokens[index]
  }

  private mutating func take(_ token: LuaToken) {
    var position = Position(blocks: blocks.count, brackets: brackets.count, startsStatement: false)
    position.startsStatement = startsStatement(token)
    defer { positions.append(position) }
    if inLocalNames {
      if takeLocalName(token, startsStatement: position.startsStatement) { return }
      inLocalNames = false
      if token.is(.function) {
        blocks.append(.function(isExpression: false))
        return continues()
      }
    }
    switch token.kind {
    case .keyword(let keyword): take(keyword, at: &position)
    case .symbol(let symbol): take(symbol, at: &position)
    case .name:
      ends(callable: !afterGoto && !inLabel, operand: !afterGoto && !inLabel)
      afterGoto = false
      if inLabel { canEnd = false }
    case .string, .unfinishedString, .unfinishedLongString:
      ends(callable: callable && operand, operand: true)
    default: ends(callable: false, operand: true)
    }
  }

  private mutating func takeLocalName(_ token: LuaToken, startsStatement: Bool) -> Bool {
    switch token.kind {
    case .name where !startsStatement, .symbol(.greater): ends(callable: false, operand: false)
    case .symbol(.comma), .symbol(.less): continues()
    default: return false
    }
    return true
  }

  private func startsStatement(_ token: LuaToken) -> Bool {
    guard canEnd, !inLabel, !afterGoto else { return false }
    switch token.kind {
    case .keyword(let keyword):
      switch keyword {
      case .and, .or, .then, .do, .in, .else, .elseif, .end, .until: return keyword == .do && !isLoopHead
      default: return true
      }
    case .name, .number, .malformedNumber, .unknown: return true
    case .string, .unfinishedString, .unfinishedLongString: return !callable
    case .symbol(let symbol):
      switch symbol {
      case .leftParenthesis, .leftBrace: return !callable
      case .minus, .tilde: return !operand
      case .length, .ellipsis, .doubleColon: return true
      default: return false
      }
    default: return false
    }
  }

  private var isLoopHead: Bool {
    if case .loopHead = blocks.last { return true }
    return false
  }

  private mutating func take(_ keyword: LuaKeyword, at position: inout Position) {
    switch keyword {
    case .function:
      // After something that ends a statement it is a declaration; else, or without a name, a value.
      blocks.append(.function(isExpression: !position.startsStatement))
      continues()
    case .if:
      blocks.append(.conditional)
      continues()
    case .for, .while:
      blocks.append(.loopHead)
      continues()
    case .repeat:
      blocks.append(.repeatLoop)
      opensBlock()
    case .do:
      if isLoopHead {
        blocks[blocks.count - 1] = .loop
      } else {
        blocks.append(.plain)
      }
      opensBlock()
    case .then, .else: opensBlock()
    case .end, .until:
      guard let block = blocks.popLast() else {
        isUnbalanced = true
        return opensBlock()
      }
      position.blocks = blocks.count
      if keyword == .until { return continues() }
      var isExpression = false
      if case .function(let value) = block { isExpression = value }
      ends(callable: false, operand: isExpression)
    case .nil, .true, .false: ends(callable: false, operand: true)
    case .break: ends(callable: false, operand: false)
    case .goto:
      continues()
      afterGoto = true
    case .local:
      continues()
      inLocalNames = true
    default: continues()
    }
  }

  private mutating func take(_ symbol: LuaSymbol, at position: inout Position) {
    switch symbol {
    case .leftParenthesis, .leftBrace, .leftBracket:
      brackets.append((symbol, callable && operand))
      continues()
    case .rightParenthesis, .rightBrace, .rightBracket:
      guard let opened = brackets.popLast() else {
        isUnbalanced = true
        return
      }
      position.brackets = brackets.count
      ends(callable: opened.symbol != .leftBrace || opened.afterCallable, operand: true)
    case .doubleColon:
      inLabel.toggle()
      if inLabel { continues(keepingLabel: true) } else { ends(callable: false, operand: false) }
    case .semicolon: opensBlock()
    case .ellipsis: ends(callable: false, operand: true)
    default: continues()
    }
  }

  private mutating func ends(callable: Bool, operand: Bool) {
    canEnd = true
    self.callable = callable
    self.operand = operand
  }

  /// Between statements: anything may begin.
  private mutating func opensBlock() { ends(callable: false, operand: false) }

  private mutating func continues(keepingLabel: Bool = false) {
    canEnd = false
    callable = false
    operand = false
    if !keepingLabel { inLabel = false }
    afterGoto = false
  }
}
