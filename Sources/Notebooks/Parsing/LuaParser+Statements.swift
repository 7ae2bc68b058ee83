extension LuaParser {
  /// A block ends here; `until` closes one, too.
  private func atBlockEnd(until: Bool = true) -> Bool {
    index >= tokens.count || at(.end) || at(.else) || at(.elseif) || (until && at(.until))
  }

  mutating func statements() throws(LuaSyntaxError) -> [LuaStatement] {
    var list: [LuaStatement] = []
    while !atBlockEnd() {
      let isLast = at(.return)
      try statement(into: &list)
      if isLast { break }
    }
    return list
  }

  private mutating func body() throws(LuaSyntaxError) -> [LuaStatement] {
    try block { parser throws(LuaSyntaxError) in try parser.statements() }
  }

  /// `;` adds nothing.
  private mutating func statement(into list: inout [LuaStatement]) throws(LuaSyntaxError) {
    let first = start
    let (found, before) = try nested { parser throws(LuaSyntaxError) in try parser.kind() }
    list += before
    if let found { list.append(LuaStatement(kind: found, range: first..<end)) }
  }

  /// What the statement is, and statements that stand before it: a label takes those behind it along.
  private mutating func kind() throws(LuaSyntaxError) -> (LuaStatement.Kind?, [LuaStatement]) {
    let line = line
    guard case .keyword(let keyword)? = current?.kind else {
      if try take(.semicolon) { return (nil, []) }
      if at(.doubleColon) { return try label() }
      return (try expressionStatement(), [])
    }
    switch keyword {
    case .if: return (try conditional(line), [])
    case .while:
      try advance()
      let condition = try expression()
      let body = try block(isLoop: true) { parser throws(LuaSyntaxError) in
        try parser.expect(.do)
        let body = try parser.body()
        try parser.expectEnd(of: .while, at: line)
        return body
      }
      return (.while(condition, body), [])
    case .do:
      try advance()
      let body = try body()
      try expectEnd(of: .do, at: line)
      return (.block(body), [])
    case .for: return (try loop(line), [])
    case .repeat: return (try repeatLoop(line), [])
    case .function: return (try functionStatement(line), [])
    case .local:
      try advance()
      return (try take(.function) ? try localFunction() : try localStatement(), [])
    case .return:
      try advance()
      let values = atBlockEnd() || at(.semicolon) ? [] : try expressions()
      _ = try take(.semicolon)
      return (.return(values), [])
    case .break:
      let offset = start
      try advance()
      addGoto("break", line: line, offset: offset)
      return (.break, [])
    case .goto:
      try advance()
      let line = self.line
      let name = try name()
      addGoto(name.text, line: line, offset: name.range.lowerBound)
      return (.goto(name.text), [])
    default: return (try expressionStatement(), [])
    }
  }

  private mutating func label() throws(LuaSyntaxError) -> (LuaStatement.Kind?, [LuaStatement]) {
    let line = line
    try advance()
    let name = try name()
    try expect(.doubleColon)
    var following: [LuaStatement] = []
    while at(.semicolon) || at(.doubleColon) { try statement(into: &following) }
    try addLabel(
      name.text, line: line, offset: name.range.lowerBound, isLast: atBlockEnd(until: false))
    return (.label(name.text), following)
  }

  private mutating func conditional(_ line: Int) throws(LuaSyntaxError) -> LuaStatement.Kind {
    var branches: [LuaBranch] = []
    repeat {
      try advance()
      let condition = try expression()
      try expect(.then)
      branches.append(LuaBranch(condition: condition, body: try body()))
    } while at(.elseif)
    let otherwise = try take(.else) ? try body() : []
    try expectEnd(of: .if, at: line)
    return .if(branches, otherwise: otherwise)
  }

  private mutating func loop(_ line: Int) throws(LuaSyntaxError) -> LuaStatement.Kind {
    try block(isLoop: true) { parser throws(LuaSyntaxError) in
      try parser.advance()
      let first = try parser.name()
      let kind: LuaStatement.Kind
      if parser.at(.assign) {
        let variable = try parser.declare(first.text, first.range, pending: 3)
        try parser.advance()
        var bounds = [try parser.expression()]
        try parser.expect(.comma)
        bounds.append(try parser.expression())
        if try parser.take(.comma) { bounds.append(try parser.expression()) }
        parser.show([nil, nil, nil])
        kind = .numericFor(variable, bounds, try parser.loopBody([variable]))
      } else if parser.at(.comma) || parser.at(.in) {
        var variables = [try parser.declare(first.text, first.range, pending: 4)]
        while try parser.take(.comma) {
          let name = try parser.name()
          variables.append(try parser.declare(name.text, name.range, pending: 4 + variables.count))
        }
        try parser.expect(.in)
        let values = try parser.expressions()
        parser.show([nil, nil, nil, nil])
        kind = .genericFor(variables, values, try parser.loopBody(variables))
      } else {
        throw parser.syntaxError("'=' or 'in' expected")
      }
      try parser.expectEnd(of: .for, at: line)
      return kind
    }
  }

  private mutating func loopBody(_ variables: [Int]) throws(LuaSyntaxError) -> [LuaStatement] {
    try expect(.do)
    return try block { parser throws(LuaSyntaxError) in
      parser.show(variables)
      return try parser.body()
    }
  }

  private mutating func repeatLoop(_ line: Int) throws(LuaSyntaxError) -> LuaStatement.Kind {
    try advance()
    return try block(isLoop: true) { parser throws(LuaSyntaxError) in
      try parser.block { parser throws(LuaSyntaxError) in
        let body = try parser.statements()
        try parser.expect("until", taken: parser.take(.until), closing: "repeat", at: line)
        return .repeat(body, until: try parser.expression())
      }
    }
  }

  private mutating func functionStatement(_ line: Int) throws(LuaSyntaxError) -> LuaStatement.Kind {
    try advance()
    let first = try name()
    var suffixes: [LuaSuffix] = []
    while try take(.dot) {
      let field = try name()
      suffixes.append(LuaSuffix(kind: .field(field.text), range: field.range))
    }
    let isMethod = try take(.colon)
    if isMethod {
      let method = try name()
      suffixes.append(LuaSuffix(kind: .field(method.text), range: method.range))
    }
    let root = scope.name(first.text, first.range)
    let base = LuaExpression(kind: .name(root), range: first.range)
    let target =
      suffixes.isEmpty
      ? base : LuaExpression(kind: .chain(base, suffixes), range: first.range.lowerBound..<end)
    let function = try function(line: line, isMethod: isMethod)
    if suffixes.isEmpty { try refuseConstant(root) }
    return .function(target, function)
  }

  private mutating func localFunction() throws(LuaSyntaxError) -> LuaStatement.Kind {
    let name = try name()
    let variable = try declare(name.text, name.range)
    show([variable])
    return .localFunction(variable, try function(line: line, isMethod: false))
  }

  private mutating func localStatement() throws(LuaSyntaxError) -> LuaStatement.Kind {
    var variables: [Int] = []
    var closes = false
    repeat {
      let name = try name()
      let variable = try declare(name.text, name.range, pending: variables.count)
      variables.append(variable)
      guard try take(.less) else { continue }
      let attribute = try self.name()
      try expect(.greater)
      switch attribute.text {
      case "const": scope.variables[variable].attribute = .const
      case "close":
        scope.variables[variable].attribute = .close
        if closes {
          throw semanticError(
            "multiple to-be-closed variables in local list", at: attribute.range.lowerBound)
        }
        closes = true
      default:
        throw semanticError("unknown attribute '\(attribute.text)'", at: attribute.range.lowerBound)
      }
    } while try take(.comma)
    let values = try take(.assign) ? try expressions() : []
    show(variables)
    return .local(variables, values)
  }

  private mutating func expressionStatement() throws(LuaSyntaxError) -> LuaStatement.Kind {
    let first = try suffixedExpression()
    guard at(.assign) || at(.comma) else {
      guard first.isCall else { throw syntaxError("syntax error") }
      return .call(first)
    }
    var targets = [first]
    let levels = self.levels
    defer { self.levels = levels }
    while true {
      try checkTarget(targets[targets.count - 1])
      guard try take(.comma) else { break }
      targets.append(try suffixedExpression())
      // Lua's parser goes one level deeper for each.
      self.levels += 1
      guard self.levels <= Limits.syntaxLevels else { throw semanticError("C stack overflow") }
    }
    try expect(.assign)
    return .assignment(targets, try expressions())
  }

  private func checkTarget(_ target: LuaExpression) throws(LuaSyntaxError) {
    switch target.kind {
    case .name(let name): try refuseConstant(name)
    case .chain where !target.isCall: break
    default: throw syntaxError("syntax error")
    }
  }

  private func refuseConstant(_ name: LuaName) throws(LuaSyntaxError) {
    guard let variable = name.variable, scope.variables[variable].attribute != nil else { return }
    throw semanticError(
      "attempt to assign to const variable '\(name.text)'", at: name.range.lowerBound)
  }
}

extension LuaExpression {
  package var isCall: Bool {
    guard case .chain(_, let suffixes) = kind else { return false }
    switch suffixes.last?.kind {
    case .call, .method: return true
    default: return false
    }
  }
}
