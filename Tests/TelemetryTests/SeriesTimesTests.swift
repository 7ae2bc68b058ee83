import Randomness
import Foundation
import Telemetry
import TestSupport
import Testing

/// What nothing but the times of samples tells.
@Suite struct SeriesTimesTests {
  /// A sine of 10 Hz at these times, in nanoseconds.
  private func sine(_ times: [Double], _ channel: Channel = Channel(name: "eeg", type: .float64)) -> Series {
    Series(
      channel, SampleStorage(times.map { sin(2 * .pi * 10 * $0) }),
      timing: .stamped(SampleStorage(times.map { Int64(($0 * 1e9).rounded()) }, as: .timestamp), offset: 0))
  }

  private let even = (0..<512).map { Double($0) / 250 }
  private var holed: [Double] { even.enumerated().map { $1 + ($0 >= 256 ? 2 : 0) } }

  @Test func aHoleInTheTimesIsAGap() throws {
    let series = sine(holed)
    #expect(series.gaps.isEmpty)
    #expect(series.gapsWithTimes == [Gap(at: 256, samples: 500, reason: .time)])
    #expect(abs(try #require(series.measuredRate) - 250) < 1e-6)
    // A part without it is well.
    #expect(series[256..<512].gapsWithTimes.isEmpty)
  }

  @Test func oneSampleLeftOutIsSeen() {
    let times = even.enumerated().filter { $0.offset != 100 }.map(\.element)
    #expect(sine(times).gapsWithTimes == [Gap(at: 100, samples: 1, reason: .time)])
  }

  @Test func timesThatStepBackAreAGapOfUnknownSize() throws {
    let series = sine([0, 0.1, 0.2, -200_000, -199_999.9, 0.5])
    #expect(series.gapsWithTimes.map(\.at) == [3, 5])
    #expect(series.gapsWithTimes.first == Gap(at: 3, samples: nil, reason: .restart))
    #expect(abs(try #require(series.measuredRate) - 10) < 1e-6)
  }

  @Test func jitterAndRoundedTimesAreNone() throws {
    var random = SplitMix(seed: 7)
    let jittered = even.map { $0 + Double.random(in: -0.0005...0.0005, using: &random) }
    #expect(sine(jittered).gapsWithTimes.isEmpty)
    // 44.1 kHz in whole microseconds, 300 Hz in whole milliseconds.
    for (rate, unit) in [(44_100.0, 1e6), (300, 1e3), (1000, 1e9)] {
      let times = (0..<5000).map { (Double($0) / rate * unit).rounded() / unit }
      #expect(sine(times).gapsWithTimes.isEmpty, "\(rate)")
      #expect(abs(try #require(sine(times).measuredRate) / rate - 1) < 1e-3)
    }
  }

  @Test func whatIsToldIsNotToldTwiceAndRareValuesHaveNoHoles() {
    var told = sine(holed)
    told = Series(
      told.channel, chunks: told.chunks, gaps: [Gap(at: 256, samples: nil, reason: .reconnect)])
    #expect(told.gapsWithTimes == [Gap(at: 256, samples: 500, reason: .reconnect)])
    #expect(abs((told.measuredRate ?? 0) - 250) < 1e-6)
    let rare = Channel(name: "button", type: .float64, mode: .sparse)
    #expect(sine([0, 0.1, 0.2, 0.3, 0.4, 60, 60.1, 3600], rare).gapsWithTimes.isEmpty)
    #expect(Series.untimed([1, 2, 3, 4, 5, 6]).gapsWithTimes.isEmpty)
  }

  @Test func runsOfEvenTimesAreSteps() {
    // Three samples a tick, in chunks: whole ticks between them are no holes; a hundred ticks are.
    func chunk(_ start: Int64) -> Chunk {
      Chunk(
        SampleStorage([Double](repeating: 0, count: 300)),
        timing: .steady(start: start, step: Step(units: 1, samples: 3)))
    }
    let channel = Channel.plain()
    let whole = Series(channel, chunks: (0..<8).map { chunk(Int64($0) * 100) })
    #expect(whole.gapsWithTimes.isEmpty && abs((whole.measuredRate ?? 0) / 3000 - 1) < 0.01)
    let broken = Series(channel, chunks: [0, 100, 300, 400].map { chunk($0) })
    #expect(broken.gapsWithTimes.map(\.at) == [600])
    #expect(abs(Double(broken.gapsWithTimes.first?.samples ?? 0) - 300) <= 5)
    #expect(abs((broken.measuredRate ?? 0) / 3000 - 1) < 0.01)
  }

  @Test func timesAtTheEndsOfTheRangeAreReckonedWith() {
    let ends = [Int64.min, -6_000_000_000_000_000_000, 0, 6_000_000_000_000_000_000, .max]
    let series = Series(
      Channel(name: "a", type: .float64), SampleStorage([1.0, 2, 3, 4, 5]),
      timing: .stamped(SampleStorage(ends, as: .timestamp), offset: 0))
    _ = series.gapsWithTimes
    #expect(series.measuredRate.map { $0 > 0 } == true)
    for rate in [0, -1, .nan, .infinity, -.infinity, tiny, 1e308] as [Double] {
      let clock = ClockDomain.ticks(rate: rate)
      let ticks = series.renamed(Channel(name: "a", type: .float64, clock: clock, rate: rate))
      _ = (
        ticks.measuredRate, ticks.gapsWithTimes, ticks.last(units: .max), clock.units(.second),
        clock.seconds(.min)
      )
      #expect((clock.unitsPerSecond == nil) == !(rate > 0 && rate.isFinite))
    }
  }
}

private let tiny = Double.leastNonzeroMagnitude
