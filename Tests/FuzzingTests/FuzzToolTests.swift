import TestSupport
import Testing

@Suite struct FuzzTests {
  @Test(arguments: ["bela", "synnax"]) func decodersAreFedAndTheReportSaysHow(_ decoder: String) async throws
  {
    try await onThread {
      let outcome = try ProgramRunner.run(["fuzz", decoder, "20000", "7"])
      #expect(outcome.exitCode == 0, "\(outcome)")
      #expect(outcome.output.hasPrefix("\(decoder), seed 7: 20000 messages: "), "\(outcome)")
      #expect(outcome.output.contains("MiB at most"))
    }
  }
}
