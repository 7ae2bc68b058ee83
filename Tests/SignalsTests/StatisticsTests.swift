import Signals
import Telemetry
import TestSupport
import Testing

func close(_ a: Double, _ b: Double, _ tolerance: Double = 1e-9) -> Bool {
  (a.isNaN && b.isNaN) || a == b || abs(a - b) <= tolerance * max(1, abs(a), abs(b))
}

@Suite struct StatisticsTests {
  private func check<T: FixedWidthSample>(_ samples: [T], _ number: (T) -> Double) throws {
    let series = pieces(samples)
    let plain = samples.map(number)
    let count = Double(plain.count)
    let mean = plain.reduce(0, +) / count
    let sorted = plain.sorted()
    #expect(close(try series.mean(), mean), "\(T.self)")
    #expect(close(try series.rms(), (plain.reduce(0) { $0 + $1 * $1 } / count).squareRoot()))
    #expect(
      close(try series.std(), (plain.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot()))
    #expect(close(try series.sum().number!, plain.reduce(0, +)))
    #expect(try series.min().number == sorted.first)
    #expect(try series.max().number == sorted.last)
    for q in [0, 0.1, 0.25, 0.5, 0.77, 1] {
      let place = q * (count - 1)
      let below = Int(place)
      let above = min(below + 1, plain.count - 1)
      let expected = sorted[below] + (place - Double(below)) * (sorted[above] - sorted[below])
      #expect(close(try series.quantile(q), expected), "\(T.self) \(q) of \(plain.count)")
    }
    let (counts, edges) = try series.histogram(7)
    #expect(counts.reduce(0, +) == plain.count && edges.count == 8)
    #expect(edges == edges.sorted() && Set(edges).count == 8)
    for bin in 0..<7 where samples.count > 1 {
      let inside = plain.count { $0 >= edges[bin] && (bin == 6 || $0 < edges[bin + 1]) }
      // A sample right on an edge may fall to either side by rounding.
      let close = plain.count { value in edges.contains { abs($0 - value) < 1e-9 } }
      #expect(abs(inside - counts[bin]) <= close, "\(T.self) bin \(bin) of \(plain.count)")
    }
  }

  @Test(arguments: [1, 2, 7, 8, 9, 100, 1000])
  func matchPlainLoopsForEveryType(count: Int) throws {
    var random = SystemRandomNumberGenerator()
    func draw<T: FixedWidthInteger & FixedWidthSample>(_: T.Type) throws {
      try check((0..<count).map { _ in T.random(in: .min / 4...(.max / 4), using: &random) }) { Double($0) }
    }
    try draw(Int8.self)
    try draw(Int16.self)
    try draw(Int32.self)
    try draw(Int64.self)
    try draw(UInt8.self)
    try draw(UInt16.self)
    try draw(UInt32.self)
    try draw(UInt64.self)
    try check((0..<count).map { _ in Double.random(in: -5...9) }) { $0 }
    try check((0..<count).map { _ in Float.random(in: -5...9) }) { Double($0) }
    try check((0..<count).map { Double($0 % 3) }) { $0 }
    try check((0..<count).map { Double(min($0, count - $0)) }) { $0 }
    try check((0..<count).map { Double(-$0) }) { $0 }
  }

  @Test func integersSumExactlyUpToTheEndsOfTheirRange() throws {
    let most = Int64.max
    #expect(try pieces([most, most, -most, -most, 5]).sum() == .integer(5))
    #expect(try pieces([most, 0]).sum() == .integer(most))
    #expect(try pieces([Int64.min]).sum() == .integer(.min))
    #expect(try pieces([most, 1]).sum() == .unsigned(1 << 63))
    #expect(try pieces([most, most, most]).sum() == .float(3 * Double(most)))
    #expect(try pieces([Int64.min, -1]).sum() == .float(-0x1p63))
    #expect(try pieces([UInt64.max]).sum() == .unsigned(.max))
    #expect(try pieces([UInt64.max, 1]).sum() == .float(0x1p64))
    #expect(try pieces([UInt64.max, 1]).max() == .unsigned(.max))
    #expect(try pieces([UInt8](repeating: 255, count: 300)).sum() == .integer(76_500))
    #expect(try pieces([Int64](repeating: most, count: 40)).mean() == Double(most))
  }

  @Test func deviationOfTimestampsIsNotRoundedAway() throws {
    let start: Int64 = 1_750_000_000_000_000_000
    #expect(
      try pieces([start + 1, start + 3, start + 5, start + 7], as: .timestamp).std() == 5.0.squareRoot())
    #expect(close(try pieces([Int64.min, .max]).std(), 0x1p63))
  }

  @Test func nanSpreadsThroughSumsAndIsLeftOutElsewhere() throws {
    let series = pieces([.nan, 3, .nan, 1, 2, .nan])
    #expect(try series.mean().isNaN)
    #expect(try series.rms().isNaN)
    #expect(try series.std().isNaN)
    #expect(try series.min() == .float(1))
    #expect(try series.max() == .float(3))
    #expect(try series.median() == 2)
    #expect(try series.histogram(2).counts == [1, 2])
    let nothing = pieces([Double.nan, .nan])
    #expect(try nothing.min().number!.isNaN)
    #expect(try nothing.median().isNaN)
    #expect(code { _ = try nothing.histogram(3) } == "empty")
    let wide = pieces([-Double.infinity, -.greatestFiniteMagnitude, .greatestFiniteMagnitude, .infinity])
    #expect(try wide.histogram(2).counts == [1, 1])
    #expect(try pieces([Double.greatestFiniteMagnitude]).histogram(3).counts.reduce(0, +) == 1)
  }

  @Test func emptyAndOneSample() throws {
    let empty = pieces([Double]())
    #expect(try empty.mean().isNaN)
    #expect(try empty.rms().isNaN)
    #expect(try empty.std().isNaN)
    #expect(try empty.sum() == .float(0))
    #expect(try pieces([Int8]()).sum() == .integer(0))
    for body: () throws -> Void in [
      { _ = try empty.min() }, { _ = try empty.max() }, { _ = try empty.median() },
      { _ = try empty.histogram(4) },
    ] { #expect(code(body) == "empty") }
    let one = pieces([Float(2.5)])
    #expect(try one.std() == 0)
    #expect(try one.median() == 2.5)
    #expect(try one.quantile(0.3) == 2.5)
    #expect(try one.histogram(2).edges == [2, 2.5, 3])
  }

  @Test func refusesWhatMakesNoSense() {
    let truth = pieces([UInt8(0), 1], as: .bool)
    for series in [text, truth] {
      for body: () throws -> Void in [
        { _ = try series.mean() }, { _ = try series.rms() }, { _ = try series.std() },
        { _ = try series.sum() }, { _ = try series.min() }, { _ = try series.max() },
        { _ = try series.median() }, { _ = try series.histogram(3) },
      ] { #expect(code(body) == "type") }
    }
    let series = pieces([1.0, 2])
    for q in [-0.1, 1.1, .nan] { #expect(code { _ = try series.quantile(q) } == "argument") }
    for bins in [0, -1, .max] { #expect(code { _ = try series.histogram(bins) } == "argument") }
  }

  @Test func rateComesFromTimes() {
    let steady = Series(
      Channel(name: "x", type: .int8, clock: .ticks(rate: 100)),
      SampleStorage([Int8](repeating: 0, count: 8)),
      timing: .steady(start: 3, step: Step(units: 1, samples: 3)))
    #expect(steady.measuredRate == 300)
    let ends = pieces(
      [1.0, 2, 3, 4, 5], timing: { .steady(start: Int64($0) * 1_000_000, step: Step(units: 1_000_000)) })
    #expect(ends.measuredRate == 1000)
    #expect(pieces([1.0, 2]).measuredRate == nil && ends[0..<1].measuredRate == nil)
    let unknown = pieces(
      [1.0, 2], clock: .ticks(rate: nil), timing: { .steady(start: Int64($0), step: Step(units: 1)) })
    #expect(unknown.measuredRate == nil)
    #expect(pieces([1.0, 2], timing: { _ in .steady(start: 7, step: Step(units: 0)) }).measuredRate == nil)
  }
}
