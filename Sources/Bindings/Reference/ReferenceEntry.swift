package import Lua

/// One function, method, field or constant that scripts can use, declared once: what registers it takes its options from
/// here, and `name?`, completion, `check`, the reference in REPL.md and the editor definitions are all made from these.
public struct ReferenceEntry: Sendable {
  public enum Kind: Sendable { case function, method, field, constant }

  package struct Parameter: Sendable {
    package let name: String
    package let isOptional: Bool
    package let type: APIType

    /// As a signature shows it.
    var title: String { isOptional ? name + "?" : name }
  }

  /// `sleep`, `bela.connect`, `Streamer:read`, `Series.clock`.
  public let name: String
  public let kind: Kind
  package let parameters: [Parameter]
  /// The results, none for none, and as they are written.
  package let results: [APIType]
  private let returns: [String]
  /// What it does, with units and defaults.
  public let text: String
  /// What happens when it cannot.
  public let failure: Failures
  /// Lua that a test runs on a simulated board with a running streamer: `board`, `s`, `frame`, `x` are there.
  public let example: String

  /// - Parameter signature: `timeout?: Span; options?: {quiet?:boolean} -> Frame?; string?`
  init(
    _ name: String, _ signature: String, _ text: String, failure: Failures = "", example: String,
    kind: Kind? = nil
  ) {
    self.name = name
    let sides = signature.components(around: "->")
    parameters = sides.0.split(separator: ";").map { part in
      let (name, type) = String(part).components(around: ":")
      return Parameter(
        name: name.filter { $0 != "?" }, isOptional: name.hasSuffix("?"),
        type: APIType(type.isEmpty ? "any" : type))
    }
    returns = sides.1.split(separator: ";").map { String($0).trimmed }
    results = returns.map { APIType($0) }
    self.text = text
    self.failure = failure
    self.example = example
    self.kind = kind ?? (name.contains(":") ? .method : .function)
  }

  /// The parameter at an index from 0; further arguments are of the last one's type where that takes any number.
  package func parameter(_ index: Int) -> Parameter? {
    if parameters.indices.contains(index) { return parameters[index] }
    return parameters.last.flatMap { $0.name == "..." ? $0 : nil }
  }

  /// The class or table it belongs to, empty for globals.
  public var owner: String {
    String(name.prefix { $0 != ":" && $0 != "." }) == name
      ? "" : String(name.prefix { $0 != ":" && $0 != "." })
  }

  /// The last part of the name.
  public var member: String { owner.isEmpty ? name : String(name.dropFirst(owner.count + 1)) }

  /// Without its full stop.
  public var firstSentence: String {
    let end = text.firstRange(of: ". ")?.lowerBound ?? text.endIndex
    return String(text[..<end].reversed().drop { $0 == "." }.reversed())
  }

  /// How it is called: `Streamer:read(timeout?) -> Frame?, string?`.
  public var signature: String {
    let result = returns.isEmpty ? "" : " -> " + returns.joined(separator: ", ")
    switch kind {
    case .field, .constant: return name + (returns.isEmpty ? "" : ": " + returns.joined(separator: ", "))
    case .function, .method: return "\(name)(\(parameters.map(\.title).joined(separator: ", ")))\(result)"
    }
  }
}

extension String {
  fileprivate func components(around separator: String) -> (String, String) {
    guard let range = firstRange(of: separator) else { return (trimmed, "") }
    return (String(self[..<range.lowerBound]).trimmed, String(self[range.upperBound...]).trimmed)
  }

  fileprivate var trimmed: String {
    var rest = Substring(self)
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return String(rest)
  }
}

/// Everything that scripts can use, in the order of REPL.md.
public enum Reference {
  public static let groups: [(title: String, entries: [ReferenceEntry])] = [
    ("Sources", sources), ("Bela", bela), ("Streamers", streamers), ("Recording", recording),
    ("Signals", signals), ("Synnax", synnax), ("Frames", frames), ("Series", series), ("Plots", plots),
    ("Time", time), ("Tasks", tasks), ("Errors", errors), ("Notebook", notebook),
  ]

  public static let entries: [ReferenceEntry] = groups.flatMap(\.entries)

  package static let byName = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0) })

  /// Those that a call may mean: all members of that name when nobody knows what it is made on.
  package static func entries(member: String, owner: String?) -> [ReferenceEntry] {
    (byMember[member] ?? []).filter { owner == nil || $0.owner == owner }
  }

  private static let byMember = Dictionary(grouping: entries, by: \.member)

  /// What is declared of a name that is being registered.
  package static func declaration(_ name: String) -> LuaDeclaration {
    guard let declared = declarations[name] else { preconditionFailure("\(name) is declared nowhere") }
    return declared
  }

  private static let declarations = byName.mapValues { entry in
    LuaDeclaration(options: entry.parameters.map(\.type.optionKeys))
  }

  /// The entry that a person may mean: `sleep`, `Streamer:read`, `streamer.read`, and `read` alone when only one has it.
  public static func find(_ name: String) -> [ReferenceEntry] {
    let wanted = name.lowercased().replacing(":", with: ".")
    let all = entries
    let exact = all.filter { $0.name.lowercased().replacing(":", with: ".") == wanted }
    return exact.isEmpty ? all.filter { $0.member.lowercased() == wanted } : exact
  }
}
