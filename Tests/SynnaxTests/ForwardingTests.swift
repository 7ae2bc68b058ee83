import Synnax
import Telemetry
import Testing

@Suite struct ForwardingTests {
  private static let index = Channel(name: "t", type: .timestamp, key: 1, index: 1, isIndex: true)
  private static let members = (0..<3).map {
    Channel(name: "m\($0)", type: .float64, key: UInt32(2 + $0), index: 1)
  }

  private func make() throws -> Forwarding {
    try Forwarding(
      map: ["s0": "m0", "s1": "m1", "s2": "m2"], channels: [Self.index] + Self.members,
      clock: ClockReference(tick: 0, at: TimeStamp(nanoseconds: 1000), rate: 1e9))
  }

  private func frame(_ stream: Int, _ start: Int, _ count: Int) -> Frame {
    Frame([
      Series(
        Channel(name: "s\(stream)", type: .float64, clock: .ticks(rate: 1e9)),
        SampleStorage((start..<start + count).map(Double.init)),
        timing: .steady(start: Int64(start), step: Step(units: 1)))
    ])
  }

  /// Two of three channels of an index go on for a million samples while the third says nothing. A copy of what waits
  /// for each frame would be 200 GB, minutes of work.
  @Test func whatWaitsForASilentMemberIsNotCopiedForEachFrame() throws {
    var forwarding = try make()
    let began = ContinuousClock.now
    for start in stride(from: 0, to: 1_000_000, by: 100) {
      #expect(try forwarding.add(frame(0, start, 100)).isEmpty)
      #expect(try forwarding.add(frame(1, start, 100)).isEmpty)
    }
    #expect(ContinuousClock.now - began < .seconds(30))
    // And it is all there when the third speaks.
    let series = try forwarding.add(frame(2, 0, 1_000_000))
    #expect(series.map(\.count) == [1_000_000, 1_000_000, 1_000_000, 1_000_000])
    #expect(series[1][999_999] == .float(999_999) && series[0][5] == .integer(1005))
    #expect(forwarding.forwarded == 3_000_000 && forwarding.skipped == 0)
  }

  @Test func theOldestOfWhatWaitsTooLongIsLeftOutAndCounted() throws {
    var forwarding = try make()
    let most = 1 << 20
    for start in stride(from: 0, to: most + 50_000, by: 1000) {
      _ = try forwarding.add(frame(0, start, 1000))
    }
    let skipped = forwarding.skipped
    #expect(skipped == Int64((most + 50_000 + 999) / 1000 * 1000 - most))
    _ = try forwarding.add(frame(1, 0, 100_000))
    let series = try forwarding.add(frame(2, 0, 100_000))
    #expect(series[1].count == 100_000 - Int(skipped) && series[1][0] == .float(Double(skipped)))
  }

  @Test func samplesWithoutPartnersAreLeftOutAndTimesRise() throws {
    var forwarding = try make()
    _ = try forwarding.add(frame(0, 0, 10))
    _ = try forwarding.add(frame(1, 5, 10))
    let series = try forwarding.add(frame(2, 3, 10))
    #expect(series[0].count == 5 && series.dropFirst().allSatisfy { $0[0] == .float(5) })
    #expect(forwarding.skipped == 5 + 2)
  }
}
