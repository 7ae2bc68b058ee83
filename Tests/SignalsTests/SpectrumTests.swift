import Foundation
import Signals
import Telemetry
import TestSupport
import Testing

@Suite struct SpectrumTests {
  private func sine(
    _ count: Int, bin: Double, of size: Int, amplitude: Double = 1, rate: Int64 = 1000, gaps: [Gap] = [],
    skipping: Range<Int> = 0..<0
  ) -> Series {
    let numbers = (0..<count).filter { !skipping.contains($0) }
    let samples = numbers.map { amplitude * sin(2 * .pi * bin * Double($0) / Double(size) + 0.3) }
    let stamps = SampleStorage(numbers.map { Int64($0) * 1_000_000_000 / rate })
    return Series(
      Channel(name: "tone", type: .float64, unit: "V"), SampleStorage(samples),
      timing: .stamped(stamps, offset: 0),
      gaps: gaps)
  }

  @Test(arguments: [SpectrumWindow.hann, .hamming, .blackman, .rect])
  func aSineOnABinShowsItsAmplitude(window: SpectrumWindow) throws {
    for (size, bin) in [(64, 8), (4096, 1000)] {
      let spectrum = try sine(size + 13, bin: Double(bin), of: size, amplitude: 2.5)
        .fft(size: size, window: window, gaps: .raise)
      let magnitudes = values(spectrum.magnitudes)
      #expect(magnitudes.count == size / 2 + 1 && spectrum.frequencies.count == size / 2 + 1)
      #expect(close(magnitudes[bin], 2.5))
      #expect(close(spectrum.frequencies[bin].number!, 1000 * Double(bin) / Double(size)))
      #expect(magnitudes.indices.allSatisfy { abs($0 - bin) <= 2 || magnitudes[$0] < 1e-9 })
      #expect(spectrum.frequencies.channel.unit == "Hz" && spectrum.magnitudes.channel.unit == "V")
    }
  }

  @Test(arguments: [2, 4, 8, 32, 128])
  func matchesTheSlowTransform(size: Int) throws {
    let samples = (0..<size).map { _ in Float.random(in: -1...1) }
    var series = pieces(samples, timing: { .steady(start: Int64($0) * 10, step: Step(units: 10)) })
    series = series[0..<size]
    let magnitudes = values(try series.fft(size: size, window: .rect, gaps: .raise).magnitudes)
    for bin in 0...size / 2 {
      var (real, imaginary) = (0.0, 0.0)
      for (position, sample) in samples.enumerated() {
        let phase = 2 * Double.pi * Double(bin * position % size) / Double(size)
        real += Double(sample) * cos(phase)
        imaginary -= Double(sample) * sin(phase)
      }
      let scale = (bin == 0 || bin == size / 2 ? 1 : 2) / Double(size)
      #expect(abs(magnitudes[bin] - hypot(real, imaginary) * scale) < 1e-12)
    }
  }

  @Test func constantsAreAtZeroHertz() throws {
    let series = pieces(
      [Int8](repeating: 5, count: 64), timing: { .steady(start: Int64($0), step: Step(units: 1)) })
    for window in [SpectrumWindow.hann, .rect] {
      let spectrum = try series.fft(size: 64, window: window, gaps: .raise)
      #expect(close(spectrum.magnitudes[0].number!, 5) && spectrum.magnitudes[10].number! < 1e-12)
      #expect(spectrum.frequencies[0].number == 0 && close(spectrum.frequencies[32].number!, 5e8))
    }
  }

  @Test func gapsAreRefusedOrFilled() throws {
    let gap = Gap(at: 100, samples: 3, reason: .lost)
    let series = sine(256, bin: 4, of: 256, gaps: [gap], skipping: 100..<103)
    #expect(series.count == 253)
    #expect(code { _ = try series.fft(size: 128, window: .hann, gaps: .raise) } == nil)
    #expect(code { _ = try series.fft(size: 256, window: .hann, gaps: .raise) } == "gap")
    let longer = sine(300, bin: 4, of: 256, gaps: [gap], skipping: 100..<103)
    #expect(code { _ = try longer.fft(size: 256, window: .hann, gaps: .raise) } == "gap")
    let filled = try series.fft(size: 256, window: .rect, gaps: .interpolate)
    #expect(abs(filled.magnitudes[4].number! - 1) < 1e-3 && close(filled.frequencies[128].number!, 500))
    let zeroed = try series.fft(size: 256, window: .rect, gaps: .zero)
    #expect(abs(zeroed.magnitudes[4].number! - 1) < 0.03 && abs(zeroed.magnitudes[4].number! - 1) > 1e-4)
    // The window begins right behind the gap.
    #expect(code { _ = try longer[100..<297].fft(size: 128, window: .hann, gaps: .raise) } == nil)
  }

  @Test func hugeAndUnknownGapsAreBounded() throws {
    for (samples, fits) in [(Int64.max, true), (nil, false), (-5, false)] {
      let series = sine(64, bin: 4, of: 64, gaps: [Gap(at: 60, samples: samples, reason: .hole)])
      #expect((code { _ = try series.fft(size: 128, window: .hann, gaps: .interpolate) } == nil) == fits)
      #expect(try series.fft(size: 64, window: .hann, gaps: .zero).magnitudes.count == 33)
    }
  }

  @Test func refusesWhatItCannotTransform() throws {
    let series = sine(64, bin: 4, of: 64)
    for size in [-2, 0, 1, 3, 48] {
      #expect(code { _ = try series.fft(size: size, window: .hann, gaps: .raise) } == "argument")
    }
    let error = #expect(throws: TelemetryError.self) {
      try series.fft(size: 1 << 40, window: .hann, gaps: .raise)
    }
    #expect(error?.code == "empty" && error?.message.contains("64") == true)
    #expect(code { _ = try text.fft(size: 2, window: .hann, gaps: .raise) } == "type")
    #expect(code { _ = try pieces([1.0, 2]).fft(size: 2, window: .rect, gaps: .raise) } == "no_time")
    let rated = Series(
      Channel(name: "x", type: .float32, rate: 50), SampleStorage([Float](repeating: 1, count: 4)))
    #expect(try rated.fft(size: 4, window: .rect, gaps: .raise).frequencies[2].number == 25)
  }

  @Test func aSpectrumHasABound() throws {
    let gap = [Gap(at: 32, samples: .max, reason: .lost)]
    let series = sine(64, bin: 4, of: 64, gaps: gap)
    #expect(code { _ = try series.fft(size: 1 << 40, window: .hann, gaps: .zero) } == "empty")
    #expect(code { _ = try series.fft(size: 1 << 62, window: .hann, gaps: .interpolate) } == "empty")
  }

  // MARK: - Holes that nothing but the times shows

  private let even = (0..<512).map { Double($0) / 250 }

  /// Where a spectrum of a sine of 10 Hz at these times has its peak.
  private func peak(_ times: [Double], _ gaps: SpectrumGaps = .raise) throws -> Double {
    let series = Series(
      Channel(name: "eeg", type: .float64), SampleStorage(times.map { sin(2 * .pi * 10 * $0) }),
      timing: .stamped(SampleStorage(times.map { Int64(($0 * 1e9).rounded()) }, as: .timestamp), offset: 0))
    let spectrum = try series.fft(size: 512, window: .hann, gaps: gaps)
    let values = spectrum.magnitudes.values
    return spectrum.frequencies.values[values.indices.max { values[$0] < values[$1] }!]
  }

  @Test func aHoleInTheTimesIsAGap() throws {
    let holed = even.enumerated().map { $1 + ($0 >= 256 ? 2 : 0) }
    let error = #expect(throws: TelemetryError.self) { try peak(holed) }
    #expect(error?.code == "gap" && error?.message.contains("time") == true)
    #expect(abs(try peak(holed, .zero) - 10) < 0.5)
  }

  @Test func timesThatStepBackAreAGap() {
    let error = #expect(throws: TelemetryError.self) {
      try peak(even.enumerated().map { $1 - ($0 >= 256 ? 60 : 0) })
    }
    #expect(error?.code == "gap" && error?.message.contains("step back") == true)
  }

  @Test func jitterIsNone() throws {
    var state: UInt64 = 7
    let jittered = even.map { time in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return time + (Double(state >> 40) / 0x1p24 - 0.5) * 0.001
    }
    #expect(abs(try peak(jittered) - 9.77) < 0.3)
  }
}
