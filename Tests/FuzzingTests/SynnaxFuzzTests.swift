import Fuzzing
import Testing

@Suite struct SynnaxFuzzTests {
  @Test(arguments: [1, 2] as [UInt64]) func decodersSurviveMutatedBytes(_ seed: UInt64) throws {
    let outcome = try SynnaxFuzz.run(iterations: 8000, seed: seed)
    #expect(outcome.accepted > 500 && outcome.refused > 500 && !outcome.isBlind)
    #expect(outcome.expansion <= 8)
  }
}
