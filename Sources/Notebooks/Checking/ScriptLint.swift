import Lua

/// Goes through all cells of a script and finds names, options and channels that do not exist.
struct ScriptLint {
  struct Problem {
    let severity: Finding.Severity
    let code: Finding.Code
    let message: String
    let hint: String?
    /// In the file.
    let range: Range<Int>
  }

  private(set) var problems: [Problem] = []

  let api: ScriptAPI
  let channels: ScriptCheck.Channels
  let definitions: ScriptDefinitions
  let types: ScriptTypes
  private let cells: [CheckedCell]
  /// A cell that does not parse may define anything.
  private let isWhole: Bool
  private var readGlobals: Set<String> = []
  private var globalHints: [String: String?] = [:]
  private let knownGlobals: [String]
  var cell = 0

  init(
    cells: [CheckedCell], api: ScriptAPI, channels: ScriptCheck.Channels, parameters: [String], isWhole: Bool
  ) {
    self.cells = cells
    self.api = api
    self.channels = channels
    self.isWhole = isWhole
    definitions = ScriptDefinitions(cells)
    types = ScriptTypes(api: api, definitions: definitions)
    knownGlobals = definitions.globalNames + Array(api.globals)
    for index in cells.indices {
      cell = index
      check(cells[index].tree.body)
    }
    checkParameters(given: parameters)
  }

  mutating func report(
    _ severity: Finding.Severity, _ code: Finding.Code, _ message: String, hint: String? = nil,
    at range: Range<Int>
  ) {
    problems.append(
      Problem(
        severity: severity, code: code, message: message, hint: hint, range: cells[cell].range(range)))
  }

  static func meant(_ name: String, among names: some Sequence<String>) -> String? {
    Suggestion.nearest(to: name, among: Array(names)).map { "did you mean `\($0)`?" }
  }

  /// Each name is looked for once, and not for ever: a script of thousands of wrong names is none.
  private mutating func meantGlobal(_ name: String) -> String? {
    if let hint = globalHints[name] { return hint }
    guard globalHints.count < Limits.suggestions else { return nil }
    let hint = Self.meant(name, among: knownGlobals)
    globalHints[name] = .some(hint)
    return hint
  }

  // MARK: Statements

  private mutating func check(_ body: [LuaStatement]) {
    for statement in body { check(statement) }
  }

  private mutating func check(_ statement: LuaStatement) {
    switch statement.kind {
    case .call(let call): check(call)
    case .assignment(let targets, let values):
      for target in targets { check(target: target) }
      check(values)
    case .local(_, let values), .return(let values): check(values)
    case .localFunction(_, let function): check(function.body)
    case .function(let target, let function):
      check(target: target)
      check(function.body)
    case .block(let body): check(body)
    case .while(let condition, let body):
      check(condition, asks: true)
      check(body)
    case .repeat(let body, let condition):
      check(body)
      check(condition, asks: true)
    case .if(let branches, let otherwise):
      for branch in branches {
        check(branch.condition, asks: true)
        check(branch.body)
      }
      check(otherwise)
    case .numericFor(_, let values, let body), .genericFor(_, let values, let body):
      check(values)
      check(body)
    case .break, .goto, .label: break
    }
  }

  private mutating func check(target: LuaExpression) {
    guard case .chain(let base, let suffixes) = target.kind else { return }
    // What is assigned to is no unknown field; what stands before it is read.
    check(base, suffixes, isTarget: true, whole: target)
  }

  // MARK: Expressions

  private mutating func check(_ list: [LuaExpression]) {
    for expression in list { check(expression) }
  }

  /// `asks`: whether there is a value at all is the question, so nil is an answer.
  private mutating func check(_ expression: LuaExpression, asks: Bool = false) {
    switch expression.kind {
    case .nil, .true, .false, .number, .vararg, .string: break
    case .name(let name): check(name, asks: asks)
    case .function(let function): check(function.body)
    case .table(let fields):
      for field in fields {
        if case .computed(let key) = field.key { check(key) }
        check(field.value)
      }
    case .parenthesized(let inner): check(inner, asks: asks)
    case .unary(let sign, let inner): check(inner, asks: sign == .keyword(.not))
    case .binary(let first, let operands): check(first, operands, asks: asks)
    case .chain(let base, let suffixes): check(base, suffixes, isTarget: false, whole: expression)
    }
  }

  private mutating func check(_ first: LuaExpression, _ operands: [LuaOperand], asks: Bool) {
    let values = [first] + operands.map(\.value)
    let sign = operands[0].operator
    let isLogical = sign == .keyword(.and) || sign == .keyword(.or)
    let comparesNil = values.contains { if case .nil = $0.kind { true } else { false } }
    for (index, value) in values.enumerated() {
      let isLast = index == values.count - 1
      check(value, asks: isLogical ? !isLast || asks : comparesNil)
    }
  }

  private mutating func check(_ name: LuaName, asks: Bool) {
    guard name.isGlobal else { return }
    readGlobals.insert(name.text)
    guard !asks, !definitions.isGlobal(name.text), !api.globals.contains(name.text) else { return }
    let hint: String?
    if let word = ErrorHints.word(ofAnotherLanguage: name.text) {
      hint = "that is `\(word)` in Lua"
    } else if cells[cell].tree.variables.contains(where: { $0.name == name.text }) {
      hint = "the local of that name is out of sight here"
    } else {
      hint = meantGlobal(name.text)
    }
    let isSure = isWhole && !definitions.hasHiddenGlobals
    report(
      isSure ? .error : .warning, .undefinedGlobal, "undefined global `\(name.text)`", hint: hint,
      at: name.range)
  }

  private mutating func check(
    _ base: LuaExpression, _ suffixes: [LuaSuffix], isTarget: Bool, whole: LuaExpression
  ) {
    check(base)
    for index in suffixes.indices {
      let before = types.type(of: base, suffixes[..<index], in: cell)
      let isAssigned = isTarget && index == suffixes.count - 1
      switch suffixes[index].kind {
      case .field(let name):
        let called = suffixes.indices.contains(index + 1) ? suffixes[index + 1] : nil
        let first: LuaExpression? =
          if case .call(let arguments)? = called?.kind { arguments.first } else { nil }
        var isCalled = false
        if case .call? = called?.kind { isCalled = true }
        let isGivenItself = first.map { Self.isSame($0, base, suffixes[..<index]) } ?? false
        check(
          field: name, of: before, at: suffixes[index].range, isAssigned: isAssigned,
          isCalled: isCalled && !isGivenItself)
      case .index(let key):
        check(key)
        guard case .string(let bytes) = key.kind, before.className == "Frame" else { break }
        checkChannel(String(decoding: bytes, as: UTF8.self), of: before, at: key.range)
      case .call(let arguments):
        let asks = if case .name(let name) = base.kind { index == 0 && name.text == "type" } else { false }
        for argument in arguments { check(argument, asks: asks) }
        if let call = types.call(base, suffixes[...index], in: cell) { check(call) }
      case .method(let name, let arguments):
        check(arguments)
        check(method: name, of: before, at: suffixes[index].range)
        if let call = types.call(base, suffixes[...index], in: cell) { check(call) }
      }
    }
  }

  /// Whether an argument is the very object whose field is called: `s.stop(s)`.
  private static func isSame(
    _ argument: LuaExpression, _ base: LuaExpression, _ suffixes: ArraySlice<LuaSuffix>
  ) -> Bool {
    guard suffixes.isEmpty, case .name(let a) = argument.kind, case .name(let b) = base.kind else {
      return false
    }
    return a.text == b.text
  }

  // MARK: Parameters

  private mutating func checkParameters(given: [String]) {
    guard let index = cells.firstIndex(where: \.isParameters) else {
      if let first = given.first, isWhole {
        cell = 0
        guard !cells.isEmpty else { return }
        report(
          .error, .parameter, "`\(first)` is given, but there are no parameters",
          hint: "tag a cell: -- %% tags=[\"parameters\"]", at: 0..<0)
      }
      return
    }
    cell = index
    var defined: [(name: String, range: Range<Int>)] = []
    for statement in cells[index].tree.body {
      guard case .assignment(let targets, _) = statement.kind else { continue }
      for case .name(let name) in targets.map(\.kind) where name.isGlobal {
        defined.append((name.text, name.range))
      }
    }
    for (name, range) in defined where isWhole && !readGlobals.contains(name) {
      report(.warning, .parameter, "parameter `\(name)` is never used", at: range)
    }
    let names = defined.map(\.name)
    for name in given where !names.contains(name) && !definitions.isGlobal(name) {
      report(
        .error, .parameter, "there is no parameter `\(name)`", hint: Self.meant(name, among: names),
        at: cells[index].tree.body.first?.range.prefix(1) ?? 0..<0)
    }
  }
}

extension Range<Int> {
  fileprivate func prefix(_ count: Int) -> Range<Int> {
    lowerBound..<Swift.min(upperBound, lowerBound + count)
  }
}
