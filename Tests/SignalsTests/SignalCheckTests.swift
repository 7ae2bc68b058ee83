import Signals
import Telemetry
import TestSupport
import Testing

@Suite struct SignalCheckTests {
  private let channel = Channel(name: "x", type: .float64, clock: .ticks(rate: 1000))

  private func part(_ samples: [Double], at start: Int, gaps: [Gap] = []) -> Frame {
    Frame([
      Series(
        channel, SampleStorage(samples), timing: .steady(start: Int64(start), step: Step(units: 1)),
        gaps: gaps)
    ])
  }

  /// The verdict on samples of 1 kHz that come in pieces; nil while there is none.
  private func result(
    _ condition: SignalCheck.Condition, _ samples: [Double], piece: Int = 3, within: String = "20ms"
  ) -> SignalCheck.Verdict? {
    var check = SignalCheck(channel, condition, within: TimeSpan(within)!)
    for start in stride(from: 0, to: samples.count, by: piece) {
      let end = min(samples.count, start + piece)
      if let verdict = check.add(part(Array(samples[start..<end]), at: start)) { return verdict }
    }
    return nil
  }

  private let ramp = (0..<30).map { Double($0) / 10 }

  @Test(arguments: [1, 4, 30]) func aRiseIsSeenAtItsSample(piece: Int) throws {
    let verdict = try #require(result(.risesAbove(1), ramp, piece: piece))
    #expect(verdict.passed && verdict.sentence == "x rose above 1 at sample 12 (1.1)")
    #expect(verdict.window["x"]?.count == 12)
  }

  @Test(arguments: [1, 4, 30]) func whatNeverHappensFailsWhenTheSpanIsOver(piece: Int) throws {
    let low = try #require(result(.risesAbove(5), ramp, piece: piece))
    #expect(!low.passed && low.sentence == "x did not rise above 5 within 20ms: from 0 to 2")
    #expect(low.window["x"]?.count == 21)
    let high = try #require(result(.risesAbove(-1), ramp, piece: piece))
    #expect(!high.passed && high.sentence.hasSuffix("from 0 to 2, and that from the beginning"))
    let fall = try #require(result(.fallsBelow(0), ramp, piece: piece))
    #expect(!fall.passed)
    #expect(result(.fallsBelow(1), ramp.reversed(), piece: piece)?.passed == true)
  }

  @Test(arguments: [1, 4, 30]) func whatHasToLastFailsAtTheFirstSampleThatDoesNot(piece: Int) throws {
    let out = try #require(result(.staysBetween(0, 1.5), ramp, piece: piece))
    #expect(!out.passed && out.sentence == "x was 1.6 at sample 17, not between 0 and 1.5")
    #expect(result(.staysBetween(0, 3), ramp, piece: piece)?.passed == true)
    #expect(result(.staysAbove(0), ramp, piece: piece)?.passed == false)
    #expect(result(.staysBelow(5), ramp, piece: piece)?.sentence == "x stayed below 5 for 20ms")
    #expect(result(.staysBelow(5), ramp, within: "40ms") == nil)
    #expect(result(.staysBetween(-9, 9), [0, .nan, 0])?.passed == false)
  }

  @Test func aGapIsFoundAndNamed() throws {
    var check = SignalCheck(channel, .hasNoGap, within: TimeSpan("10ms")!)
    #expect(check.add(part([1, 2, 3], at: 0)) == nil)
    let verdict = check.add(part([4, 5], at: 7, gaps: [Gap(at: 0, samples: 4, reason: .lost)]))
    #expect(verdict?.sentence == "x has a gap at sample 4: 4 samples are missing (lost)")
    #expect(result(.hasNoGap, ramp)?.passed == true)
  }

  @Test func silenceIsNoSuccess() {
    for condition in [SignalCheck.Condition.staysBelow(1), .risesAbove(1), .hasNoGap] {
      let check = SignalCheck(channel, condition, within: TimeSpan("5s")!)
      #expect(!check.finish().passed && check.finish().sentence == "no sample of x came within 5s")
    }
    var cut = SignalCheck(channel, .staysBelow(9), within: TimeSpan("5s")!)
    #expect(cut.add(part([1, 2], at: 0)) == nil)
    #expect(cut.finish().sentence == "only x 1ms of 5s came")
    #expect(!cut.finish().passed)
  }

  @Test func rareValuesStayWhatTheyAreInBetween() {
    var rare = channel
    rare.mode = .sparse
    var check = SignalCheck(rare, .staysBelow(9), within: TimeSpan("5s")!)
    #expect(
      check.add(Frame([Series(rare, SampleStorage([1.0]), timing: .steady(start: 0, step: Step(units: 1)))]))
        == nil)
    #expect(check.finish().passed)
  }

  @Test func textIsNoNumber() {
    let words = Channel(name: "words", type: .string, clock: .ticks(rate: 1))
    let check = SignalCheck(words, .staysBelow(1), within: TimeSpan("1s")!)
    #expect(!check.finish().passed)
  }
}
