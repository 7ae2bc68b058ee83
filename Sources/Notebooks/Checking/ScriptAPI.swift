import Bindings
package import Lua

/// What a script can call, for checks that run nothing: names from an interpreter, types from the reference.
package struct ScriptAPI: Sendable {
  struct Class: Sendable {
    var methods: [String: ReferenceEntry] = [:]
    var fields: [String: APIType] = [:]
    var names: [String] { Array(methods.keys) + Array(fields.keys) }
  }

  /// Every global that is there before a script begins.
  private(set) var globals: Set<String> = []
  /// Members of those that are tables, by name.
  private(set) var libraries: [String: Set<String>] = [:]
  /// By name: `sleep`, `bela.connect`.
  private(set) var functions: [String: ReferenceEntry] = [:]
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
    let type = entry.results.first ?? .named("any")
    switch entry.kind {
    case .method: classes[entry.owner, default: Class()].methods[entry.member] = entry
    case .field: classes[entry.owner, default: Class()].fields[entry.member] = type
    case .constant: constants[entry.name] = type
    case .function:
      functions[entry.name] = entry
      // An interpreter without the program around it lacks the notebook's.
      guard !entry.owner.isEmpty else {
        globals.insert(entry.name)
        break
      }
      globals.insert(entry.owner)
      libraries[entry.owner, default: []].insert(entry.member)
    }
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
