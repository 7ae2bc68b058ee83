import Foundation
import Signals
import Telemetry
import TestSupport
import Testing

@Suite struct ArithmeticTests {
  private func combine(_ a: SeriesOperand, _ b: SeriesOperand, _ operation: SeriesOperation) throws -> Series
  {
    try Series.combine(a, b, operation)
  }

  private static func floorRemainder(_ a: Double, _ b: Double) -> Double {
    let rest = fmod(a, b)
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest
  }

  private static let plain: [(SeriesOperation, @Sendable (Double, Double) -> Double)] = [
    (.add, { $0 + $1 }), (.subtract, { $0 - $1 }), (.multiply, { $0 * $1 }), (.divide, { $0 / $1 }),
    (.power, { pow($0, $1) }), (.remainder, floorRemainder),
  ]

  @Test func floatsMatchPlainLoopsOverUnevenChunks() throws {
    let left = (0..<100).map { _ in Double.random(in: -9...9) }
    let right = (0..<100).map { _ in Double.random(in: -9...9) }
    let (a, b) = (pieces(left), pieces(right, sizes: [11, 2]))
    for (operation, expected) in Self.plain {
      let both = values(try combine(.series(a), .series(b), operation))
      let number = values(try combine(.series(a), .number(-2.5), operation))
      let first = values(try combine(.integer(3), .series(b), operation))
      for i in left.indices {
        #expect(close(both[i], expected(left[i], right[i])))
        #expect(close(number[i], expected(left[i], -2.5)))
        #expect(close(first[i], expected(3, right[i])))
      }
    }
  }

  @Test func integersStayIntegersAndWrap() throws {
    let bytes = pieces([Int8(127), -128, 7])
    let wide = pieces([Int64.max, .min, -7])
    #expect(integers(try combine(.series(bytes), .integer(1), .add)) == [128, -127, 8])
    #expect(integers(try combine(.series(wide), .integer(1), .add)) == [.min, .min + 1, -6])
    #expect(integers(try combine(.series(wide), .integer(-1), .multiply)) == [-.max, .min, 7])
    #expect(integers(try combine(.series(wide), .integer(-1), .remainder)) == [0, 0, 0])
    #expect(integers(try combine(.series(wide), .integer(5), .remainder)) == [2, 2, 3])
    #expect(integers(try combine(.integer(10), .series(bytes), .subtract)) == [-117, 138, 3])
    #expect(
      integers(try combine(.series(bytes), .series(wide), .subtract)) == [127 - Int64.max, .max - 127, 14])
    let huge = pieces([UInt64.max])
    #expect(integers(try combine(.series(huge), .integer(1), .add)) == [0])
    for (operation, type) in [(SeriesOperation.add, DataType.int64), (.divide, .float64), (.power, .float64)]
    {
      #expect(try combine(.series(bytes), .integer(2), operation).type == type)
    }
    #expect(code { _ = try combine(.series(bytes), .integer(0), .remainder) } == "argument")
    #expect(values(try combine(.series(bytes), .integer(0), .divide))[0] == .infinity)
    #expect(values(try combine(.series(bytes), .number(0.5), .multiply)) == [63.5, -64, 3.5])
  }

  @Test func typesOfFloats() throws {
    let (f32, f64, i16) = (pieces([Float(1.5)]), pieces([2.5]), pieces([Int16(2)]))
    for (a, b, type) in [
      (SeriesOperand.series(f32), SeriesOperand.series(f32), DataType.float32),
      (.series(f32), .integer(2), .float64), (.number(2), .series(f32), .float64),
      (.series(f32), .series(f64), .float64), (.series(f32), .series(i16), .float64),
      (.series(i16), .number(2), .float64), (.series(i16), .series(i16), .int64),
    ] { #expect(try combine(a, b, .add).type == type) }
    #expect(try combine(.series(f32), .series(f32), .divide).type == .float64)
  }

  @Test func timesGapsUnitAndClockAreCarried() throws {
    let clock = ClockDomain.ticks(rate: 3)
    let step = Step(units: 1, samples: 3)
    let gaps = [Gap(at: 4, samples: 2, reason: .lost), Gap(at: 9, samples: nil, reason: .hole)]
    let whole = pieces(
      [Int16](0..<40), name: "v", clock: clock, unit: "mV",
      timing: { .steady(start: 100 + Int64($0), step: step) }, gaps: gaps)
    for series in [whole, whole[2..<31], whole[4..<6]] {
      for result in [
        try combine(.series(series), .integer(1), .add), try series.negated(), try series.abs(),
        try series.replacing(values(series)),
      ] {
        #expect(times(result) == times(series))
        #expect(result.gaps.map { $0.at + series.first - result.first } == series.gaps.map(\.at))
        #expect(result.gaps.map(\.samples) == series.gaps.map(\.samples))
        #expect(result.clock == clock && result.channel.name == "v" && result.channel.unit == "mV")
      }
    }
    #expect(try combine(.series(whole), .series(whole), .multiply).channel.unit == nil)
    let other = pieces([Int16](0..<40), clock: clock, gaps: [Gap(at: 7, samples: 1, reason: .lost)])
    #expect(try combine(.series(whole), .series(other), .add).gaps.map(\.at) == [4, 7, 9])
    let stamps = SampleStorage([Int64](stride(from: 50, to: 90, by: 4)))
    let stamped = Series(
      Channel(name: "s", type: .float64), SampleStorage([Double](repeating: 1, count: 10)),
      timing: .stamped(stamps, offset: 0))[3..<9]
    #expect(times(try combine(.number(1), .series(stamped), .divide)) == times(stamped))
    #expect(times(try stamped.decimate(2)) == [62, 70, 78])
  }

  @Test func refusesWhatDoesNotFit() {
    let (a, b) = (pieces([1.0, 2]), pieces([1.0]))
    let ticks = pieces([1.0, 2], clock: .ticks(rate: nil))
    let truth = pieces([UInt8(1), 0], as: .bool)
    for (left, right, wanted) in [
      (SeriesOperand.series(a), SeriesOperand.series(b), "mismatch"),
      (.series(a), .series(ticks), "mismatch"),
      (.series(text), .integer(1), "type"), (.integer(1), .series(truth), "type"),
      (.series(a), .series(truth), "type"),
      (.integer(1), .number(1), "argument"),
    ] { #expect(code { _ = try Series.combine(left, right, .add) } == wanted) }
    for body: () throws -> Void in [
      { _ = try text.abs() }, { _ = try text.negated() }, { _ = try text.diff() }, { _ = try truth.abs() },
    ] { #expect(code(body) == "type") }
    #expect(code { _ = try a.replacing([1]) } == "mismatch")
    #expect(code { _ = try a.decimate(0) } == "argument")
  }

  @Test func differences() throws {
    let gaps = [Gap(at: 0, samples: 9, reason: .lost), Gap(at: 2, samples: 1, reason: .lost)]
    let series = pieces(
      [Int32.min, .max, 3, 3], timing: { .steady(start: 10 * Int64($0), step: Step(units: 10)) }, gaps: gaps)
    let result = try series.diff()
    #expect(integers(result) == [4_294_967_295, 3 - 2_147_483_647, 0])
    #expect(times(result) == [10, 20, 30] && result.gaps.map(\.at) == [1])
    #expect(try pieces([Float(1), 3]).diff().type == .float32)
    #expect(try pieces([UInt64.max, .max - 2]).diff()[0] == .integer(-2))
    for short in [pieces([1.0]), pieces([Double]())] { #expect(try short.diff().isEmpty) }
    #expect(try pieces([UInt8(3)]).diff().type == pieces([UInt8]()).diff().type)
  }

  @Test func magnitudesAndSigns() throws {
    #expect(integers(try pieces([Int64.min, -3, 3]).abs()) == [.min, 3, 3])
    #expect(integers(try pieces([Int8.min]).abs()) == [128])
    #expect(integers(try pieces([Int8.min]).negated()) == [128])
    #expect(try pieces([UInt64.max]).abs()[0] == .unsigned(.max))
    #expect(try pieces([UInt16(3)]).abs().type == .uint16)
    #expect(
      try pieces([Float(-2.5)]).abs()[0] == .float(2.5) && pieces([Float(2)]).negated().type == .float32)
    #expect(values(try pieces([-1.5, 0, 2]).negated()) == [1.5, 0, -2])
    #expect(values(try pieces([Double.nan, -.infinity]).abs())[1] == .infinity)
  }

  @Test(arguments: [1, 2, 3, 7, 40, 1000, Int.max])
  func decimationKeepsSamplesAndTheirTimes(n: Int) throws {
    let step = Step(units: 5, samples: 3)
    let whole = pieces(
      [UInt16](0..<100), timing: { .steady(start: Int64($0) * 5 / 3, step: step) },
      gaps: [Gap(at: 0, samples: 4, reason: .lost), Gap(at: 50, samples: 4, reason: .lost)])
    for series in [whole, whole[5..<93]] {
      let result = try series.decimate(n)
      let kept = n > series.count ? [0] : Array(stride(from: 0, to: series.count, by: n))
      #expect((0..<result.count).map { result[$0] } == kept.map { series[$0] })
      #expect(times(result) == kept.map(series.time))
      for gap in result.gaps where gap.at > 0 {
        let place = Int(gap.at)
        let original = Int(50 - series.first)
        #expect(kept[place] >= original && kept[place - 1] < original && gap.samples == Int64((3 + n) / n))
      }
    }
    let words = try text.decimate(n)
    #expect(words[0] == text[0] && words.count == max(1, (2 + min(n, 3)) / min(n, 3)))
  }

  @Test func decimationKeepsTheGaps() throws {
    let gaps = [0, 3, 7].map { Gap(at: $0, samples: 6, reason: .lost) }
    #expect(try Series.ramp(0..<10, gaps: gaps).decimate(2).gaps.map(\.at) == [0, 2, 4])
  }
}
