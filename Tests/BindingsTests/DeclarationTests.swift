import Bindings
import Foundation
import Lua
import TestSupport
import Testing

/// What is registered and what is declared is the same; `ReferenceTests` compares the members of classes.
@Suite struct DeclarationTests {
  /// The globals of an interpreter, and the members of those that are tables: `sleep`, `bela.connect`.
  private func names(_ state: LuaState) -> Set<String> {
    guard case .table(let globals) = state.global("_G") else { return [] }
    var names: Set<String> = []
    for (key, value) in state.pairs(of: globals) {
      guard let name = key.string, name != "_G" else { continue }
      guard case .table(let table) = value else {
        names.insert(name)
        continue
      }
      names.formUnion(state.pairs(of: table).compactMap { $0.key.string.map { "\(name).\($0)" } })
      // A table that can be called stands for a function of its name, too.
      if !state.metafield(value, "__call").isNil { names.insert(name) }
    }
    return names
  }

  @Test func whatScriptsReachByNameIsDeclaredAndWhatIsDeclaredIsThere() async throws {
    try await onThread {
      let plain = try LuaState()
      let bench = try Bench()
      let declared = Set(
        Reference.entries.filter { $0.kind == .function || $0.kind == .constant }.map(\.name).filter {
          // The program's own: its tests look at those.
          $0 != "help" && !$0.hasPrefix("notebook.")
        })
      // Two functions of Lua's own do more here.
      let ours = names(bench.state).subtracting(names(plain)).union(["select", "load"])
      #expect(ours.subtracting(declared).sorted() == [])
      #expect(declared.subtracting(ours).sorted() == [])
      plain.close()
    }
  }

  @Test func everyEntryHasANameOfItsOwn() {
    #expect(Set(Reference.entries.map(\.name)).count == Reference.entries.count)
  }

  @Test func whatFailsLikeAnotherEntryNamesOneThatIsThere() {
    let names = Set(Reference.entries.map(\.name))
    for entry in Reference.entries {
      #expect(Set(entry.failure.models).subtracting(names) == [], "\(entry.name)")
    }
  }

  /// Named types that nobody knows would be any string to completion and `check`.
  @Test func everyTypeIsKnown() {
    let known = Set(Reference.entries.map(\.owner)).union(Reference.typeNames).union([
      "any", "nil", "false", "boolean", "number", "integer", "string", "table", "function", "Channels",
    ])
    for entry in Reference.entries {
      for type in entry.parameters.map(\.type) + entry.results {
        #expect(type.names.subtracting(known) == [], "\(entry.name)")
      }
    }
  }

  // MARK: Codes

  private static let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Sources")

  /// What the pattern's group finds in the sources, but for the reference itself, which only speaks of codes, and the
  /// file where.
  private func matches(of pattern: NSRegularExpression) throws -> [String: String] {
    let files = try #require(
      FileManager.default.enumerator(at: Self.sources, includingPropertiesForKeys: nil))
    var found: [String: String] = [:]
    for case let file as URL in files
    where file.pathExtension == "swift" && !file.pathComponents.contains("Reference") {
      let text = try String(contentsOf: file, encoding: .utf8) as NSString
      for match in pattern.matches(in: text as String, range: NSRange(location: 0, length: text.length)) {
        found[text.substring(with: match.range(at: 1))] = file.lastPathComponent
      }
    }
    return found
  }

  /// Codes that no entry of the reference has, each with what raises it.
  private static let beyondTheReference: [String: String] = [
    "error": "any value that Lua raised, and what has no code of its own",
    "exit": "os.exit", "nested": "the scheduler, of a wait where none is possible",
    "syntax": "a cell that does not parse", "parameter": "-p of the command line",
    "input": "options of `moontide simulate`", "sandbox": "Lua's own functions in the sandbox",
    "mismatch": "a computed channel's function, told and not raised", "unknown": "a core that says no more",
    "replay": "the replay that counts instructions", "connection": "a kernel's connection file",
    "message": "what came to a kernel and is no message", "unavailable": "a kernel's libraries",
  ]

  @Test func everyCodeThatTheSourcesRaiseIsDeclared() throws {
    let declared = Set(Reference.entries.flatMap { $0.failure.codes.map(\.rawValue) })
    let pattern = try NSRegularExpression(
      pattern: #"(?:Error|fail|raise)\(\s*(?:code:\s*)?"([a-z_]+)"\s*[,)]"#)
    let raised = try matches(of: pattern)
    #expect(raised.count > 20)
    for (code, file) in raised where Self.beyondTheReference[code] == nil {
      #expect(declared.contains(code), "\(file) raises \(code)")
    }
    #expect(declared.intersection(Self.beyondTheReference.keys) == [])
  }

  @Test func everyCodeThatIsDeclaredIsRaisedSomewhere() throws {
    let pattern = try NSRegularExpression(pattern: #""([a-z_]+)""#)
    let quoted = try matches(of: pattern)
    for code in FailureCode.allCases {
      #expect(quoted[code.rawValue] != nil, "nothing raises \(code.rawValue)")
      #expect(Reference.entries.contains { $0.failure.codes.contains(code) }, "no entry has \(code.rawValue)")
    }
  }
}
