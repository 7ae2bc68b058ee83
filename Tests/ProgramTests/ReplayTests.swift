import TestSupport
import Testing

/// `moontide replay`, by which instructions are counted.
@Suite struct ReplayTests {
  @Test(arguments: [
    ["synnax", "--channels", "10", "--bursts", "3"],
    ["synnax", "--channels", "100", "--samples", "10", "--loop", "join", "--bursts", "3"],
    ["synnax", "--channels", "7", "--shape", "turns", "--bursts", "3"],
    ["synnax", "--channels", "5", "--streams", "3", "--readers", "2", "--bursts", "2"],
    ["bela", "--channels", "2", "--bursts", "3", "--loop", "join"],
  ])
  func everyMessageTakesTheShortWayToLua(_ arguments: [String]) async throws {
    try await onThread {
      let outcome = try ProgramRunner.run(["replay"] + arguments)
      #expect(outcome.exitCode == 0, "\(outcome)")
      #expect(outcome.output.contains(" stray 0 "), "\(outcome)")
      #expect(!outcome.output.contains(" samples 0 "), "\(outcome)")
    }
  }
}
