import Bindings

/// What the values of a script's expressions are, by simple flow: a variable is what all its definitions agree on.
final class ScriptTypes {
  private let api: ScriptAPI
  private let definitions: ScriptDefinitions
  private var known: [Variable: ScriptType] = [:]
  private var underWay: Set<Variable> = []
  /// Definitions looked at; what is not known after so many stays unknown.
  private var steps = 0

  init(api: ScriptAPI, definitions: ScriptDefinitions) {
    self.api = api
    self.definitions = definitions
  }

  // MARK: Variables

  func type(of variable: Variable) -> ScriptType {
    if let type = known[variable] { return type }
    // `s = s:stop()` says nothing new about s.
    if underWay.contains(variable) { return .none }
    steps += 1
    guard underWay.count < Limits.flowDepth, steps < Limits.flowSteps else { return .unknown }
    underWay.insert(variable)
    defer { underWay.remove(variable) }
    let type = (definitions.values[variable] ?? []).reduce(ScriptType.none) { $0.joined(self.type(of: $1)) }
    let settled = type.kind == .none ? .unknown : type
    // In the midst of a ring it is not the last word.
    if underWay.count == 1 { known[variable] = settled }
    return type
  }

  private func type(of definition: Definition) -> ScriptType {
    switch definition {
    case .unknown: .unknown
    case .value(let expression, let result, let cell): type(of: expression, result: result, in: cell)
    case .turn(let expression, let result, let cell): turn(of: expression, result: result, in: cell)
    case .callback(let callee, let argument, let parameter, let cell):
      callback(callee, argument: argument, parameter: parameter, in: cell)
    }
  }

  /// `for frame in s do`, `for f in s:frames{…} do`
  private func turn(of expression: LuaExpression, result: Int, in cell: Int) -> ScriptType {
    let iterated = type(of: expression, in: cell)
    if let name = iterated.className {
      let gives = ["Streamer": "Frame", "Reader": "Frame"][name]
      guard result == 0, let gives else { return .unknown }
      return ScriptType(kind: .object(gives), device: iterated.device, channels: iterated.channels)
    }
    guard let call = call(expression, in: cell), case .function(_, let results)? = call.function.results.first
    else { return .unknown }
    return result < results.count ? made(results[result], from: call.receiver) : .unknown
  }

  private func callback(
    _ callee: LuaExpression, argument: Int, parameter: Int, in cell: Int
  ) -> ScriptType {
    guard let call = call(callee, in: cell), let type = call.function.parameter(argument)?.type,
      case .function(let parameters, _)? = type.alternatives.first(where: {
        if case .function = $0 { true } else { false }
      }), parameter < parameters.count
    else { return .unknown }
    return made(parameters[parameter].type, from: call.receiver)
  }

  // MARK: Expressions

  func type(of expression: LuaExpression, result: Int = 0, in cell: Int) -> ScriptType {
    switch expression.kind {
    case .string where result == 0: return ScriptType(kind: .string)
    case .nil, .false: return .none
    case .name(let name) where result == 0: return type(of: name, in: cell)
    case .parenthesized(let inner) where result == 0: return type(of: inner, in: cell)
    case .binary(let first, let operands) where result == 0: return type(of: first, operands, in: cell)
    case .chain(let base, let suffixes):
      return type(of: base, suffixes[...], result: result, in: cell)
    case .unary(.symbol(.minus), let inner) where result == 0:
      let type = type(of: inner, in: cell)
      return type.className == "Series" ? type : .unknown
    default: return result == 0 ? .unknown : .none
    }
  }

  func type(of name: LuaName, in cell: Int) -> ScriptType {
    guard let variable = Variable(name, cell: cell) else { return .unknown }
    if name.variable != nil || definitions.isGlobal(name.text) { return type(of: variable) }
    // `TimeSpan` and `check` are both: tables that can be called.
    if api.libraries[name.text] != nil { return ScriptType(kind: .library(name.text)) }
    if api.functions[name.text] != nil { return ScriptType(kind: .function(name.text)) }
    return .unknown
  }

  private func type(
    of first: LuaExpression, _ operands: [LuaOperand], in cell: Int
  ) -> ScriptType {
    let types = [type(of: first, in: cell)] + operands.map { type(of: $0.value, in: cell) }
    switch operands[0].operator {
    case .keyword(.or): return types.reduce(.none) { $0.joined($1) }
    case .keyword(.and): return types[types.count - 1]
    case .symbol(.concatenate): return ScriptType(kind: .string)
    case .symbol(.plus), .symbol(.minus), .symbol(.multiply), .symbol(.divide):
      let series = types.filter { $0.className == "Series" }
      return series.first ?? .unknown
    default: return .unknown
    }
  }

  /// Of a chain up to some suffix.
  func type(
    of base: LuaExpression, _ suffixes: ArraySlice<LuaSuffix>, result: Int = 0, in cell: Int
  ) -> ScriptType {
    var type = type(of: base, in: cell)
    for (position, suffix) in suffixes.enumerated() {
      let isLast = position == suffixes.count - 1
      type = step(suffix, from: type, result: isLast ? result : 0)
      if type.kind == .unknown { return type }
    }
    return type
  }

  private func step(_ suffix: LuaSuffix, from type: ScriptType, result: Int) -> ScriptType {
    // What does not exist gives nothing that could be right or wrong.
    if type.kind == .none { return .none }
    switch suffix.kind {
    case .field(let name): return result == 0 ? field(name, of: type) : .none
    case .index(let key):
      guard result == 0, case .string(let bytes) = key.kind else { return .unknown }
      return field(String(decoding: bytes, as: UTF8.self), of: type)
    case .call(let arguments):
      guard let name = type.callee, let function = api.functions[name] else { return .unknown }
      return made(function.results, result, from: source(name, arguments))
    case .method(let name, let arguments):
      guard let className = type.className, let members = api.classes[className] else { return .unknown }
      if let function = members.methods[name] {
        var receiver = type
        if className == "Source" { receiver.channels = listedNames(arguments) }
        return made(function.results, result, from: receiver)
      }
      guard members.fields[name] != nil else { return .none }
      // `s:data("pot1", "2s")` is a series.
      return members.fields[name] == .named("Frame") && !arguments.isEmpty && result == 0
        ? ScriptType(kind: .object("Series"), device: type.device) : .unknown
    }
  }

  private func field(_ name: String, of type: ScriptType) -> ScriptType {
    switch type.kind {
    case .library(let library):
      let path = "\(library).\(name)"
      if api.functions[path] != nil { return ScriptType(kind: .function(path)) }
      if let constant = api.constants[path] { return made(constant, from: .none) }
      let exists =
        api.libraries[library]?.contains(name) ?? true || definitions.added[library]?.contains(name) ?? false
      return exists ? .unknown : .none
    case .object(let className):
      guard let members = api.classes[className] else { return .unknown }
      if let field = members.fields[name] { return made(field, from: type) }
      if members.methods[name] != nil { return .unknown }
      return className == "Frame" ? ScriptType(kind: .object("Series"), device: type.device) : .none
    default: return .unknown
    }
  }

  // MARK: Calls

  struct Call {
    let function: ReferenceEntry
    /// The object before the colon; none for a plain function.
    let receiver: ScriptType
    let arguments: [LuaExpression]
  }

  /// What a call calls, when that is a function of the API.
  func call(_ expression: LuaExpression, in cell: Int) -> Call? {
    guard case .chain(let base, let suffixes) = expression.kind else { return nil }
    return call(base, suffixes[...], in: cell)
  }

  func call(_ base: LuaExpression, _ suffixes: ArraySlice<LuaSuffix>, in cell: Int) -> Call? {
    guard let last = suffixes.last else { return nil }
    let before = type(of: base, suffixes.dropLast(), in: cell)
    switch last.kind {
    case .call(let arguments):
      guard let name = before.callee, let function = api.functions[name] else { return nil }
      return Call(function: function, receiver: source(name, arguments), arguments: arguments)
    case .method(let name, let arguments):
      guard let className = before.className, let function = api.classes[className]?.methods[name] else {
        return nil
      }
      return Call(function: function, receiver: before, arguments: arguments)
    default: return nil
    }
  }

  /// The kind of source that a function connects to.
  private func source(_ function: String, _ arguments: [LuaExpression]) -> ScriptType {
    var type = ScriptType.none
    switch function {
    case "bela.connect", "Streamer": type.device = "bela"
    case "synnax.connect": type.device = "synnax"
    case "connect":
      if case .string(let bytes)? = arguments.first?.kind {
        let url = String(decoding: bytes, as: UTF8.self)
        if url.hasPrefix("synnax") { type.device = "synnax" }
        if ["bela:", "ws:", "sim:"].contains(where: url.hasPrefix) { type.device = "bela" }
      }
    default: break
    }
    return type
  }

  private func made(_ results: [APIType], _ index: Int, from receiver: ScriptType) -> ScriptType {
    index < results.count ? made(results[index], from: receiver) : .unknown
  }

  private func made(_ type: APIType, from receiver: ScriptType) -> ScriptType {
    if let name = api.className(type) {
      return ScriptType(
        kind: .object(name), device: receiver.device,
        channels: ["Streamer", "Reader", "Frame"].contains(name) ? receiver.channels : nil)
    }
    return type.alternatives == [.named("string")] ? ScriptType(kind: .string) : .unknown
  }

  /// `streamer{ "a", "b" }`: the names, when all are written out.
  private func listedNames(_ arguments: [LuaExpression]) -> Set<String>? {
    guard !definitions.changesChannels, case .table(let fields)? = arguments.first?.kind else { return nil }
    var names: Set<String> = []
    for field in fields {
      switch (field.key, field.value.kind) {
      case (.position, .string(let bytes)): names.insert(String(decoding: bytes, as: UTF8.self))
      case (.position, _), (.computed, _): return nil
      default: break
      }
    }
    return names.isEmpty ? nil : names
  }
}
