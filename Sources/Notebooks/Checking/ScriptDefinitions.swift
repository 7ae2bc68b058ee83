import Bindings

/// Every variable of a script with the places where it gets a value, and the tables that it adds to.
struct ScriptDefinitions {
  private(set) var values: [Variable: [Definition]] = [:]
  /// Fields that the script gives to a global table: `string.trim = …`.
  private(set) var added: [String: Set<String>] = [:]
  /// Globals may come from elsewhere: `dofile`, `load`, `setmetatable(_G, …)`.
  private(set) var hasHiddenGlobals = false
  /// Names of channels that the script makes.
  private(set) var createdChannels: Set<String> = []
  /// With names that only a run will tell.
  private(set) var createsUnknownChannels = false
  /// Streams may get other channels than they were made with.
  private(set) var changesChannels = false
  private var cell = 0

  init(_ cells: [CheckedCell]) {
    for index in cells.indices {
      cell = index
      visit(cells[index].tree.body)
    }
  }

  func isGlobal(_ name: String) -> Bool { values[.global(name)] != nil }
  var globalNames: [String] {
    values.keys.compactMap { if case .global(let name) = $0 { name } else { nil } }
  }

  private mutating func define(_ variable: Variable?, _ definition: Definition) {
    if let variable { values[variable, default: []].append(definition) }
  }

  private mutating func define(_ locals: [Int], _ make: (Int) -> Definition) {
    for (index, local) in locals.enumerated() { define(.local(cell: cell, local), make(index)) }
  }

  // MARK: Statements

  private mutating func visit(_ body: [LuaStatement]) {
    for statement in body { visit(statement) }
  }

  private mutating func visit(_ statement: LuaStatement) {
    switch statement.kind {
    case .call(let call): visit(call)
    case .assignment(let targets, let values):
      visit(values)
      for (index, target) in targets.enumerated() {
        visit(target)
        assign(target, Self.value(index, of: values, in: cell))
      }
    case .local(let locals, let values):
      visit(values)
      let cell = cell
      define(locals) { Self.value($0, of: values, in: cell) }
    case .localFunction(let local, let function):
      define([local]) { _ in .unknown }
      visit(function)
    case .function(let target, let function):
      visit(target)
      assign(target, .unknown)
      visit(function)
    case .block(let body): visit(body)
    case .while(let condition, let body):
      visit(condition)
      visit(body)
    case .repeat(let body, let condition):
      visit(body)
      visit(condition)
    case .if(let branches, let otherwise):
      for branch in branches {
        visit(branch.condition)
        visit(branch.body)
      }
      visit(otherwise)
    case .numericFor(let local, let bounds, let body):
      visit(bounds)
      define([local]) { _ in .unknown }
      visit(body)
    case .genericFor(let locals, let values, let body):
      visit(values)
      let cell = cell
      define(locals) { values.count == 1 ? .turn(values[0], result: $0, cell: cell) : .unknown }
      visit(body)
    case .return(let values): visit(values)
    case .break, .goto, .label: break
    }
  }

  /// The last of several values gives as many as are wanted.
  private static func value(_ index: Int, of values: [LuaExpression], in cell: Int) -> Definition {
    guard !values.isEmpty else {
      return .value(LuaExpression(kind: .nil, range: 0..<0), result: 0, cell: cell)
    }
    let last = values.count - 1
    return .value(values[min(index, last)], result: max(0, index - last), cell: cell)
  }

  private mutating func assign(_ target: LuaExpression, _ definition: Definition) {
    switch target.kind {
    case .name(let name): define(Variable(name, cell: cell), definition)
    case .chain(let base, let suffixes):
      guard case .name(let name) = base.kind, name.isGlobal, suffixes.count == 1 else { break }
      let field: String
      switch suffixes[0].kind {
      case .field(let text): field = text
      case .index(let key):
        guard case .string(let bytes) = key.kind else { return hide(name) }
        field = String(decoding: bytes, as: UTF8.self)
      default: return
      }
      added[name.text, default: []].insert(field)
      if name.text == "_G" { define(.global(field), definition) }
    default: break
    }
  }

  private mutating func hide(_ name: LuaName) {
    if name.text == "_G" { hasHiddenGlobals = true }
  }

  // MARK: Expressions

  private mutating func visit(_ list: [LuaExpression]) {
    for expression in list { visit(expression) }
  }

  private mutating func visit(_ function: LuaFunction) {
    for local in function.parameters where values[.local(cell: cell, local)] == nil {
      define([local]) { _ in .unknown }
    }
    visit(function.body)
  }

  private mutating func visit(_ expression: LuaExpression) {
    switch expression.kind {
    case .nil, .true, .false, .number, .vararg, .string: break
    case .name(let name):
      // Whoever hands the table of globals or another environment around may do anything with it.
      if name.text == "_ENV", name.variable == nil { hasHiddenGlobals = true }
    case .function(let function): visit(function)
    case .table(let fields):
      for field in fields {
        if case .computed(let key) = field.key { visit(key) }
        visit(field.value)
      }
    case .parenthesized(let inner), .unary(_, let inner): visit(inner)
    case .binary(let first, let operands):
      visit(first)
      for operand in operands { visit(operand.value) }
    case .chain(let base, let suffixes):
      visit(base)
      visit(suffixes, after: base, in: expression)
    }
  }

  private mutating func visit(
    _ suffixes: [LuaSuffix], after base: LuaExpression, in whole: LuaExpression
  ) {
    for (index, suffix) in suffixes.enumerated() {
      switch suffix.kind {
      case .field: break
      case .index(let key): visit(key)
      case .call(let arguments):
        if index == 0, case .name(let name) = base.kind, name.isGlobal { note(name.text, arguments) }
        visit(arguments: arguments, of: base, Array(suffixes[...index]))
      case .method(let method, let arguments):
        noteMethod(method, arguments)
        visit(arguments: arguments, of: base, Array(suffixes[...index]))
      }
    }
  }

  /// Functions among the arguments have parameters that the callee may say more about.
  private mutating func visit(
    arguments: [LuaExpression], of base: LuaExpression, _ suffixes: [LuaSuffix]
  ) {
    let callee = LuaExpression(kind: .chain(base, suffixes), range: base.range)
    for (position, argument) in arguments.enumerated() {
      if case .function(let function) = argument.kind {
        let cell = cell
        define(function.parameters) {
          .callback(callee, argument: position, parameter: $0, cell: cell)
        }
      }
      visit(argument)
    }
  }

  private mutating func note(_ function: String, _ arguments: [LuaExpression]) {
    switch function {
    case "dofile", "loadfile", "require": hasHiddenGlobals = true
    case "load":
      // Of a file it gives data; of anything else it may run code.
      if case .string(let text)? = arguments.first?.kind,
        !text.contains(where: { $0 == 0x3D || $0.isLuaBlank })
      {
        return
      }
      hasHiddenGlobals = true
    case "setmetatable", "rawset":
      if case .name(let name)? = arguments.first?.kind { hide(name) }
    default: break
    }
  }

  /// Methods that make channels, or give a stream others, whatever they are called on.
  private mutating func noteMethod(_ method: String, _ arguments: [LuaExpression]) {
    for entry in Reference.entries(member: method, owner: nil) where entry.kind == .method {
      for (parameter, argument) in zip(entry.parameters, arguments) {
        let type = parameter.type
        if type.listed.contains(where: { $0.mayBe("SourceChannel") }) { changesChannels = true }
        let keys = type.optionFields.filter { $0.type.mayBe("NewChannel") }.map(\.name)
        guard type.mayBe("NewChannel") || !keys.isEmpty else { continue }
        let names = Self.names(in: argument, keys)
        createdChannels.formUnion(names)
        if names.isEmpty { createsUnknownChannels = true }
        // A stream of another set comes of it.
        if entry.owner == "Streamer" { changesChannels = true }
      }
    }
  }

  /// A name alone, or those of a table: under one of the keys, or in its list.
  private static func names(in argument: LuaExpression, _ keys: [String]) -> [String] {
    switch argument.kind {
    case .string(let bytes): return [String(decoding: bytes, as: UTF8.self)]
    case .table(let fields):
      return fields.compactMap { field in
        guard case .string(let bytes) = field.value.kind else { return nil }
        switch field.key {
        case .position: break
        case .name(let name) where keys.contains(name): break
        default: return nil
        }
        return String(decoding: bytes, as: UTF8.self)
      }
    default: return []
    }
  }
}
