package import Telemetry

/// Swift types behind the numeric data types, with what loops over them need.
protocol NumericSample: FixedWidthSample, Comparable {
  var double: Double { get }
  /// Bits of it as `int64`; wraps for big unsigned ones. Not for fractions.
  var wrapped: Int64 { get }
  /// Its exact distance to another one, rounded once.
  func distance(from pivot: Self) -> Double
  var sample: Sample { get }
  static func sum(_ runs: Runs<Self>) -> Total
}

/// A sum without overflow: of integers `high * 2^32 + low`, exact for up to 2^31 samples.
enum Total {
  case integer(high: Int64, low: Int64)
  case float(Double)

  var double: Double {
    switch self {
    case .integer(let high, let low): Double(high) * 0x1p32 + Double(low)
    case .float(let value): value
    }
  }

  var sample: Sample {
    guard case .integer(let high, let low) = self else { return .float(double) }
    let upper = high + low >> 32
    let lower = low & 0xffff_ffff
    if let fits = Int32(exactly: upper) { return .integer(Int64(fits) << 32 | lower) }
    if let fits = UInt32(exactly: upper) { return .unsigned(UInt64(fits) << 32 | UInt64(lower)) }
    return .float(Double(upper) * 0x1p32 + Double(lower))
  }
}

/// The samples of a series as runs of plain memory.
struct Runs<T: FixedWidthSample> {
  let series: Series

  func forEach(_ body: (UnsafeBufferPointer<T>) -> Void) {
    series.forEachChunk { $0.storage.withValues($0.range, as: T.self, body) }
  }

  /// - Precondition: the series is not empty.
  var first: T {
    var result: T?
    forEach { if result == nil { result = $0[0] } }
    return result!
  }

  /// Sum over all samples in eight lanes, which is faster than one and rounds less.
  @inline(__always)
  func accumulate(_ term: (T) -> Double) -> Double {
    var lanes = SIMD8<Double>.zero
    var rest = 0.0
    series.forEachChunk { chunk in
      chunk.storage.withValues(chunk.range, as: T.self) { run in
        var position = 0
        while position + 8 <= run.count {
          let at = run.baseAddress! + position
          lanes += SIMD8(
            term(at[0]), term(at[1]), term(at[2]), term(at[3]), term(at[4]), term(at[5]), term(at[6]),
            term(at[7]))
          position += 8
        }
        while position < run.count {
          rest += term(run[position])
          position += 1
        }
      }
    }
    return lanes.sum() + rest
  }

  @inline(__always)
  func map<R>(_ transform: (T) -> R) -> [R] {
    [R](unsafeUninitializedCapacity: series.count) { target, count in
      forEach { run in
        let part = target.baseAddress! + count
        for position in run.indices { (part + position).initialize(to: transform(run[position])) }
        count += run.count
      }
    }
  }
}

/// A loop that is compiled for every numeric type; the type is looked at once a series.
protocol NumericComputation {
  associatedtype Result
  func run<T: NumericSample>(_ runs: Runs<T>) -> Result
}

extension Series {
  /// Error `type` for text, truth values and the like.
  func compute<C: NumericComputation>(_ computation: C) throws(TelemetryError) -> C.Result {
    switch type {
    case .float32: computation.run(Runs<Float>(series: self))
    case .float64: computation.run(Runs<Double>(series: self))
    case .int8: computation.run(Runs<Int8>(series: self))
    case .int16: computation.run(Runs<Int16>(series: self))
    case .int32: computation.run(Runs<Int32>(series: self))
    case .int64, .timestamp: computation.run(Runs<Int64>(series: self))
    case .uint8: computation.run(Runs<UInt8>(series: self))
    case .uint16: computation.run(Runs<UInt16>(series: self))
    case .uint32: computation.run(Runs<UInt32>(series: self))
    case .uint64: computation.run(Runs<UInt64>(series: self))
    case .bool, .uuid, .string, .json, .bytes:
      throw TelemetryError("type", "'\(channel.name)' is \(type.rawValue), not numbers")
    }
  }

  /// All samples as float64, in order.
  package func doubles() throws(TelemetryError) -> [Double] { try compute(Doubles()) }
}

private struct Doubles: NumericComputation {
  func run<T: NumericSample>(_ runs: Runs<T>) -> [Double] { runs.map { $0.double } }
}

extension NumericSample where Self: FixedWidthInteger {
  var double: Double { Double(self) }
  var wrapped: Int64 { Int64(truncatingIfNeeded: self) }
  var sample: Sample {
    Int64(exactly: self).map(Sample.integer) ?? .unsigned(UInt64(truncatingIfNeeded: self))
  }

  func distance(from pivot: Self) -> Double {
    self >= pivot
      ? Double(UInt64(truncatingIfNeeded: self) &- UInt64(truncatingIfNeeded: pivot))
      : -Double(UInt64(truncatingIfNeeded: pivot) &- UInt64(truncatingIfNeeded: self))
  }

  static func sum(_ runs: Runs<Self>) -> Total {
    var high: Int64 = 0
    var low: Int64 = 0
    runs.forEach { run in
      if bitWidth <= 32 {
        for value in run { low &+= Int64(truncatingIfNeeded: value) }
      } else {
        for value in run {
          high &+= Int64(truncatingIfNeeded: value >> 32)
          low &+= Int64(truncatingIfNeeded: value & Self(truncatingIfNeeded: 0xffff_ffff as UInt64))
        }
      }
    }
    return .integer(high: high, low: low)
  }
}

extension Int8: NumericSample {}
extension Int16: NumericSample {}
extension Int32: NumericSample {}
extension Int64: NumericSample {}
extension UInt8: NumericSample {}
extension UInt16: NumericSample {}
extension UInt32: NumericSample {}
extension UInt64: NumericSample {}

extension Double: NumericSample {
  var double: Double { self }
  var wrapped: Int64 { Int64(exactly: rounded(.towardZero)) ?? 0 }
  var sample: Sample { .float(self) }
  func distance(from pivot: Double) -> Double { self - pivot }
  static func sum(_ runs: Runs<Double>) -> Total { .float(runs.accumulate { $0 }) }
}

extension Float: NumericSample {
  var double: Double { Double(self) }
  var wrapped: Int64 { Int64(exactly: rounded(.towardZero)) ?? 0 }
  var sample: Sample { .float(Double(self)) }
  func distance(from pivot: Float) -> Double { Double(self) - Double(pivot) }
  static func sum(_ runs: Runs<Float>) -> Total { .float(runs.accumulate { Double($0) }) }
}
