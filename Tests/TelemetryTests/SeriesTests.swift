import Telemetry
import TestSupport
import Testing

@Suite struct SeriesTests {
  @Test func cutsShareTheSamplesAndKeepTheTimes() {
    let series = Series(
      .plain(), SampleStorage((0..<10).map { Double($0) }),
      timing: .steady(start: 100, step: Step(units: 1, samples: 3)),
      gaps: [Gap(at: 4, samples: 2, reason: .hole)])
    let part = series[4..<8][1..<4]
    #expect(part.values == [5, 6, 7])
    #expect(part.stamps == [101, 102, 102])
    #expect(part.first == 5)
    #expect(part.gaps.isEmpty)
    #expect(series[4..<8].gaps == [Gap(at: 4, samples: 2, reason: .hole)])
    #expect(part.chunks[0].storage === series.chunks[0].storage)
  }

  @Test func stampsThatDoNotCoverTheSamplesCountAsUnknown() {
    let stamps = SampleStorage([Int64(1), 2], as: .timestamp)
    for timing in [
      Timing.stamped(stamps, offset: 0), .stamped(stamps, offset: .max), .stamped(stamps, offset: -1),
    ] {
      #expect(Series(.plain(), SampleStorage([1.0, 2, 3]), timing: timing).time(0) == nil)
    }
    let floats = SampleStorage([1.0, 2, 3])
    #expect(Series(.plain(), floats, timing: .stamped(floats, offset: 0)).time(0) == nil)
    #expect(Series(.plain(), SampleStorage([1.0]), timing: .stamped(stamps, offset: 1)).time(0) == 2)
  }

  @Test func theLastUnitsEndWhereTheClockBeganAnew() {
    let old = Series.ramp(5000..<6000)
    let new = Series.ramp(0..<100)
    let both = Series(
      .plain(), chunks: old.chunks + new.chunks, gaps: [Gap(at: 1000, samples: nil, reason: .restart)])
    #expect(both.last(units: 10).values == (89..<100).map { Double($0) })
    #expect(both.last(units: 500).count == 100)
    #expect(old.last(units: 10).count == 11)
    #expect(old.last(units: .max).count == 1000)
    #expect(Series.untimed([1, 2]).last(units: 1).count == 2)
  }

  @Test func findsTheFirstSampleFromATime() {
    let series = Series.ramp(10..<20)
    #expect(series.position(from: .min) == 0)
    #expect(series.position(from: 15) == 5)
    #expect(series.position(from: .max) == 10)
  }

  @Test func unsignedNumbersAbove63BitsStayUnsigned() {
    let series = Series(.plain("x", .uint64), SampleStorage([UInt64.max, 7]))
    #expect(series.samples == [.unsigned(.max), .integer(7)])
  }

  @Test func identifiersTextAndFlagsReadAsTheyAre() {
    let bytes = (0..<16).map { UInt8($0) }
    let storage = bytes.withUnsafeBytes { SampleStorage(type: .uuid, copying: $0) }
    #expect(storage.sample(0) == .uuid(high: 0x0001_0203_0405_0607, low: 0x0809_0a0b_0c0d_0e0f))
    #expect(
      [UInt8(0), 1, 2].withUnsafeBytes { SampleStorage(type: .bool, copying: $0) }.sample(2) == .bool(true))
    #expect(SampleStorage(type: .string, blobs: [Array("hé".utf8)]).sample(0) == .bytes(Array("hé".utf8)))
    let odd = [UInt8](repeating: 1, count: 7)
    #expect(odd.withUnsafeBytes { SampleStorage(type: .float32, copying: $0) }.used == 1)
  }

  @Test func framesSumUpTheirSeries() {
    let frame = Frame([.ramp(5..<10), .ramp(2..<4, .plain("y"))])
    #expect(frame.bounds == 2...9)
    #expect(frame.startTime == 2)
    #expect(frame.sampleCount == 7)
    #expect(frame.names == ["x", "y"])
    #expect(frame["y"]?.count == 2)
    #expect(Frame([.ramp(5..<10), .untimed([1], .plain("y"))]).bounds == nil)
  }

  @Test func aSliceTakesAnyPositions() {
    let series = Series.ramp(0..<10)
    let cases: [(Int, Int, [Double])] = [
      (3, 5, [2, 3, 4]), (-3, -1, [7, 8, 9]), (1, .max, Array(series.values)), (.min, .max, series.values),
      (5, 2, []), (-100, -50, []), (.max, -1, []), (.max, .max, []), (.min, .min, []), (20, 30, []),
      (11, 11, []),
      (0, 0, []), (0, 1, [0]), (-100, 1, [0]), (10, 10, [9]), (.min + 1, 2, [0, 1]),
    ]
    for (first, last, values) in cases {
      #expect(series.slice(from: first, to: last).values == values, "\(first) to \(last)")
      #expect(series[0..<0].slice(from: first, to: last).isEmpty)
    }
  }

  @Test func gapsInAnyOrderAndOutsideAreMadeOrderly() {
    let wild = [
      Gap(at: 7, samples: 2, reason: .lost), Gap(at: 3, samples: -5, reason: .hole),
      Gap(at: 7, samples: 4, reason: .lost),
      Gap(at: .min, samples: 1, reason: .lost), Gap(at: .max, samples: nil, reason: .lost),
      Gap(at: 10, samples: 1, reason: .lost), Gap(at: 0, samples: nil, reason: .paused),
    ]
    let series = Series.ramp(0..<10, gaps: wild)
    let expected = [
      Gap(at: 0, samples: nil, reason: .paused), Gap(at: 3, samples: 0, reason: .hole),
      Gap(at: 7, samples: 6, reason: .lost),
    ]
    #expect(series.gaps == expected)
    #expect(Series(.plain(), chunks: series.chunks, gaps: wild).gaps == expected)
  }
}
