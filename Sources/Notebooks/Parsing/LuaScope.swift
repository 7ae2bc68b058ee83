/// Which locals, labels and gotos are in sight while a chunk is parsed, one frame for each function that is open.
struct LuaScope {
  struct Label {
    let name: String
    let line: Int
    /// Locals in sight where it stands.
    let locals: Int
  }

  struct Goto {
    let name: String
    let line: Int
    let offset: Int
    var locals: Int
  }

  struct Block {
    let isLoop: Bool
    let locals: Int
    let labels: Int
    let gotos: Int
  }

  struct Function {
    /// Of its first word; 0 for the chunk.
    let line: Int
    var isVararg: Bool
    /// Places in `variables` of the locals in sight, the innermost last; nil for those that Lua makes for a loop.
    var locals: [Int?] = []
    var labels: [Label] = []
    var gotos: [Goto] = []
    var blocks: [Block] = []
  }

  var variables: [LuaVariable] = []
  var functions: [Function] = []

  mutating func openFunction(line: Int, isVararg: Bool) {
    functions.append(Function(line: line, isVararg: isVararg))
    openBlock()
  }

  var function: Function {
    get { functions[functions.count - 1] }
    _modify { yield &functions[functions.count - 1] }
  }

  mutating func openBlock(isLoop: Bool = false) {
    function.blocks.append(
      Block(
        isLoop: isLoop, locals: function.locals.count, labels: function.labels.count,
        gotos: function.gotos.count))
  }

  /// The local that a name stands for, in this function or around it.
  func variable(named name: String) -> Int? {
    for function in functions.reversed() {
      for case let local? in function.locals.reversed() where variables[local].name == name { return local }
    }
    return nil
  }

  func name(_ text: String, _ range: Range<Int>) -> LuaName {
    let variable = variable(named: text)
    return LuaName(
      text: text, range: range, variable: variable,
      isOfOwnEnvironment: variable == nil && self.variable(named: "_ENV") != nil)
  }
}

extension LuaParser {
  /// A local that is in sight only after `show`.
  mutating func declare(_ name: String, _ range: Range<Int>, pending: Int = 0) throws(LuaSyntaxError) -> Int {
    guard scope.function.locals.count + pending < 200 else {
      let place = scope.function.line == 0 ? "main function" : "function at line \(scope.function.line)"
      throw syntaxError("too many local variables (limit is 200) in \(place)")
    }
    scope.variables.append(LuaVariable(name: name, range: range))
    return scope.variables.count - 1
  }

  mutating func show(_ locals: [Int?]) { scope.function.locals += locals }

  /// Parses what stands in a block of its own.
  mutating func block<Result>(
    isLoop: Bool = false, _ body: (inout LuaParser) throws(LuaSyntaxError) -> Result
  ) throws(LuaSyntaxError) -> Result {
    scope.openBlock(isLoop: isLoop)
    let result = try body(&self)
    try closeBlock()
    return result
  }

  mutating func closeFunction() throws(LuaSyntaxError) {
    try closeBlock()
    scope.functions.removeLast()
  }

  private mutating func closeBlock() throws(LuaSyntaxError) {
    guard let block = scope.function.blocks.popLast() else { return }
    scope.function.locals.removeSubrange(block.locals...)
    if block.isLoop {
      try resolve(.init(name: "break", line: 0, locals: block.locals), from: block.gotos)
    }
    scope.function.labels.removeSubrange(block.labels...)
    for index in block.gotos..<scope.function.gotos.count {
      scope.function.gotos[index].locals = min(scope.function.gotos[index].locals, block.locals)
    }
    guard scope.function.blocks.isEmpty, let pending = scope.function.gotos.first else { return }
    throw semanticError(
      pending.name == "break"
        ? "break outside loop at line \(pending.line)"
        : "no visible label '\(pending.name)' for <goto> at line \(pending.line)", at: pending.offset)
  }

  mutating func addGoto(_ name: String, line: Int, offset: Int) {
    // Backwards nothing can be in the way.
    guard !scope.function.labels.contains(where: { $0.name == name }) else { return }
    scope.function.gotos.append(
      .init(name: name, line: line, offset: offset, locals: scope.function.locals.count))
  }

  /// `isLast`: only the end of the block follows, where its locals are out of sight already.
  mutating func addLabel(_ name: String, line: Int, offset: Int, isLast: Bool) throws(LuaSyntaxError) {
    if let before = scope.function.labels.first(where: { $0.name == name }) {
      throw semanticError("label '\(name)' already defined on line \(before.line)", at: offset)
    }
    let block = scope.function.blocks[scope.function.blocks.count - 1]
    let label = LuaScope.Label(
      name: name, line: line, locals: isLast ? block.locals : scope.function.locals.count)
    scope.function.labels.append(label)
    try resolve(label, from: block.gotos)
  }

  private mutating func resolve(_ label: LuaScope.Label, from first: Int) throws(LuaSyntaxError) {
    for pending in scope.function.gotos[first...] where pending.name == label.name {
      guard pending.locals >= label.locals else {
        let hidden = scope.function.locals[pending.locals]
        let name = hidden.map { scope.variables[$0].name } ?? "(for state)"
        throw semanticError(
          "<goto \(pending.name)> at line \(pending.line) jumps into the scope of local '\(name)'",
          at: pending.offset)
      }
    }
    let rest = scope.function.gotos[first...].filter { $0.name != label.name }
    scope.function.gotos.replaceSubrange(first..., with: rest)
  }
}
