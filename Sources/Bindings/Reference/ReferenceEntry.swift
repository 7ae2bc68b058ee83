/// One function, method, field or constant that scripts can use. `name?`, the reference in REPL.md and the editor
/// definitions (`moontide.d.lua`) are all made from these.
public struct ReferenceEntry: Sendable {
  public enum Kind: Sendable { case function, method, field, constant }

  /// `sleep`, `bela.connect`, `Streamer:read`, `Series.clock`.
  public var name: String
  public var kind: Kind
  /// Names with their types, as the editor definitions write them; a name that ends in `?` may be left out.
  public var parameters: [(name: String, type: String)]
  /// Types of the results, as the editor definitions write them; empty for none.
  public var returns: [String]
  /// What it does, with units and defaults.
  public var text: String
  /// What happens when it cannot: the codes it raises or returns.
  public var failure: String
  /// Lua that a test runs on a simulated board with a running streamer: `board`, `s`, `frame`, `x` are there.
  public var example: String

  /// - Parameter signature: `timeout?: Span -> Frame?, string?`
  init(
    _ name: String, _ signature: String, _ text: String, failure: String = "", example: String,
    kind: Kind? = nil
  ) {
    self.name = name
    let sides = signature.components(around: "->")
    parameters = sides.0.split(separator: ";").map { part in
      let pair = String(part).components(around: ":")
      return (pair.0, pair.1)
    }
    returns = sides.1.split(separator: ";").map { String($0).trimmed }
    self.text = text
    self.failure = failure
    self.example = example
    self.kind = kind ?? (name.contains(":") ? .method : .function)
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
    case .function, .method: return "\(name)(\(parameters.map(\.name).joined(separator: ", ")))\(result)"
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

  public static var entries: [ReferenceEntry] { groups.flatMap(\.entries) }

  /// The entry that a person may mean: `sleep`, `Streamer:read`, `streamer.read`, and `read` alone when only one has it.
  public static func find(_ name: String) -> [ReferenceEntry] {
    let wanted = name.lowercased().replacing(":", with: ".")
    let all = entries
    let exact = all.filter { $0.name.lowercased().replacing(":", with: ".") == wanted }
    return exact.isEmpty ? all.filter { $0.member.lowercased() == wanted } : exact
  }
}
