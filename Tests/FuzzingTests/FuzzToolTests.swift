import Glibc
import TestSupport
import Testing

@Suite struct FuzzToolTests {
  @Test(arguments: ["bela", "synnax"]) func decodersAreFedAndTheReportSaysHow(_ decoder: String) async throws
  {
    try await onThread {
      let outcome = try ProgramRunner.run([decoder, "20000", "7"], of: "FuzzTool")
      #expect(outcome.exitCode == 0, "\(outcome)")
      #expect(outcome.output.hasPrefix("\(decoder), seed 7: 20000 messages: "), "\(outcome)")
      #expect(outcome.output.contains("MiB at most"))
    }
  }

  @Test func takesATimeOnlyForCalls() async throws {
    try await onThread {
      let outcome = try ProgramRunner.run(["api", "0"], of: "FuzzTool")
      #expect(outcome.exitCode == 2)
      #expect(try ProgramRunner.run(["bela", "60s"], of: "FuzzTool").exitCode == 2)
    }
  }

  /// Whoever only runs the program has none of this.
  @Test func theProgramHasNoFuzzer() async throws {
    try await onThread {
      let outcome = try ProgramRunner.run(["fuzz", "bela", "1"])
      #expect(outcome.exitCode == 66, "\(outcome)")
    }
  }

  /// Stands in for a program that crashes, one that never ends, and one that works.
  @Test func aScriptThatFailsIsToldWithWhatRepeatsIt() async throws {
    try await onThread {
      let folder = try TemporaryFolder()
      let stand = folder.path + "/program"
      func told(_ script: String) throws -> String {
        _ = try folder.file("program", "#!/bin/sh\n\(script)\n")
        chmod(stand, 0o755)
        let outcome = try ProgramRunner.run(
          ["api", "1", "5", "--keep", folder.path, "--program", stand], of: "FuzzTool")
        #expect(outcome.exitCode == (script == "exit 0" ? 0 : 1), "\(outcome)")
        return outcome.output
      }
      let well = try told("exit 0")
      #expect(!well.contains("again:"))
      let crash = try told("kill -SEGV $$")
      #expect(
        crash.contains("a crash, signal 11") && crash.contains("again: scripts/fuzz api 1 5\n"), "\(crash)")
      let complaint = try told("echo FUZZ 3: no line")
      #expect(complaint.contains("again: scripts/fuzz api 1 5\n"))
    }
  }
}
