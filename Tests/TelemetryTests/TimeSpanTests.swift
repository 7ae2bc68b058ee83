import Telemetry
import Testing

@Suite struct TimeSpanTests {
  @Test(arguments: [
    ("250ms", 250_000_000), ("5s", 5_000_000_000), ("1m30s", 90_000_000_000), ("1.5h", 5_400_000_000_000),
    ("2us", 2000), ("100ns", 100), ("1d", 86_400_000_000_000), ("-3s", -3_000_000_000),
    ("1h 5s", 3_605_000_000_000),
  ])
  func readsUnits(text: String, nanoseconds: Int64) {
    #expect(TimeSpan(text)?.nanoseconds == nanoseconds)
  }

  @Test(arguments: ["", "5", "s", "5 x", "1e9s", "5s5", "nan", "9999999999d", "1.2.3s", "--5s", "5s-3s"])
  func refusesEverythingElse(text: String) {
    #expect(TimeSpan(text) == nil)
  }

  @Test(arguments: ["0s", "250ms", "1.5s", "1m30s", "2us", "100ns", "1d2h3m4.005s", "-1m"])
  func writesWhatItReads(text: String) {
    #expect(TimeSpan(text)?.description == text)
  }

  @Test func sumsStickToTheEnds() {
    let greatest = TimeSpan(nanoseconds: .max)
    #expect(greatest + .second == greatest)
    #expect(TimeSpan(nanoseconds: .min) - .second == TimeSpan(nanoseconds: .min))
    #expect(TimeSpan(nanoseconds: .min).description.hasPrefix("-106751d"))
    #expect(TimeSpan(seconds: .nan) == nil)
    #expect(TimeSpan(seconds: 1e300) == nil)
    #expect(TimeSpan(.seconds(Int64.max)) == greatest)
  }

  @Test func aClockWithoutARateHasNoSeconds() {
    #expect(ClockDomain.ticks(rate: nil).units(.second) == nil)
    #expect(ClockDomain.ticks(rate: 44_100).units(.second) == 44_100)
    #expect(ClockDomain.ticks(rate: 1e300).units(.second) == nil)
    #expect(ClockDomain.unix.units(.second) == 1_000_000_000)
  }

  @Test func anyNumberHasAWholePart() {
    #expect(
      Int(saturating: .nan) == 0 && Int(saturating: .infinity) == .max && Int(saturating: -.infinity) == .min)
    #expect(Int(saturating: 1e300) == .max && Int(saturating: -2.9) == -2 && UInt8(saturating: -1) == 0)
    #expect(Int64.min.flooredRemainder(1_000_000_000) == 145_224_192)
    #expect(Int64(-1).flooredQuotient(10) == -1 && Int64(-1).flooredRemainder(10) == 9)
    #expect(
      Step(units: 1, samples: 0) == Step(units: 1) && Step(units: .min, samples: -3).offset(.max) == .min)
  }
}
