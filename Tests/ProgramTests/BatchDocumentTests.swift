import Foundation
import TestSupport
import Testing

/// The commands of REPL.md's part on batch runs do what is shown there.
@Suite struct BatchDocumentTests {
  struct Command: Sendable {
    var line: String
    var output = ""
  }

  /// The console blocks of the section, each a list of commands. A line with `> ` goes on with the one before.
  static var blocks: [[Command]] {
    let path = DocumentTests.root.appendingPathComponent("REPL.md").path
    guard let text = try? String(contentsOfFile: path, encoding: .utf8),
      let section = text.split(separator: "\n## Batch runs\n").dropFirst().first?.split(separator: "\n## ")
        .first
    else { return [] }
    return section.split(separator: "```console\n").dropFirst().map { rest in
      var commands: [Command] = []
      for line in (rest.split(separator: "\n```").first ?? "").split(separator: "\n") {
        if line.hasPrefix("$ ") {
          commands.append(Command(line: String(line.dropFirst(2))))
        } else if line.hasPrefix("> "), !commands.isEmpty {
          commands[commands.count - 1].line += "\n" + line.dropFirst(2)
        } else if !commands.isEmpty {
          commands[commands.count - 1].output += line + "\n"
        }
      }
      return commands
    }
  }

  /// Times are what they are, and with them the width of their column.
  private func plain(_ text: String) -> String {
    text.replacing(/\d+(\.\d+)? (ms|s)\b/, with: "TIME").replacing(/\x20{2,}/, with: "  ")
  }

  @Test func theSectionHasCommands() { #expect(Self.blocks.flatMap { $0 }.count >= 4) }

  @Test(arguments: blocks) func theCommandsDoWhatIsShown(_ commands: [Command]) async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let program = URL(fileURLWithPath: try ProgramRunner.program).deletingLastPathComponent().path
      for command in commands {
        let output = try Shell.run(
          "cd '\(folder.path)'; PATH='\(program)':$PATH; { \(command.line)\n} 2>&1")
        #expect(plain(output) == plain(command.output), "\(command.line)")
      }
    }
  }
}
