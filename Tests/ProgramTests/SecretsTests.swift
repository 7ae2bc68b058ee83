import Foundation
import TestSupport
import Testing

/// A password that somebody wrote into a cell is in nothing that the program shows or leaves behind.
@Suite struct SecretsTests {
  private static let cells = [
    "core = synnax.connect{ host = \"127.0.0.1\", port = 1, password = \"tr0mbone\" }",
    "core = synnax.connect(\"synnax://ada:tr0mbone@127.0.0.1:1\")",
    "core = connect(\"synnaxs://ada:tr0mbone@127.0.0.1:1\")",
    "core = synnax.connect{ \"sim\", password = 'tr0mbone' }",
    "core = synnax.connect{ port = 1, pasword = \"tr0mbone\" }",
    "core = synnax.connect{ port = 1, password \"tr0mbone\" }",
    "core = synnax.connect{ host = \"h\", password = \"tr0mbone\", password_file = \"f\" }",
    "login = { username = \"ada\", password = \"tr0mbone\" }",
    "login", "In", "error(\"no log-in with \" .. login.password)", "core = synnax.connect{ prot = login }",
  ]

  @Test(arguments: cells.indices) func aCellShowsNoPassword(_ last: Int) async throws {
    try await onThread {
      let source = (last < 8 ? [] : [Self.cells[7]]) + [Self.cells[last]]
      let typed = try ProgramRunner.run(input: source.joined(separator: "\n") + "\n")
      #expect(!typed.description.contains("tr0m"), "\(typed)")
      let folder = try TemporaryFolder()
      let file = try folder.file("a.lua", "-- %%\n" + source.joined(separator: "\n-- %%\n") + "\n")
      let script = try ProgramRunner.run([file])
      #expect(!script.description.contains("tr0m"), "\(script)")
      #expect(last == 7 || !typed.errors.isEmpty || !typed.output.isEmpty)
    }
  }

  @Test func theHistoryKeepsNoPassword() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let history = folder.path + "/history.jsonl"
      let terminal = try PseudoTerminal()
      try terminal.run(
        try ProgramRunner.program, environment: ["MOONTIDE_HISTORY": history, "MOONTIDE_INIT": ""])
      try terminal.expect("[1]>")
      for (number, cell) in [
        "login = { password = \"tr0mbone\" }", "u = \"synnax://ada:tr0mbone@host\"", "kept = 1",
      ].enumerated() {
        terminal.send(cell + "\r")
        try terminal.expect("[\(number + 2)]>")
      }
      terminal.send("\u{4}")
      #expect(try terminal.waitForEnd() == .exit(0))
      let kept = try String(contentsOfFile: history, encoding: .utf8)
      #expect(kept.contains("kept = 1") && !kept.contains("tr0m"), "\(kept)")
    }
  }

  @Test func reportsAndRecordsHoldNoPassword() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let script = try folder.file(
        "a.lua",
        """
        -- %% log in
        login = { host = "127.0.0.1", port = 1, password = "tr0mbone" }
        -- %% shown
        login
        -- %% checked
        check(login.password == "tr0mbone", "it is " .. login.password)
        check(login.password ~= "tr0mbone", "it is " .. login.password)
        """)
      let outcome = try ProgramRunner.run(
        [
          "run", script, "--json", "--junit", folder.path + "/j.xml", "--record-dir",
          folder.path + "/records",
        ])
      #expect(outcome.exitCode == 1 && !outcome.description.contains("tr0m"), "\(outcome)")
      for path in ["/j.xml", "/records/a.run.jsonl"] {
        let text = try String(contentsOfFile: folder.path + path, encoding: .utf8)
        #expect(text.contains("it is •••") && !text.contains("tr0m"), "\(text)")
      }
    }
  }
}
