import Foundation
import TestSupport
import Testing

/// `moontide check` as a user runs it.
@Suite struct CheckTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func anErrorIs65WithItsLineAndColumnAndNothingRuns() async throws {
    try await onThread {
      let script = try folder.file("a.lua", "os.exit(3)\nif x then\n  pritn(1\nend\n")
      let outcome = try ProgramRunner.run(["check", script])
      #expect(outcome.exitCode == 65)
      #expect(
        outcome.output == """
          \(script):4:1: error: ')' expected (to close '(' at line 3) near 'end'
            end
            ^^^

          """)
      #expect(outcome.errors == "1 error, 0 warnings\n")
    }
  }

  @Test func anInvisibleCharacterIsNamedByRunAndCheck() async throws {
    try await onThread {
      let script = try folder.file("nbsp.lua", "x =\u{A0}5\n")
      let hint = "a no-break space (U+00A0) stands in column 4, where Lua wants a plain blank"
      let run = try ProgramRunner.run([script])
      #expect(run.exitCode == 65)
      #expect(run.errors.contains("    x =\\u{A0}5\n  \(hint)\n"), "\(run)")
      let check = try ProgramRunner.run(["check", script])
      #expect(check.output.contains("(\(hint))\n  x =\\u{A0}5\n     ^^^^^^\n"), "\(check)")
    }
  }

  @Test func theExamplesAreCleanAndTheirChannelsExist() async throws {
    try await onThread {
      let examples = ExampleTests.examples.map { ExampleTests.folder.appendingPathComponent($0).path }
      let outcome = try ProgramRunner.run(
        ["check", "--strict", "--source", "sim", "--source", "synnax:sim"] + examples)
      #expect(outcome.exitCode == 0, "\(outcome)")
      #expect(outcome.output.isEmpty && outcome.errors.isEmpty)
    }
  }

  @Test func channelsComeFromASourceOrTheCommandLine() async throws {
    try await onThread {
      let script = "bela.connect():streamer{ 'pot1', 'nope' }\n"
      let asked = try ProgramRunner.run(["check", "--source", "sim", "-"], input: script)
      #expect(asked.exitCode == 65)
      #expect(asked.output.hasPrefix("stdin:1:34: error: the board has no channel `nope`"), "\(asked)")
      let listed = try ProgramRunner.run(["check", "--channels", "pot1,nope", "-"], input: script)
      #expect(listed.exitCode == 0, "\(listed)")
      let gone = try ProgramRunner.run(["check", "--source", "bela://127.0.0.1:1", "-"], input: script)
      #expect(gone.exitCode == 69, "\(gone)")
    }
  }

  @Test func jsonIsOneObjectALine() async throws {
    try await onThread {
      let script = try folder.file("j.lua", "local s = bela.connect():streamer{}\ns:strat()\n")
      let outcome = try ProgramRunner.run(["check", "--json", script])
      #expect(outcome.exitCode == 65)
      let lines = try outcome.output.split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
      #expect(lines.map { $0["kind"] as? String } == ["finding", "summary"])
      #expect(
        lines[0]["line"] as? Int == 2 && lines[0]["column"] as? Int == 3
          && lines[0]["end_column"] as? Int == 8)
      #expect(
        lines[0]["code"] as? String == "unknown-name"
          && lines[0]["hint"] as? String == "did you mean `start`?")
      #expect(lines[1]["errors"] as? Int == 1 && lines[1]["schema"] as? Int == 1)
    }
  }

  @Test func warningsAreNoErrorsUnlessStrict() async throws {
    try await onThread {
      let script = try folder.file("w.lua", "require 'm'\nprint(unheard)\n")
      #expect(try ProgramRunner.run(["check", script]).exitCode == 0)
      #expect(try ProgramRunner.run(["check", "--strict", script]).exitCode == 65)
      #expect(try ProgramRunner.run(["check", "/nowhere.lua"]).exitCode == 66)
      #expect(try ProgramRunner.run(["check", script, "/nowhere.lua"]).exitCode == 66)
      #expect(try ProgramRunner.run(["check"]).exitCode == 2)
      #expect(try ProgramRunner.run(["check", "-p", "nonsense", script]).exitCode == 2)
    }
  }

  @Test func parametersAreCompared() async throws {
    try await onThread {
      let script = try folder.file("p.lua", "-- %% tags=[\"parameters\"]\nspeed = 1\n-- %%\nprint(speed)\n")
      #expect(try ProgramRunner.run(["check", "-p", "speed=2", script]).exitCode == 0)
      let outcome = try ProgramRunner.run(["check", "-p", "sped=2", script])
      #expect(outcome.exitCode == 65)
      #expect(outcome.output.contains("there is no parameter `sped` (did you mean `speed`?)"))
    }
  }
}
