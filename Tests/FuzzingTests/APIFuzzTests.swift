import TestSupport
import Testing

/// Random calls of everything that scripts can call, in the built program: `scripts/fuzz api` for a minute.
@Suite struct APIFuzzTests {
  /// The same calls every time, and some that nobody has seen before; the output says what gives them again.
  @Test(arguments: [1, nil] as [UInt64?])
  func noCallEndsTheProgram(seed: UInt64?) async throws {
    let seed = seed ?? UInt64.random(in: 1...999_999_999)
    try await onThread {
      let folder = try TemporaryFolder()
      let outcome = try ProgramRunner.run(
        ["api", "30s", "\(seed)", "--keep", folder.path], of: "FuzzTool", within: .seconds(300))
      print(outcome.output)
      #expect(outcome.exitCode == 0, "scripts/fuzz api 30s \(seed): \(outcome)")
    }
  }
}
