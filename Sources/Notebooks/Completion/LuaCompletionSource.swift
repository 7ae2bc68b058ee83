import Bindings
package import Lua

/// Candidates from an interpreter's globals, tables and native objects. Tables are read raw and `__index` is followed only
/// where it is a table; of native objects only the registered classes' own fields are asked.
package final class LuaCompletionSource: CompletionSource {
  private struct Members {
    var methods: [String]
    var fields: [String]
  }

  /// Commands without their colon.
  package var commandNames: [String] = []
  /// The class of an object, or the name of a table that has functions of ours; nil when nobody knows.
  package var owner: (_ object: LuaValue) -> String? = { _ in nil }
  /// Names of channels that make sense in a call on an object; of a stream all that its source has, where that is meant.
  package var channelNames: (_ object: LuaValue, _ fromSource: Bool) -> [String] = { _, _ in [] }
  /// Keys that a native object answers beside its class's: a frame's channels.
  package var ownFields: (_ object: LuaValue) -> [String] = { _ in [] }
  /// Jobs that printed something.
  package var jobNames: () -> [String] = { [] }
  /// Functions of Lua's own whose strings are file names.
  private static let fileFunctions: Set<String> = ["require", "dofile", "loadfile", "open"]
  /// Keys that are likely to be a file's in a call of somebody else's function.
  private static let fileKeys: Set<String> = ["save", "file", "path"]
  /// Commands that take a file name.
  package var fileCommands: Set<String> = ["load", "save", "run", "edit", "keep"]

  private let state: LuaState
  private let globalTable: LuaReference?
  private var classes: [String: Members] = [:]

  package init(_ state: LuaState) {
    self.state = state
    globalTable = if case .table(let table) = state.global("_G") { table } else { nil }
  }

  /// Makes a class's methods and fields known.
  package func add<T>(_ class: LuaClass<T>) {
    add(`class`.name, methods: `class`.methodNames, fields: `class`.fieldNames)
  }

  package func add(_ name: String, methods: [String], fields: [String]) {
    classes[name] = Members(methods: methods, fields: fields)
  }

  // MARK: Values

  /// The value behind a path; nil when it cannot be known without running something.
  package func value(at path: [CompletionContext.Step]) -> LuaValue? {
    guard let globalTable else { return nil }
    var value = LuaValue.table(globalTable)
    for step in path {
      guard let next = member(step, of: value), !next.isNil else { return nil }
      value = next
    }
    return value
  }

  private func member(_ step: CompletionContext.Step, of value: LuaValue) -> LuaValue? {
    let key: LuaValue =
      switch step {
      case .name(let name): .string(name)
      case .index(let index): .integer(index)
      }
    if case .userdata = value {
      guard case .name(let name) = step, let members = members(of: value),
        members.fields.contains(name) || ownFields(value).contains(name)
      else { return nil }
      return try? state.get(value, key)
    }
    for table in tables(of: value) {
      let found = state.rawGet(table, key)
      if !found.isNil { return found }
    }
    return nil
  }

  /// A table and what its `__index` leads to; of a string the library.
  private func tables(of value: LuaValue) -> [LuaReference] {
    var tables: [LuaReference] = []
    var next = value
    if case .table(let table) = value { tables.append(table) }
    while tables.count < Limits.indexChain, case .table(let table) = state.metafield(next, "__index") {
      tables.append(table)
      next = .table(table)
    }
    return tables
  }

  private func members(of value: LuaValue) -> Members? {
    guard case .string(let name) = state.metafield(value, "__name") else { return nil }
    return classes[name.description]
  }

  private func candidates(in table: LuaReference, methodsOnly: Bool) -> [Completion.Candidate] {
    state.pairs(of: table, limit: Limits.completionKeys).compactMap { key, value in
      guard case .string(let name) = key, LuaText.isName(name.bytes) else { return nil }
      let kind: Completion.Candidate.Kind
      switch value {
      case .function: kind = methodsOnly ? .method : .function
      case .table: kind = .table
      case .userdata: kind = .object
      default: kind = .value
      }
      return methodsOnly && kind != .method ? nil : Completion.Candidate(name.description, kind)
    }
  }

  // MARK: CompletionSource

  package func globals() -> [Completion.Candidate] {
    globalTable.map { candidates(in: $0, methodsOnly: false) } ?? []
  }

  package func members(of path: [CompletionContext.Step], methodsOnly: Bool) -> [Completion.Candidate] {
    guard let value = value(at: path) else { return [] }
    if case .userdata = value, let members = members(of: value) {
      let fields =
        methodsOnly ? [] : (members.fields + ownFields(value)).map { Completion.Candidate($0, .field) }
      return members.methods.map { Completion.Candidate($0, .method) } + fields
    }
    return tables(of: value).flatMap { candidates(in: $0, methodsOnly: methodsOnly) }
  }

  package func options(of call: CompletionContext.Call) -> [String] {
    let types = declared(call).flatMap { $0.parameters.map(\.type) }
    let isMap = types.contains { $0.mapKeys.contains(where: \.mayBeChannel) }
    return (isMap ? channelNames(object(of: call), false) : [])
      + types.flatMap { $0.optionFields.map(\.name) }
  }

  /// What the reference says of a call.
  private func declared(_ call: CompletionContext.Call) -> [ReferenceEntry] {
    call.name.map { Reference.entries(member: $0, owner: owner(object(of: call))) } ?? []
  }

  /// The object before the colon, or the table before the last dot.
  private func object(of call: CompletionContext.Call) -> LuaValue {
    value(at: call.method == nil ? Array(call.path.dropLast()) : call.path) ?? .nil
  }

  package func strings(
    in call: CompletionContext.Call?, argument: Int, key: String?, startingWith prefix: String
  ) -> [Completion.Candidate] {
    guard let call, let name = call.name else {
      return channelNames(.nil, false).map { Completion.Candidate($0, .channel) }
    }
    let entries = declared(call)
    let types = entries.compactMap { $0.parameter(argument - 1)?.type }.flatMap { type in
      key.map { key in type.optionFields.filter { $0.name == key }.map(\.type) } ?? [type]
    }
    let isLuas =
      key.map { entries.isEmpty && Self.fileKeys.contains($0) }
      ?? (argument == 1 && Self.fileFunctions.contains(name))
    if isLuas || types.contains(where: { $0.mayBe("Path") }) {
      return FileNames.candidates(startingWith: prefix)
    }
    let all = types + types.flatMap(\.listed)
    if key != nil, !all.contains(where: \.mayBeChannel) { return [] }
    return channelNames(object(of: call), all.contains { $0.mayBe("SourceChannel") }).map {
      Completion.Candidate($0, .channel)
    }
  }

  package func commands() -> [String] { commandNames }

  package func arguments(of command: String, startingWith prefix: String) -> [Completion.Candidate] {
    if fileCommands.contains(command) { return FileNames.candidates(startingWith: prefix) }
    if command == "help" { return commandNames.map { Completion.Candidate($0, .command) } + globals() }
    if command == "log" { return jobNames().map { Completion.Candidate($0, .value) } }
    return globals()
  }
}
