import Bela
import Foundation
import Testing

@Suite struct BelaFuzzTests {
  @Test(arguments: [1, 2, 3] as [UInt64])
  func decodersSurviveMutatedCaptures(_ seed: UInt64) throws {
    let corpus = try BelaFuzz.Corpus(folder: Capture.folder.path)
    let report = BelaFuzz.run(iterations: 8_000, seed: seed, corpus: corpus)
    #expect(!report.isBlind, "\(report)")
  }
}
