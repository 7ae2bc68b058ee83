extension LuaParser {
  mutating func expressions() throws(LuaSyntaxError) -> [LuaExpression] {
    var list = [try expression()]
    while try take(.comma) { list.append(try expression()) }
    return list
  }

  mutating func expression() throws(LuaSyntaxError) -> LuaExpression { try expression(above: 0) }

  /// Operators that bind tighter than `limit`.
  private mutating func expression(above limit: Int) throws(LuaSyntaxError) -> LuaExpression {
    try nested { parser throws(LuaSyntaxError) in
      let first = parser.start
      var left: LuaExpression
      if let sign = parser.unaryOperator {
        try parser.advance()
        let value = try parser.expression(above: 12)
        left = LuaExpression(kind: .unary(sign, value), range: first..<parser.end)
      } else {
        left = try parser.simpleExpression()
      }
      var operands: [LuaOperand] = []
      var precedence = 0
      while let sign = parser.binaryOperator, let binding = Self.bindings[sign], binding.left > limit {
        // A looser operator takes all that stands left of it.
        if binding.left != precedence, !operands.isEmpty {
          left = LuaExpression(kind: .binary(left, operands), range: first..<parser.end)
          operands = []
        }
        precedence = binding.left
        try parser.advance()
        let value = try parser.expression(above: binding.right)
        operands.append(LuaOperand(operator: sign.word, value: value))
      }
      guard !operands.isEmpty else { return left }
      return LuaExpression(kind: .binary(left, operands), range: first..<parser.end)
    }
  }

  private var unaryOperator: LuaSymbolOrKeyword? {
    switch current?.kind {
    case .keyword(.not): .keyword(.not)
    case .symbol(let symbol) where [.minus, .tilde, .length].contains(symbol): .symbol(symbol)
    default: nil
    }
  }

  private enum Operator: Hashable {
    case symbol(LuaSymbol)
    case keyword(LuaKeyword)

    var word: LuaSymbolOrKeyword {
      switch self {
      case .symbol(let symbol): .symbol(symbol)
      case .keyword(let keyword): .keyword(keyword)
      }
    }
  }

  private var binaryOperator: Operator? {
    switch current?.kind {
    case .symbol(let symbol): .symbol(symbol)
    case .keyword(let keyword): .keyword(keyword)
    default: nil
    }
  }

  /// Manual, section 3.4.8.
  private static let bindings: [Operator: (left: Int, right: Int)] = {
    var table: [Operator: (left: Int, right: Int)] = [.keyword(.and): (2, 2), .keyword(.or): (1, 1)]
    let levels: [(LuaSymbol, Int, Int)] = [
      (.plus, 10, 10), (.minus, 10, 10), (.multiply, 11, 11), (.modulo, 11, 11), (.power, 14, 13),
      (.divide, 11, 11), (.floorDivide, 11, 11), (.ampersand, 6, 6), (.bar, 4, 4), (.tilde, 5, 5),
      (.shiftLeft, 7, 7), (.shiftRight, 7, 7), (.concatenate, 9, 8), (.equal, 3, 3), (.less, 3, 3),
      (.lessEqual, 3, 3), (.notEqual, 3, 3), (.greater, 3, 3), (.greaterEqual, 3, 3),
    ]
    for (symbol, left, right) in levels { table[.symbol(symbol)] = (left, right) }
    return table
  }()

  private mutating func simpleExpression() throws(LuaSyntaxError) -> LuaExpression {
    let first = start
    let kind: LuaExpression.Kind
    switch current?.kind {
    case .number: kind = .number
    case .string: kind = .string(stringValue)
    case .keyword(.nil): kind = .nil
    case .keyword(.true): kind = .true
    case .keyword(.false): kind = .false
    case .symbol(.ellipsis):
      guard scope.function.isVararg else { throw syntaxError("cannot use '...' outside a vararg function") }
      kind = .vararg
    case .symbol(.leftBrace): return try table()
    case .keyword(.function):
      try advance()
      let function = try function(line: line, isMethod: false)
      return LuaExpression(kind: .function(function), range: first..<end)
    default: return try suffixedExpression()
    }
    try advance()
    return LuaExpression(kind: kind, range: first..<end)
  }

  mutating func suffixedExpression() throws(LuaSyntaxError) -> LuaExpression {
    let first = start
    let line = line
    let base = try primaryExpression()
    var suffixes: [LuaSuffix] = []
    while let suffix = try suffix(line) { suffixes.append(suffix) }
    return suffixes.isEmpty ? base : LuaExpression(kind: .chain(base, suffixes), range: first..<end)
  }

  private mutating func primaryExpression() throws(LuaSyntaxError) -> LuaExpression {
    let first = start
    if current?.kind == .name {
      let name = try name()
      return LuaExpression(kind: .name(scope.name(name.text, name.range)), range: name.range)
    }
    guard at(.leftParenthesis) else { throw syntaxError("unexpected symbol") }
    let line = line
    try advance()
    let inner = try expression()
    try expect(")", taken: take(.rightParenthesis), closing: "(", at: line)
    return LuaExpression(kind: .parenthesized(inner), range: first..<end)
  }

  private mutating func suffix(_ line: Int) throws(LuaSyntaxError) -> LuaSuffix? {
    let first = start
    switch current?.kind {
    case .symbol(.dot):
      try advance()
      let field = try name()
      return LuaSuffix(kind: .field(field.text), range: field.range)
    case .symbol(.leftBracket):
      let key = try bracketed()
      return LuaSuffix(kind: .index(key), range: first..<end)
    case .symbol(.colon):
      try advance()
      let method = try name()
      let arguments = try arguments(line)
      return LuaSuffix(kind: .method(method.text, arguments: arguments), range: method.range)
    case .symbol(.leftParenthesis), .symbol(.leftBrace), .string:
      let arguments = try arguments(line)
      return LuaSuffix(kind: .call(arguments), range: first..<end)
    default: return nil
    }
  }

  private mutating func bracketed() throws(LuaSyntaxError) -> LuaExpression {
    try advance()
    let key = try expression()
    try expect(.rightBracket)
    return key
  }

  /// `line` is where the whole call began.
  private mutating func arguments(_ line: Int) throws(LuaSyntaxError) -> [LuaExpression] {
    switch current?.kind {
    case .symbol(.leftParenthesis):
      try advance()
      let list = at(.rightParenthesis) ? [] : try expressions()
      try expect(")", taken: take(.rightParenthesis), closing: "(", at: line)
      return list
    case .symbol(.leftBrace): return [try table()]
    case .string:
      let first = start
      let value = stringValue
      try advance()
      return [LuaExpression(kind: .string(value), range: first..<end)]
    default: throw syntaxError("function arguments expected")
    }
  }

  private mutating func table() throws(LuaSyntaxError) -> LuaExpression {
    let first = start
    let line = line
    try expect(.leftBrace)
    var fields: [LuaField] = []
    while !at(.rightBrace) {
      fields.append(try field())
      guard at(.comma) || at(.semicolon) else { break }
      try advance()
    }
    try expect("}", taken: take(.rightBrace), closing: "{", at: line)
    return LuaExpression(kind: .table(fields), range: first..<end)
  }

  private mutating func field() throws(LuaSyntaxError) -> LuaField {
    let first = start
    if current?.kind == .name {
      // Lua looks one token ahead here, and trips over it.
      try checkToken(at: index + 1)
      if index + 1 < tokens.count, tokens[index + 1].is(.assign) {
        let key = try name()
        try expect(.assign)
        return LuaField(key: .name(key.text), value: try expression(), range: key.range)
      }
    } else if at(.leftBracket) {
      let key = try bracketed()
      let range = first..<end
      try expect(.assign)
      return LuaField(key: .computed(key), value: try expression(), range: range)
    }
    let value = try expression()
    return LuaField(key: .position, value: value, range: value.range)
  }

  /// Parameters and body; the word `function` and a name have been taken.
  mutating func function(line: Int, isMethod: Bool) throws(LuaSyntaxError) -> LuaFunction {
    scope.openFunction(line: line, isVararg: false)
    try expect(.leftParenthesis)
    var parameters: [Int] = []
    if isMethod { parameters.append(try declare("self", end..<end)) }
    var isVararg = false
    if !at(.rightParenthesis) {
      repeat {
        if at(.ellipsis) {
          try advance()
          isVararg = true
        } else if current?.kind == .name {
          let name = try name()
          parameters.append(try declare(name.text, name.range, pending: parameters.count))
        } else {
          throw syntaxError("<name> or '...' expected")
        }
        if isVararg { break }
      } while try take(.comma)
    }
    show(parameters)
    scope.function.isVararg = isVararg
    try expect(.rightParenthesis)
    let body = try statements()
    try expectEnd(of: .function, at: line)
    try closeFunction()
    return LuaFunction(parameters: parameters, isVararg: isVararg, body: body)
  }
}
