import Glibc
public import Telemetry

public enum SeriesOperation: Sendable { case add, subtract, multiply, divide, power, remainder }

public enum SeriesOperand: Sendable {
  case series(Series)
  case integer(Int64)
  case number(Double)
}

/// Sample by sample. Integers with integers stay `int64` and wrap as in Lua, division and power always give
/// `float64`, two `float32` give `float32`, everything else gives `float64`. A new series has the times, the clock
/// and the gaps of the one that it was made from.
extension Series {
  /// The times are those of the left series. Errors: `type` where samples are not numbers, `mismatch` where two
  /// series differ in length or clock, `argument` for a remainder of integers by zero.
  public static func combine(_ a: SeriesOperand, _ b: SeriesOperand, _ operation: SeriesOperation)
    throws(TelemetryError) -> Series
  {
    var model: Series
    var unit: String?
    switch (a, b) {
    case (.series(let left), .series(let right)):
      try left.requireFit(right)
      model = left
      model.gaps = joined(left.gaps(from: left.first), right.gaps(from: left.first))
      unit = left.channel.unit == right.channel.unit ? left.channel.unit : nil
    case (.series(let one), _), (_, .series(let one)):
      model = one
      unit = one.channel.unit
    default: throw TelemetryError("argument", "one of the two must be a series")
    }
    switch operation {
    case .add, .subtract, .remainder: break
    case .multiply, .divide, .power: unit = nil
    }
    if let left = try a.integers(), let right = try b.integers(), operation.keepsType {
      return model.with(try operation.apply(left, right), unit: unit)
    }
    let values = operation.apply(try a.numbers(), try b.numbers())
    guard a.isFloat32, b.isFloat32, operation.keepsType else { return model.with(values, unit: unit) }
    return model.with(values.map(Float.init), unit: unit)
  }

  /// Each sample less the one before it, at the time of the later: one sample fewer.
  public func diff() throws(TelemetryError) -> Series {
    guard count > 0 else { return try Self.combine(.series(self), .integer(0), .add) }
    // Without its gaps: those between the two parts are the later one's.
    let earlier = Series(channel, chunks: self[0..<count - 1].chunks)
    return try Self.combine(.series(self[1..<count]), .series(earlier), .subtract)
  }

  /// Every n-th sample from the first on, of any type; no filter. Error `argument`.
  public func decimate(_ n: Int) throws(TelemetryError) -> Series {
    guard n >= 1 else { throw TelemetryError("argument", "cannot keep every \(n)-th sample") }
    var result: [Chunk] = []
    var next = 0
    var passed = 0
    forEachChunk { chunk in
      if next < passed + chunk.count {
        let kept = chunk.strided(from: next - passed, by: n)
        result.append(kept)
        next += kept.count * n
      }
      passed += chunk.count
    }
    var channel = self.channel
    channel.rate = channel.rate.map { $0 / Double(n) }
    var gaps: [Gap] = []
    for gap in self.gaps(from: 0) {
      let at = gap.at <= 0 ? 0 : (gap.at - 1) / Int64(n) + 1
      // As many as a series without the gap would have had more, rounded up: no loss disappears.
      let samples = gap.samples.map { $0 / Int64(n) + ($0 % Int64(n) > 0 ? 1 : 0) }
      gaps.append(Gap(at: at, samples: samples, reason: gap.reason))
    }
    let kept = Int64(result.reduce(0) { $0 + $1.count })
    var series = Series(channel, chunks: result, gaps: gaps.filter { $0.at < kept })
    series.isHeld = isHeld
    return series
  }

  /// Integers become `int64`, except unsigned ones, which stay what they are.
  public func abs() throws(TelemetryError) -> Series {
    switch type {
    case .uint8, .uint16, .uint32, .uint64: return self
    case .float32: return with(Runs<Float>(series: self).map { Swift.abs($0) }, unit: channel.unit)
    default: break
    }
    guard let values = try integers() else {
      return with(try doubles().map { Swift.abs($0) }, unit: channel.unit)
    }
    // The least one has no counterpart and stays, as in Lua.
    return with(values.map { $0 < 0 ? 0 &- $0 : $0 }, unit: channel.unit)
  }

  public func negated() throws(TelemetryError) -> Series {
    if type == .float32 { return with(Runs<Float>(series: self).map { -$0 }, unit: channel.unit) }
    guard let values = try integers() else {
      return with(try doubles().map { -$0 }, unit: channel.unit)
    }
    return with(values.map { 0 &- $0 }, unit: channel.unit)
  }

  /// Other values at the same times, with the same gaps. Error `mismatch` when there are not as many.
  public func replacing(_ values: [Double]) throws(TelemetryError) -> Series {
    guard values.count == count else {
      throw TelemetryError("mismatch", "\(values.count) values cannot replace \(count) samples")
    }
    return with(values, unit: channel.unit)
  }

  /// Nil where the samples have fractions.
  fileprivate func integers() throws(TelemetryError) -> [Int64]? {
    try compute(Wrapped())
  }

  private func requireFit(_ other: Series) throws(TelemetryError) {
    guard count == other.count else {
      throw TelemetryError(
        "mismatch", "'\(channel.name)' has \(count) samples, '\(other.channel.name)' \(other.count)",
        hint: "cut them to the same part first, or align the frames")
    }
    guard clock == other.clock else {
      throw TelemetryError(
        "mismatch", "'\(channel.name)' and '\(other.channel.name)' have different clocks",
        hint: "join the two sources first")
    }
  }

  private static func joined(_ a: [Gap], _ b: [Gap]) -> [Gap] {
    let known = Set(a.map(\.at))
    return (a + b.filter { !known.contains($0.at) }).sorted { $0.at < $1.at }
  }

  func with<T: FixedWidthSample>(_ values: [T], unit: String?) -> Series {
    var channel = self.channel
    channel.type = T.dataType
    channel.unit = unit
    channel.isIndex = false
    let storage = SampleStorage(type: T.dataType, capacity: values.count)
    values.withUnsafeBytes { storage.append(packed: $0) }
    var series = Series(channel, chunks: chunks(of: storage), gaps: gaps(from: 0))
    series.isHeld = isHeld
    series.dropped = dropped
    return series
  }

}

/// What stands on one side of an operator, as memory or as a constant.
private enum Side<T> {
  case many([T])
  case one(T)

  /// - Precondition: both have as many values, or one of them is a constant.
  static func zip(_ a: Side, _ b: Side, _ body: (T, T) -> T) -> [T] {
    switch (a, b) {
    case (.many(let a), .many(let b)): a.indices.map { body(a[$0], b[$0]) }
    case (.many(let a), .one(let b)): a.map { body($0, b) }
    case (.one(let a), .many(let b)): b.map { body(a, $0) }
    case (.one(let a), .one(let b)): [body(a, b)]
    }
  }

  func contains(_ condition: (T) -> Bool) -> Bool {
    switch self {
    case .many(let values): values.contains(where: condition)
    case .one(let value): condition(value)
    }
  }
}

extension SeriesOperand {
  fileprivate var isFloat32: Bool {
    if case .series(let series) = self { series.type == .float32 } else { false }
  }

  /// Nil where it has fractions.
  fileprivate func integers() throws(TelemetryError) -> Side<Int64>? {
    switch self {
    case .number: nil
    case .integer(let value): .one(value)
    case .series(let series): try series.integers().map(Side.many)
    }
  }

  fileprivate func numbers() throws(TelemetryError) -> Side<Double> {
    switch self {
    case .number(let value): .one(value)
    case .integer(let value): .one(Double(value))
    case .series(let series): .many(try series.doubles())
    }
  }
}

private struct Wrapped: NumericComputation {
  func run<T: NumericSample>(_ runs: Runs<T>) -> [Int64]? {
    T.dataType.isInteger ? runs.map { $0.wrapped } : nil
  }
}

extension SeriesOperation {
  fileprivate var keepsType: Bool { self != .divide && self != .power }

  fileprivate func apply(_ a: Side<Int64>, _ b: Side<Int64>) throws(TelemetryError) -> [Int64] {
    switch self {
    case .add: return Side.zip(a, b) { $0 &+ $1 }
    case .subtract: return Side.zip(a, b) { $0 &- $1 }
    case .multiply: return Side.zip(a, b) { $0 &* $1 }
    case .remainder:
      guard !b.contains({ $0 == 0 }) else {
        throw TelemetryError("argument", "the remainder of a division by zero")
      }
      return Side.zip(a, b, Self.remainder)
    case .divide, .power: preconditionFailure("gives fractions")
    }
  }

  fileprivate func apply(_ a: Side<Double>, _ b: Side<Double>) -> [Double] {
    switch self {
    case .add: Side.zip(a, b) { $0 + $1 }
    case .subtract: Side.zip(a, b) { $0 - $1 }
    case .multiply: Side.zip(a, b) { $0 * $1 }
    case .divide: Side.zip(a, b) { $0 / $1 }
    case .power: Side.zip(a, b) { pow($0, $1) }
    case .remainder: Side.zip(a, b, Self.remainder)
    }
  }

  /// Has the sign of the divisor, as in Lua.
  private static func remainder(_ a: Int64, _ b: Int64) -> Int64 {
    if b == -1 { return 0 }
    let rest = a % b
    return rest != 0 && (rest ^ b) < 0 ? rest + b : rest
  }

  private static func remainder(_ a: Double, _ b: Double) -> Double {
    let rest = fmod(a, b)
    return (rest < 0 && b > 0) || (rest > 0 && b < 0) ? rest + b : rest
  }
}
