import Foundation
import TestSupport
import Testing

/// What README.md and REPL.md show is what the program does.
@Suite struct DocumentTests {
  /// A session as a document shows it: cells with their prompts, and what they print.
  struct Session: Sendable, CustomTestStringConvertible {
    let document: String
    let line: Int
    var input = ""
    var output = ""

    var testDescription: String { "\(document):\(line)" }
  }

  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The Lua blocks of a document that begin with a prompt.
  static func sessions(_ document: String) -> [Session] {
    let path = root.appendingPathComponent(document).path
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
    var sessions: [Session] = []
    var current: Session?
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      if line.hasPrefix("```") {
        if let current, !current.input.isEmpty { sessions.append(current) }
        current = line == "```lua" ? Session(document: document, line: number + 1) : nil
      } else if current != nil {
        if let cell = line.firstMatch(of: /^\[\d+\](?: \d+~!?)?> ?(.*)$/) ?? line.firstMatch(of: /^ +> (.*)$/)
        {
          current!.input += cell.1 + "\n"
        } else if current!.input.isEmpty {
          current = nil
        } else {
          current!.output += line + "\n"
        }
      }
    }
    return sessions
  }

  @Test(arguments: sessions("README.md") + sessions("REPL.md"))
  func aSessionRunsAsItIsShown(_ session: Session) async throws {
    try await onThread {
      // What it saves goes with the folder.
      let folder = try TemporaryFolder()
      let outcome = try ProgramRunner.run(input: session.input, directory: folder.path)
      #expect(outcome.output + outcome.errors == session.output)
    }
  }

  @Test func theReferenceInTheManualIsThatOfTheProgram() async throws {
    try await onThread {
      let manual = try String(contentsOf: Self.root.appendingPathComponent("REPL.md"), encoding: .utf8)
      let reference = try ProgramRunner.run(["reference"]).output
      #expect(manual.hasSuffix(reference), "make it anew with: moontide reference")
    }
  }

  @Test func theReadmeHasASession() {
    #expect(Self.sessions("README.md").count == 1)
  }
}
