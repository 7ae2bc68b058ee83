import Signals
import Telemetry
import TestSupport
import Testing

@Suite struct CollectorTests {
  private func channels(_ names: String..., clock: ClockDomain = .unix) -> [Channel] {
    names.map { Channel(name: $0, type: .int32, clock: clock) }
  }

  @Test(arguments: [1, 3, 7, 1000])
  func givesExactlyTheFirstSamplesOfEach(piece: Int) throws {
    var collector = Collector(channels: channels("a", "b"), amount: .samples(2000))
    var frame: Frame?
    var start = 0
    while frame == nil {
      let end = start + piece
      frame = collector.add(
        Frame([run("b", start / 2..<end / 2), run("a", start..<end), run("c", 0..<9)], dropped: 1))
      start = end
    }
    let result = try #require(frame)
    #expect(result.names == ["a", "b"] && range(result["a"]) == 0..<2000 && range(result["b"]) == 0..<2000)
    #expect(result.dropped == Int64(start / piece))
    #expect(start >= 4000 && start < 4000 + 2 * piece)
  }

  @Test func spansCountTheTimeInTheData() throws {
    let clock = ClockDomain.ticks(rate: 1000)
    var collector = Collector(channels: channels("a", "b", clock: clock), amount: .span(.second))
    #expect(collector.add(Frame([run("a", 500..<1501, clock: clock)])) == nil)
    #expect(
      collector.add(Frame([run("a", 1501..<1600, clock: clock), run("b", 0..<1000, clock: clock)])) == nil)
    let last = collector.add(Frame([run("b", 1000..<1100, clock: clock)]))
    let frame = try #require(last)
    #expect(range(frame["a"]) == 500..<1501 && range(frame["b"]) == 0..<1001)
  }

  @Test func aClockThatStartsAnewCountsOn() throws {
    let clock = ClockDomain.ticks(rate: 100)
    var collector = Collector(channels: channels("a", clock: clock), amount: .span(.second))
    #expect(collector.add(Frame([run("a", 5000..<5061, clock: clock)])) == nil)
    let last = collector.add(Frame([run("a", 0..<90, clock: clock, missing: nil)]))
    let frame = try #require(last)
    #expect(frame["a"]?.count == 61 + 41)
  }

  @Test func channelsWithoutUsableTimesDoNotHoldUpASpan() throws {
    let unknown = ClockDomain.ticks(rate: nil)
    var collector = Collector(
      channels: channels("a") + channels("b", clock: unknown), amount: .span(TimeSpan(nanoseconds: 10)))
    #expect(collector.add(Frame([run("b", 0..<50, clock: unknown), run("a", 0..<5)])) == nil)
    let last = collector.add(Frame([run("a", 5..<20)]))
    let frame = try #require(last)
    #expect(range(frame["a"]) == 0..<11 && range(frame["b"]) == 0..<50)
    var open = Collector(channels: channels("b", clock: unknown), amount: .span(.nanosecond))
    #expect(open.add(Frame([run("b", 0..<50, clock: unknown)])) == nil)
    #expect(open.progress == "b 50 samples" && range(open.finish()["b"]) == 0..<50)
  }

  @Test func saysHowFarItIsAndEndsEarly() {
    var collector = Collector(channels: channels("a", "b"), amount: .samples(10))
    _ = collector.add(Frame([run("a", 0..<6)], dropped: 2))
    #expect(collector.progress == "b 0 of 10 samples")
    _ = collector.add(Frame([run("b", 0..<8)]))
    #expect(collector.progress == "a 6 of 10 samples")
    #expect(collector.finish().names == ["a", "b"] && collector.finish().dropped == 2)
    let clock = ClockDomain.ticks(rate: 1000)
    var span = Collector(channels: channels("a", clock: clock), amount: .span(.minute))
    _ = span.add(Frame([run("a", 0..<1201, clock: clock)]))
    #expect(span.progress == "a 1.2s of 1m")
    #expect(Collector(channels: [], amount: .samples(1)).progress == "")
  }

  @Test func gapsAreKeptAndTypesMayChange() throws {
    var collector = Collector(channels: channels("a"), amount: .samples(6))
    _ = collector.add(Frame([pieces([1.5, 2], name: "a")]))
    _ = collector.add(Frame([run("a", 0..<4)]))
    let last = collector.add(Frame([run("a", 9..<12, missing: 5)]))
    let frame = try #require(last)
    #expect(frame.dropped == 2 && frame["a"].map(integers) == [0, 1, 2, 3, 9, 10])
    #expect(frame["a"]?.gaps == [Gap(at: 4, samples: 5, reason: .lost)])
  }

  @Test func noSamplesAndNoChannels() {
    var none = Collector(channels: channels("a"), amount: .samples(0))
    #expect(none.add(Frame([run("a", 0..<4)]))?.isEmpty == true)
    var nobody = Collector(channels: [], amount: .samples(3))
    #expect(nobody.add(Frame([run("a", 0..<4)])) == nil)
  }
}
