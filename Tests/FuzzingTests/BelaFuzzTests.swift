import Foundation
import Fuzzing
import Testing

@Suite struct BelaFuzzTests {
  @Test(arguments: [1, 2, 3] as [UInt64])
  func decodersSurviveMutatedCaptures(_ seed: UInt64) throws {
    let captures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../BelaTests/Captures")
    let corpus = try BelaFuzz.Corpus(folder: captures.path)
    let report = BelaFuzz.run(iterations: 8_000, seed: seed, corpus: corpus)
    #expect(!report.isBlind, "\(report)")
  }
}
