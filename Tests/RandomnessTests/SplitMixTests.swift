import Randomness
import Testing

@Suite struct SplitMixTests {
  /// The row that the algorithm's authors publish for the seed 1234567.
  @Test func itIsTheGeneratorThatItsNameSays() {
    var random = SplitMix(seed: 1_234_567)
    let row = (0..<5).map { _ in random.next() }
    #expect(
      row == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
        4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
      ])
  }

  @Test func anyPlaceOfTheRowCanBeAskedFor() {
    var random = SplitMix(seed: 7)
    for place in UInt64(1)...100 {
      #expect(random.next() == SplitMix.mixed(7 &+ place &* 0x9E37_79B9_7F4A_7C15))
    }
  }
}
