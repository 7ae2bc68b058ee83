import Randomness
import Plotting
import Telemetry
import Testing

@Suite struct DownsamplerTests {
  /// A wave with some noise, not-a-numbers and one spike, from a generator that always gives the same.
  static func noisy(_ position: Int) -> Double {
    let bits = SplitMix.mixed(UInt64(truncatingIfNeeded: position) &* 0x9E37_79B9_7F4A_7C15)
    if bits % 97 == 0 { return .nan }
    return Double(bits >> 40) / Double(1 << 24) - 0.5 + Double(position % 5000) / 500
  }

  @Test(arguments: [1, 2, 3, 63, 64, 65, 128, 1000, 4096, 70_001], [DataType.float32, .float64, .int32])
  func everySampleInViewIsInExactlyOneBucket(count: Int, type: DataType) async throws {
    let channel = Signal.channel("a", type)
    func whole(_ position: Int) -> Double { Double(position * 7919 % 10_007 - 5000) }
    let value = type == .int32 ? whole : Self.noisy
    let stream = try await HandStream([channel])
    stream.source.send(Signal.series(channel, count: count, value))
    let series = try #require(stream.streamer.snapshot(of: "a"))
    var pyramid = Pyramid(type: type)
    pyramid.update(series)
    let clock = LineClock(origin: Signal.start, unitsPerX: 1e9)
    for columns in [1, 7, 100, 900] {
      for (from, to) in [(0, count), (count / 3, count / 2), (count / 7, count)] where from < to {
        // Between samples, so that it is certain which are inside; one more comes on each side.
        let view = (Double(from) - 0.5) / 1000...(Double(to) - 0.5) / 1000
        let trace = Downsampler(series, pyramid, clock: clock).trace(view, columns: columns)
        let inside = max(0, from - 1)..<min(count, to + 1)
        let size = Int(trace.bucketSize)
        var expected: [(low: Double, high: Double)] = []
        var position = inside.lowerBound
        while position < inside.upperBound {
          let end = min(inside.upperBound, (position / size + 1) * size)
          let values = (position..<end).map { series[$0].number! }.filter { !$0.isNaN }
          expected.append((values.min() ?? .nan, values.max() ?? .nan))
          position = end
        }
        #expect(trace.x.count == expected.count)
        #expect(trace.x == trace.x.sorted())
        #expect(trace.isBuckets == (size > 1))
        for (place, want) in expected.enumerated() where place < trace.low.count {
          #expect(trace.low[place] == want.low || want.low.isNaN && trace.low[place].isNaN)
          if size > 1 {
            #expect(trace.high[place] == want.high || want.high.isNaN && trace.high[place].isNaN)
          }
        }
        #expect(inside.count < columns * 2 || trace.x.count >= columns && trace.x.count <= columns * 2 + 2)
      }
    }
  }

  @Test func aSpikeOfOneSampleIsNeverLost() async throws {
    let channel = Signal.channel("a", rate: 44_100, clock: .ticks(rate: 44_100))
    let stream = try await HandStream([channel])
    let clock = LineClock(unitsPerX: 44_100)
    var pyramid = Pyramid(type: .float32)
    stream.source.send(Signal.series(channel, count: 441_000) { $0 == 123_457 ? 1 : 0 })
    let series = try #require(stream.streamer.snapshot(of: "a"))
    pyramid.update(series)
    for columns in [1, 10, 333, 1000, 8192] {
      let trace = Downsampler(series, pyramid, clock: clock).trace(0...10, columns: columns)
      #expect(trace.range == Envelope(low: 0, high: 1))
    }
  }

  @Test func bucketsDoNotChangeWhileTheViewMoves() async throws {
    let channel = Signal.channel("a", clock: .ticks(rate: 1000))
    let stream = try await HandStream([channel])
    stream.source.send(Signal.series(channel, count: 50_000, Self.noisy))
    let series = try #require(stream.streamer.snapshot(of: "a"))
    var pyramid = Pyramid(type: .float32)
    pyramid.update(series)
    let clock = LineClock(unitsPerX: 1000)
    let one = Downsampler(series, pyramid, clock: clock).trace(10...30, columns: 100)
    let two = Downsampler(series, pyramid, clock: clock).trace(10.777...30.777, columns: 100)
    #expect(one.bucketSize == two.bucketSize)
    let common = Dictionary(zip(one.x, zip(one.low, one.high)), uniquingKeysWith: { a, _ in a })
    let same = zip(two.x, zip(two.low, two.high)).dropFirst().dropLast().filter { x, values in
      common[x].map { $0.0 == values.0 && $0.1 == values.1 } ?? false
    }
    #expect(same.count >= two.x.count * 9 / 10)
  }

  @Test(arguments: [10, 100, 2000])
  func aGapBreaksTheLine(columns: Int) async throws {
    let channel = Signal.channel("a", clock: .ticks(rate: 1000))
    let stream = try await HandStream([channel])
    stream.source.send(Signal.series(channel, count: 1500) { _ in 1 })
    stream.source.tell(.gap(.lost, samples: 500, channels: ["a"]))
    let later = Signal.series(channel, from: 2000, count: 1500) { _ in 2 }
    stream.source.send(later)
    let series = try #require(stream.streamer.snapshot(of: "a"))
    var pyramid = Pyramid(type: .float32)
    pyramid.update(series)
    let trace = Downsampler(series, pyramid, clock: LineClock(unitsPerX: 1000)).trace(0...4, columns: columns)
    let breaks = trace.low.indices.filter { trace.low[$0].isNaN }
    #expect(breaks.count == 1)
    #expect(trace.gaps == [Trace.GapMark(from: 1.499, x: 2, samples: 500)])
    // Nothing on either side mixes with the other.
    for place in trace.low.indices where !trace.low[place].isNaN {
      let high = trace.isBuckets ? trace.high[place] : trace.low[place]
      #expect(trace.low[place] == high)
      #expect((trace.low[place] == 1) == (trace.x[place] < 1.75))
    }
  }

  @Test func timesAreKeptToTheNanosecond() async throws {
    let channel = Signal.channel("a", rate: 1_000_000)
    let stream = try await HandStream([channel])
    stream.source.send(Signal.series(channel, count: 1000) { Double($0) })
    let series = try #require(stream.streamer.snapshot(of: "a"))
    let trace = Downsampler(
      series, Pyramid(type: .float32), clock: LineClock(origin: Signal.start, unitsPerX: 1e9)
    )
    .trace(0...0.001, columns: 800)
    #expect(zip(trace.x, 0...).allSatisfy { abs($0 - Double($1) * 1e-6) < 1e-12 })
  }
}
