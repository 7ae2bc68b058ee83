package import Telemetry

/// The smallest and the largest of some samples. Not-a-numbers do not count; of nothing but those it is empty.
package struct Envelope: Sendable, Hashable {
  package var low: Double
  package var high: Double

  package init(low: Double, high: Double) {
    self.low = low
    self.high = high
  }

  package static let empty = Envelope(low: .infinity, high: -.infinity)
  package var isEmpty: Bool { low > high }

  package mutating func join(_ other: Envelope) {
    if other.low < low { low = other.low }
    if other.high > high { high = other.high }
  }

  /// Of a run of samples in a storage. Types without numbers give an empty one.
  package init(_ storage: SampleStorage, _ range: Range<Int>) {
    self =
      switch storage.type {
      case .float32: Self.floating(storage, range, Float.self)
      case .float64: Self.floating(storage, range, Double.self)
      case .int8: Self.integer(storage, range, Int8.self)
      case .int16: Self.integer(storage, range, Int16.self)
      case .int32: Self.integer(storage, range, Int32.self)
      case .int64, .timestamp: Self.integer(storage, range, Int64.self)
      case .uint8, .bool: Self.integer(storage, range, UInt8.self)
      case .uint16: Self.integer(storage, range, UInt16.self)
      case .uint32: Self.integer(storage, range, UInt32.self)
      case .uint64: Self.integer(storage, range, UInt64.self)
      case .uuid, .string, .json, .bytes: .empty
      }
  }

  private static func floating<T: FixedWidthSample & BinaryFloatingPoint>(
    _ storage: SampleStorage, _ range: Range<Int>, _: T.Type
  ) -> Envelope {
    storage.withValues(range, as: T.self) { values in
      var low = T.infinity
      var high = -T.infinity
      // Comparisons with a not-a-number are false: it changes nothing.
      for value in values {
        if value < low { low = value }
        if value > high { high = value }
      }
      return Envelope(low: Double(low), high: Double(high))
    }
  }

  private static func integer<T: FixedWidthSample & BinaryInteger>(
    _ storage: SampleStorage, _ range: Range<Int>, _: T.Type
  ) -> Envelope {
    storage.withValues(range, as: T.self) { values in
      guard var low = values.first else { return .empty }
      var high = low
      for value in values {
        if value < low { low = value }
        if value > high { high = value }
      }
      return Envelope(low: Double(low), high: Double(high))
    }
  }
}

extension DataType {
  /// True where samples can be drawn: numbers, and booleans as 0 and 1.
  var isDrawable: Bool { isNumeric || self == .bool }
  /// True where `Float` holds every value.
  var fitsFloat: Bool {
    switch self {
    case .float32, .int8, .int16, .uint8, .uint16, .bool: true
    default: false
    }
  }
}

extension Chunk {
  /// One sample as a number. - Precondition: the type can be drawn.
  func value(_ position: Int) -> Double {
    storage.sample(range.lowerBound + position).number ?? .nan
  }
}
