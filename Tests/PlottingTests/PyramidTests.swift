import Plotting
import Telemetry
import Testing

@Suite struct PyramidTests {
  @Test(arguments: [1, 13, 64, 100, 1000, 9973])
  func agreesWithTheSamplesUnderTrims(block: Int) async throws {
    let channel = Signal.channel("a")
    let stream = try await HandStream([channel], capacity: .samples(3000))
    var pyramid = Pyramid(type: .float32)
    var sent = 0
    var bits: UInt64 = 7
    func random(below bound: Int) -> Int {
      bits = bits &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((bits >> 33) % UInt64(bound))
    }
    for round in 0..<40 {
      stream.source.send(Signal.series(channel, from: sent, count: block, DownsamplerTests.noisy))
      sent += block
      // Not at every round: it must catch up too, and start anew where it missed samples.
      if round % 3 == 1 { continue }
      let series = try #require(stream.streamer.snapshot(of: "a"))
      pyramid.update(series)
      #expect(pyramid.end == Int64(sent))
      for _ in 0..<10 {
        let a = random(below: series.count)
        let b = a + random(below: series.count - a + 1)
        let first = series.first
        let found = pyramid.envelope(first + Int64(a)..<first + Int64(b), in: series)
        let values = (a..<b).map { series[$0].number! }.filter { !$0.isNaN }
        #expect(found == Envelope(low: values.min() ?? .infinity, high: values.max() ?? -.infinity))
      }
    }
  }

  @Test func answersOnlyForWholeBucketsStillThere() async throws {
    let channel = Signal.channel("a")
    let stream = try await HandStream([channel], capacity: .samples(1000))
    var pyramid = Pyramid(type: .float32)
    stream.source.send(Signal.series(channel, count: 640) { Double($0) })
    pyramid.update(try #require(stream.streamer.snapshot(of: "a")))
    #expect(pyramid.bucket(level: 0, index: 0) == Envelope(low: 0, high: 63))
    #expect(pyramid.bucket(level: 1, index: 4) == Envelope(low: 512, high: 639))
    #expect(pyramid.bucket(level: 0, index: 10) == nil)
    #expect(pyramid.bucket(level: 1, index: 5) == nil)
    #expect(pyramid.bucket(level: 9, index: 0) == nil)
    stream.source.send(Signal.series(channel, from: 640, count: 460) { Double($0) })
    pyramid.update(try #require(stream.streamer.snapshot(of: "a")))
    // Sample 99 is gone, 100 is there: bucket 1 begins at 64.
    #expect(pyramid.bucket(level: 0, index: 0) == nil)
    #expect(pyramid.bucket(level: 0, index: 1) == nil)
    #expect(pyramid.bucket(level: 0, index: 2) == Envelope(low: 128, high: 191))
  }

  @Test func largeIntegersStayExact() async throws {
    let channel = Signal.channel("a", .int32)
    let stream = try await HandStream([channel])
    stream.source.send(Signal.series(channel, count: 128) { 2_000_000_000 + Double($0) })
    var pyramid = Pyramid(type: .int32)
    pyramid.update(try #require(stream.streamer.snapshot(of: "a")))
    #expect(pyramid.bucket(level: 1, index: 0) == Envelope(low: 2_000_000_000, high: 2_000_000_127))
  }
}
