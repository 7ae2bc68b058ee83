import TestSupport
import Testing

/// What the built program says of tasks and of errors, as a person reads it.
@Suite struct TaskOutputTests {
  private func output(_ input: String) throws -> ProgramRunner.Outcome { try ProgramRunner.run(input: input) }

  @Test func aTaskWithoutANameIsKnownByItsNumber() async throws {
    try await onThread {
      let outcome = try output(
        """
        t = spawn(function() print("hello") error("no") end)
        sleep("20ms")
        t, t.name, spawn{ name = "watch", function() sleep(1) end }
        notebook.log()

        """)
      #expect(
        outcome.output.contains("[3]= task 2: failed, \"task 2\", task 5 \"watch\": ready"), "\(outcome)")
      #expect(outcome.errors.contains("task 2 failed: cell 1, line 1: no\n"), "\(outcome)")
    }
  }

  @Test func anErrorIsShownOnceAndToWhoWaitsForIt() async throws {
    try await onThread {
      for call in ["spawn(bad):wait()", "gather(spawn(bad))", "select({ spawn(bad) })"] {
        let outcome = try output("function bad() sleep('10ms') error('no') end\n\(call)\n")
        #expect(outcome.errors.hasPrefix("cell 1, line 1: no\n"), "\(call): \(outcome)")
        #expect(outcome.errors.split(separator: ": no").count == 2, "\(call): \(outcome)")
      }
      let caught = try output("function bad() error('no') end\nprint(pcall(gather, spawn(bad)))\n")
      #expect(caught.errors.isEmpty && caught.output == "false\tcell 1:1: no\n", "\(caught)")
    }
  }

  @Test func errorValuesAndCheckedTablesAreShownAsTheyAre() async throws {
    try await onThread {
      let cases = [
        ("error({ code = 5 })", "cell 1, line 1: { code = 5 }\n"),
        ("check.equal({ 1 }, { 2 })", "cell 1, line 1: expected { 2 }, got { 1 }\n"),
        ("check.equal('a', 1)", "cell 1, line 1: expected 1, got \"a\"\n"),
        ("gather(5)", "cell 1, line 1: bad argument #1 to 'gather' (task expected, got number)\n"),
        ("s = bela.connect('sim'):streamer{ 'pot1' } s:raed()", "did you mean `read`?"),
        ("s = bela.connect('sim'):streamer{ 'pot1' } return s.data.pto1:mean()", "did you mean `pot1`?"),
      ]
      for (cell, error) in cases {
        let outcome = try output(cell + "\n")
        #expect(outcome.errors.contains(error), "\(cell): \(outcome)")
      }
      let task = try output("spawn(function() error({ code = 5 }) end)\nsleep('20ms')\n")
      #expect(task.errors.hasPrefix("task 2 failed: cell 1, line 1: { code = 5 }\n"), "\(task)")
    }
  }

  @Test func savedCellsSayWhatIsLeftOut() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let outcome = try output(
        """
        login = { password = "lovelace" }
        x = 1
        :save \(folder.path)/a.lua
        :save \(folder.path)/b.lua 2
        print(notebook.load("\(folder.path)/a.lua"))

        """)
      #expect(outcome.output.contains("passwords are left out (•••) in cell 1; password_env"), "\(outcome)")
      #expect(outcome.output.split(separator: "left out").count == 2, "\(outcome)")
      #expect(outcome.output.contains("password = •••") || outcome.output.contains("password = \"•••\""))
    }
  }
}
