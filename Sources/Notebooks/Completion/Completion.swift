/// What could stand at the cursor.
package struct Completion: Equatable, Sendable {
  package struct Candidate: Hashable, Sendable {
    package enum Kind: Sendable {
      case keyword, function, table, object, value, method, field, option, channel, file, folder, command
    }
    /// What replaces the range.
    package var text: String
    package var kind: Kind
    package init(_ text: String, _ kind: Kind) {
      self.text = text
      self.kind = kind
    }
  }

  /// Bytes of the text.
  package var range: Range<Int>
  /// Sorted, each text once.
  package var candidates: [Candidate]

  /// The longest beginning that all candidates share.
  package var commonPrefix: String {
    guard var common = candidates.first.map({ Array($0.text.utf8) }) else { return "" }
    for candidate in candidates.dropFirst() {
      common = Array(zip(common, candidate.text.utf8).prefix { $0 == $1 }.map(\.0))
    }
    // Never half a character.
    while !common.isEmpty, String(validating: common, as: UTF8.self) == nil { common.removeLast() }
    return String(decoding: common, as: UTF8.self)
  }

  package init(_ text: [UInt8], cursor: Int, from source: some CompletionSource) {
    let context = CompletionContext(text, cursor: cursor)
    range = context.range
    var found: [Candidate]
    switch context.kind {
    case .none: found = []
    case .command: found = source.commands().map { Candidate($0, .command) }
    case .commandArgument(let command): found = source.arguments(of: command, startingWith: context.prefix)
    case .global: found = source.globals() + Self.keywords(context.prefix)
    case .field(let path): found = source.members(of: path, methodsOnly: false)
    case .method(let path): found = source.members(of: path, methodsOnly: true)
    case .option(let call):
      found = source.options(of: call).map { Candidate($0, .option) }
      // Values are many; they show where no option can be meant.
      if !found.contains(where: { $0.text.hasPrefix(context.prefix) }) { found = source.globals() }
    case .string(let call, let argument, let key):
      found = source.strings(in: call, argument: argument, key: key, startingWith: context.prefix)
    }
    var seen: Set<String> = []
    found = found.filter { $0.text.hasPrefix(context.prefix) && seen.insert($0.text).inserted }
    // What a name hides by an underscore in front shows up when one is typed.
    if context.prefix.isEmpty, context.kind == .global || context.isOption {
      found.removeAll { $0.text.hasPrefix("_") }
    }
    found.sort { $0.text < $1.text }
    candidates = Array(found.prefix(Limits.completionCandidates))
  }

  private static func keywords(_ prefix: String) -> [Candidate] {
    prefix.isEmpty ? [] : LuaKeyword.allCases.map { Candidate($0.rawValue, .keyword) }
  }
}

/// Where candidates come from. Must never run what a user wrote; what does not begin with the prefix is sorted out later.
package protocol CompletionSource {
  func globals() -> [Completion.Candidate]
  func members(of path: [CompletionContext.Step], methodsOnly: Bool) -> [Completion.Candidate]
  func options(of call: CompletionContext.Call) -> [String]
  func strings(
    in call: CompletionContext.Call?, argument: Int, key: String?, startingWith prefix: String
  ) -> [Completion.Candidate]
  func commands() -> [String]
  func arguments(of command: String, startingWith prefix: String) -> [Completion.Candidate]
}
