import Bindings
package import Lua

/// What a script can call, for checks that run nothing: names from an interpreter, types from the reference.
package struct ScriptAPI: Sendable {
  /// A function or method: its arguments' types, and those of its results.
  struct Function: Sendable {
    let name: String
    let parameters: [(name: String, type: APIType)]
    let results: [APIType]

    /// Further arguments are of the last type.
    func parameter(_ index: Int) -> (name: String, type: APIType)? {
      if index < parameters.count { return parameters[index] }
      return parameters.last.flatMap { $0.name == "..." ? $0 : nil }
    }
  }

  struct Class: Sendable {
    var methods: [String: Function] = [:]
    var fields: [String: APIType] = [:]
    var names: [String] { Array(methods.keys) + Array(fields.keys) }
  }

  /// Every global that is there before a script begins.
  private(set) var globals: Set<String> = []
  /// Members of those that are tables, by name.
  private(set) var libraries: [String: Set<String>] = [:]
  /// By name: `sleep`, `bela.connect`.
  private(set) var functions: [String: Function] = [:]
  /// By name: `TimeSpan.SECOND`.
  private(set) var constants: [String: APIType] = [:]
  private(set) var classes: [String: Class] = [:]

  /// - Parameter state: an interpreter with its library opened and nothing run; only looked at.
  package init(_ state: LuaState) {
    guard case .table(let table) = state.global("_G") else { return }
    for (key, value) in state.pairs(of: table) {
      guard let name = key.string else { continue }
      globals.insert(name)
      guard case .table(let members) = value, name != "_G" else { continue }
      libraries[name] = Set(state.pairs(of: members).compactMap { $0.key.string })
    }
    // What the session and the command line add.
    globals.formUnion(["In", "Out", "_", "__", "___", "arg"])
    for name in ["In", "Out"] { libraries[name] = nil }
    for entry in Reference.entries { add(entry) }
  }

  private mutating func add(_ entry: ReferenceEntry) {
    let parameters = entry.parameters.map { parameter in
      (name: parameter.name.filter { $0 != "?" }, type: APIType(parameter.type))
    }
    let function = Function(
      name: entry.name, parameters: parameters, results: entry.returns.map(APIType.init))
    switch entry.kind {
    case .method: classes[entry.owner, default: Class()].methods[entry.member] = function
    case .function:
      functions[entry.name] = function
      // An interpreter without the program around it lacks the notebook's.
      guard !entry.owner.isEmpty else {
        globals.insert(entry.name)
        break
      }
      globals.insert(entry.owner)
      libraries[entry.owner, default: []].insert(entry.member)
    case .field:
      classes[entry.owner, default: Class()].fields[entry.member] = function.results.first ?? .named("any")
    case .constant: constants[entry.name] = function.results.first ?? .named("any")
    }
  }

  /// Keys of the options table at a position (from 0) of a function or method, `Streamer:start`; nil where any are fine.
  package func options(of name: String, argument: Int) -> [String]? {
    let function =
      functions[name]
      ?? name.firstIndex(of: ":").flatMap {
        classes[String(name[..<$0])]?.methods[String(name[name.index(after: $0)...])]
      }
    return function?.parameter(argument).flatMap { Self.options(in: $0.type) }
  }

  static func options(in type: APIType) -> [String]? {
    var options: [String]?
    for alternative in type.alternatives {
      switch alternative {
      case .record(let known, _): options = (options ?? []) + known.map(\.name)
      // A plain table may hold anything.
      case .map, .named("table"), .named("any"): return nil
      default: break
      }
    }
    return options
  }

  /// Functions with options tables, and where these stand.
  package var functionsWithOptions: [(name: String, argument: Int)] {
    let all = Array(functions.values) + classes.values.flatMap { Array($0.methods.values) }
    return all.flatMap { function in
      function.parameters.indices.compactMap { index in
        Self.options(in: function.parameters[index].type).map { _ in (function.name, index) }
      }
    }.sorted { $0.0 < $1.0 }
  }

  /// The class that a type names, whatever else it may be.
  func className(_ type: APIType) -> String? {
    let names = type.alternatives.compactMap { alternative -> String? in
      guard case .named(let name) = alternative, classes[name] != nil else { return nil }
      return name
    }
    return names.count == 1 && type.alternatives.count == 1 ? names[0] : nil
  }
}
