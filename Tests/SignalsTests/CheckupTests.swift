import Signals
import Telemetry
import TestSupport
import Testing

@Suite struct CheckupTests {
  /// What is found in samples that come every 10 ms, ten a frame, of a channel that should have 1 kHz.
  private func sentences(
    _ samples: [Double], rate: Double? = 1000, every milliseconds: Double = 10, stall: Int? = nil,
    stats: StreamStats = StreamStats(), lag: Int = 0
  ) -> [String] {
    let channel = Channel(name: "x", type: .float64, clock: .ticks(rate: 1000), rate: rate)
    var checkup = Checkup([channel])
    var now = TimeSpan.zero
    for start in stride(from: 0, to: samples.count, by: 10) {
      let part = Array(samples[start..<min(samples.count, start + 10)])
      checkup.add(
        Frame([
          Series(channel, SampleStorage(part), timing: .steady(start: Int64(start), step: Step(units: 1)))
        ]),
        at: now)
      now = now + TimeSpan(seconds: milliseconds / 1000)!
      if start / 10 == stall { now = now + .second }
    }
    return checkup.findings(stats, over: .second, lag: lag).map { ($0.isProblem ? "! " : "") + $0.sentence }
  }

  private let noise = (0..<1000).map { _ in Double.random(in: 0.1...0.9) }

  @Test func allIsWell() {
    #expect(
      sentences(noise) == [
        "x: 1 kHz, as it should be", "frames come every 10 ms, ± 0 ms; the longest pause was 10 ms",
      ])
  }

  @Test func aWrongRateAndAStallAreProblems() {
    #expect(sentences(noise, every: 20).first == "! x: 500 Hz measured, 1 kHz expected")
    let stalled = sentences(noise, stall: 50)
    #expect(stalled.last == "! it stalled 1 time")
    #expect(stalled[1] == "frames come every 10 ms, ± 0 ms; the longest pause was 1.01 s")
  }

  @Test func stuckClippedAndBrokenChannelsAreNamed() {
    #expect(sentences([Double](repeating: 0.5, count: 300)).contains("! x: stuck at 0.5, all 300 samples"))
    let clipped = noise.enumerated().map { $0 % 100 < 5 ? 1.0 : $1 }
    #expect(sentences(clipped).contains("! x: clipped at 1, 5 % of its samples"))
    let square = (0..<1000).map { Double($0 / 10 % 2) }
    #expect(sentences(square).filter { $0.hasPrefix("!") } == [])
    var broken = noise
    broken[7] = .nan
    #expect(sentences(broken).contains("! x: 1 of 1000 samples are no numbers"))
    #expect(sentences([]) == ["! x: nothing came in 1s"])
  }

  @Test func lossesAndSlowReadersAreProblems() {
    var stats = StreamStats()
    (stats.lost, stats.gaps, stats.reconnects, stats.dropped, stats.stray) = (12, 1, 2, 30, 4)
    let found = sentences(noise, stats: stats, lag: 500)
    #expect(found.contains("! 12 samples were lost, at 1 gap"))
    #expect(found.contains("! the connection was away 2 times"))
    #expect(found.contains("! its reader is slow: 5s behind, 500 frames"))
    #expect(found.contains("! 30 samples fell out of the buffer before they were read"))
    #expect(found.contains("! 4 samples came for no channel of the stream"))
  }

  @Test func holesInTheTimesAreProblems() {
    let channel = Channel(name: "eeg", type: .float64)
    func found(_ times: [Int64]) -> [String] {
      var checkup = Checkup([channel])
      checkup.add(
        Frame([
          Series(
            channel, SampleStorage(times.indices.map { Double($0 % 50) }),
            timing: .stamped(SampleStorage(times, as: .timestamp), offset: 0))
        ]), at: .zero)
      return checkup.findings(StreamStats(), over: nil).filter(\.isProblem).map(\.sentence)
    }
    let even = (0..<500).map { Int64($0) * 4_000_000 }
    #expect(found(even) == [])
    #expect(
      found(even.enumerated().map { $1 + ($0 >= 200 ? 2_000_000_000 : 0) }) == [
        "eeg: by its times 500 samples are missing, at 1 gap (time)"
      ])
    #expect(
      found(even.enumerated().map { $1 - ($0 >= 200 ? 2_000_000_000 : 0) }) == [
        "eeg: its times step back 1 time (time)"
      ])
  }
}
