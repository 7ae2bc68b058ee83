import Bindings
import Lua
import Notebooks
import Terminal

/// What Tab offers at the prompt: names of this interpreter, of its channels, of files, and commands.
final class TabCompletion {
  let source: LuaCompletionSource

  init(_ library: Library) {
    source = LuaCompletionSource(library.state)
    for (name, methods, fields) in library.classList.members {
      source.add(name, methods: methods, fields: fields)
    }
    source.commandNames = Command.allCases.map(\.rawValue)
    source.fileCommands = Set(Command.allCases.filter(\.takesFile).map(\.rawValue))
    source.ownFields = { [unowned library] in library.ownFields(of: $0) }
    source.channelNames = { [unowned library] object, fromSource in
      library.channelNames(of: object, fromSource: fromSource)
    }
    source.owner = { [unowned self, unowned library] in owner(of: $0, in: library) }
  }

  /// The class of an object, the name of a table such as `bela`; nil when either is unknown.
  private func owner(of value: LuaValue, in library: Library) -> String? {
    switch value {
    case .nil: return nil
    case .table:
      return Set(Reference.entries.map(\.owner)).first { name in
        !name.isEmpty && library.state.areSame(library.state.global(name), value)
      }
    default: return library.className(of: value)
    }
  }

  /// - Parameter cursor: in scalars, as the line editor counts.
  func complete(_ text: String, cursor: Int) -> Terminal.Completion? {
    let bytes = Array(text.utf8)
    let position = String(String.UnicodeScalarView(text.unicodeScalars.prefix(cursor))).utf8.count
    let found = Notebooks.Completion(bytes, cursor: position, from: source)
    guard !found.candidates.isEmpty else { return nil }
    let start = String(decoding: bytes[..<found.range.lowerBound], as: UTF8.self).unicodeScalars.count
    let candidates = found.candidates.map {
      Terminal.Completion.Candidate($0.text, label: Self.label($0))
    }
    let suffix = found.candidates.count == 1 ? Self.suffix(found.candidates[0], bytes, found.range) : ""
    return .init(range: start..<cursor, candidates: candidates, suffix: suffix)
  }

  private static func label(_ candidate: Notebooks.Completion.Candidate) -> String {
    switch candidate.kind {
    case .function, .method: return candidate.text + "()"
    case .file, .folder:
      // The folder is the same in all of them.
      let path = candidate.text.hasSuffix("/") ? candidate.text.dropLast() : Substring(candidate.text)
      return path.lastIndex(of: "/").map { String(candidate.text[candidate.text.index(after: $0)...]) }
        ?? candidate.text
    default: return candidate.text
    }
  }

  /// What stands behind the only candidate: the quote that closes a name, an option's `=`.
  private static func suffix(
    _ candidate: Notebooks.Completion.Candidate, _ bytes: [UInt8], _ range: Range<Int>
  ) -> String {
    switch candidate.kind {
    case .option: return " = "
    case .command: return " "
    case .channel, .file:
      guard range.lowerBound > 0 else { return "" }
      let quote = bytes[range.lowerBound - 1]
      guard quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'"),
        range.upperBound >= bytes.count || bytes[range.upperBound] != quote
      else { return "" }
      return String(decoding: [quote], as: UTF8.self)
    default: return ""
    }
  }
}
