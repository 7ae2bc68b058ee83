import Foundation
import TestSupport
import Testing

/// The history that sessions share, through the built program.
@Suite struct SharedHistoryTests {
  @Test func twoSessionsAtOnceLoseNothingOfEachOther() async throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/state/moontide/history.jsonl"
    // A thousand cells each; the terminals hold some thousand keys, so they are typed as they are taken.
    async let first: Void = Self.type(1_000, named: "a", history: path)
    async let second: Void = Self.type(1_000, named: "b", history: path)
    _ = try await (first, second)
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 2_000)
    var cells: Set<String> = []
    for line in lines {
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      cells.insert(try #require(object?["cell"] as? String))
    }
    #expect(cells == Set(["a", "b"].flatMap { name in (1...1_000).map { "\(name)\($0) = \($0)" } }))
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }

  private static func type(_ count: Int, named name: String, history: String) async throws {
    try await onThread {
      let terminal = try NotebookTerminal.start(environment: ["MOONTIDE_HISTORY": history])
      for start in stride(from: 1, through: count, by: 50) {
        for number in start..<start + 50 { terminal.send("\(name)\(number) = \(number)\r") }
        try terminal.expect("fifty more", within: NotebookTerminal.patience) {
          $0.lastRow == "[\(start + 50)]>"
        }
      }
      #expect(try terminal.end() == .exit(0))
    }
  }

  @Test func aNewSessionRecallsWhatOthersTyped() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let environment = ["MOONTIDE_HISTORY": "", "XDG_STATE_HOME": folder.path]
      func start() throws -> PseudoTerminal {
        let terminal = try PseudoTerminal(columns: 60)
        // An empty variable switches it off, none means the place of the user's state.
        try terminal.run(
          "/usr/bin/env", ["-u", "MOONTIDE_HISTORY", try ProgramRunner.program],
          environment: environment.merging(["MOONTIDE_INIT": ""]) { $1 })
        try terminal.expect("[1]>", within: NotebookTerminal.patience)
        return terminal
      }
      let first = try start()
      try first.cell("for i = 1, 2 do\rend", next: 2)
      try first.cell(" hidden = 1", next: 3)
      try first.cell("b = bela or connect{ password = 'x' }", next: 4)
      #expect(try first.end() == .exit(0))
      let second = try start()
      second.send(NotebookTerminal.up)
      try second.expectLine("[1]> for i = 1, 2 do   > end")
      second.send(NotebookTerminal.control("C"))
      try second.expectLine("[1]>")
      #expect(try second.end() == .exit(0))
    }
  }
}
