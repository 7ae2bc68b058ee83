import TestSupport
import Testing

/// Every command of the notebook has a function that does the same, with an entry in the reference.
@Suite struct NotebookTwinTests {
  @Test func everyFunctionOfTheNotebookHasAnEntry() async throws {
    try await onThread {
      let outcome = try ProgramRunner.run(["-e", "for name in pairs(notebook) do print(name) end"])
      let names = outcome.output.split(separator: "\n").map(String.init)
      let reference = try ProgramRunner.run(["reference"]).output
      #expect(names.count > 10)
      for name in names { #expect(reference.contains("#### `notebook.\(name)("), "\(name)") }
    }
  }

  @Test func theExamplesRun() async throws {
    try await onThread {
      let reference = try ProgramRunner.run(["reference"]).output
      let part = reference.split(separator: "### Notebook")[1]
      let examples = part.matches(of: /```lua\n([\s\S]*?)\n```/).map { String($0.1) }
      #expect(examples.count > 10)
      let cells = examples.flatMap { ["-e", $0] }
      let outcome = try ProgramRunner.run(cells)
      #expect(outcome.exitCode == 0, "\(outcome)")
    }
  }

  @Test func cellsAreSavedAndRunAgain() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let path = folder.path + "/x.lua"
      let cells = """
        a = 1
        error("no")
        b = a + 1
        print(notebook.save("\(path)"))
        print(select(2, pcall(notebook.save, "\(path)")).code)
        print(notebook.save("\(path)", { cells = "3", overwrite = true }))
        b = nil; a = 41; notebook.run("\(path)"); print(b)
        print(#notebook.load("\(path)"))
        """
      let outcome = try ProgramRunner.run(input: cells + "\n")
      #expect(outcome.output == "3\nexists\n1\n42\n16\n", "\(outcome)")
    }
  }
}
