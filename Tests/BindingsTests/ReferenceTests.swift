import Bindings
import Lua
import TestSupport
import Testing

/// The table behind `name?`, REPL.md and the editor definitions says what there is, all of it, and its examples run.
@Suite struct ReferenceTests {
  @Test func everyMethodAndFieldHasAnEntryAndEveryEntryIsThere() async throws {
    try await onThread {
      let bench = try Bench()
      let classes = Set(bench.library.classList.members.map(\.name))
      let described = Set(
        Reference.entries.filter { classes.contains($0.owner) && $0.kind != .constant }.map(\.name))
      var existing: Set<String> = []
      for (name, methods, fields) in bench.library.classList.members {
        existing.formUnion(methods.map { "\(name):\($0)" })
        existing.formUnion(fields.map { "\(name).\($0)" })
      }
      // Functions of the tables that make the objects stand under the class's name.
      let functions = described.subtracting(existing).filter { !$0.hasSuffix(".now") }
      #expect(existing.subtracting(described).sorted() == [])
      #expect(functions.sorted() == [])
    }
  }

  @Test func everyGlobalHasAnEntry() async throws {
    try await onThread {
      let plain = try LuaState()
      let bench = try Bench()
      func names(_ state: LuaState) -> Set<String> {
        guard case .table(let globals) = state.global("_G") else { return [] }
        return Set(state.pairs(of: globals).compactMap { $0.key.string })
      }
      let ours = names(bench.state).subtracting(names(plain)).union(["select"])
      let described = Set(Reference.entries.map { $0.owner.isEmpty ? $0.name : $0.owner })
      #expect(ours.subtracting(described).sorted() == [])
      plain.close()
    }
  }

  // The notebook's functions are the program's: NotebookTwinTests run those.
  @Test(.serialized, arguments: Reference.groups.map(\.title).filter { $0 != "Notebook" })
  func itsExamplesRun(_ group: String)
    async throws
  {
    try await onThread {
      let bench = try Bench()
      for entry in Reference.groups.filter({ $0.title == group }).flatMap(\.entries) {
        // The default board is the one connected last; examples about connecting close theirs.
        if group == "Sources" { try bench.run("if board then board:close() end") }
        try bench.run(Bench.setting)
        do { try bench.run(entry.example) } catch { Issue.record("\(entry.name): \(error)") }
        try bench.run("s:close()")
      }
    }
  }

  @Test func aNameFindsItsEntry() {
    #expect(Reference.find("sleep").map(\.name) == ["sleep"])
    #expect(Reference.find("streamer.read").map(\.name) == ["Streamer:read"])
    #expect(Reference.find("fft").map(\.name) == ["Series:fft"])
    #expect(Reference.find("nonsense").isEmpty)
  }

  @Test func aSignatureReadsAsItIsCalled() throws {
    let entry = try #require(Reference.find("Streamer:read").first)
    #expect(entry.signature == "Streamer:read(timeout?) -> Frame?, string?")
  }
}
