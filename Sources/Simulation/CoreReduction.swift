import Synnax
import Telemetry

/// Fewer samples than are stored: every n-th of each series, or what a function makes of each group of samples.
enum CoreReduction: Sendable {
  case stride(Int)
  /// So that each channel comes back as about so many points.
  case limit(Aggregation, points: Int)

  enum Aggregation: String, Sendable {
    case minMax = "min_max"
    case average, decimate

    /// Points that come of a group.
    var points: Int { self == .minMax ? 2 : 1 }
  }

  init?(_ payload: ReductionPayload?) throws(ErrorPayload) {
    guard let payload else { return nil }
    switch payload.variant {
    case "stride": self = .stride(payload.factor ?? 0)
    case "limit":
      guard let name = payload.aggregation, let aggregation = Aggregation(rawValue: name) else {
        throw .path(
          ["reduction", "aggregation"], "sy.validation", "unknown aggregation \(payload.aggregation ?? "")")
      }
      guard let most = payload.pointLimit, most > 0 else {
        throw .path(["reduction", "point_limit"], "sy.validation", "must be above zero")
      }
      self = .limit(aggregation, points: most)
    default:
      throw .path(["reduction", "variant"], "sy.validation", "unknown variant \(payload.variant)")
    }
  }

  /// Samples of each group that bring a count of them to the limit; 1 changes nothing. An even number where two points
  /// come of each, so that both have a place.
  static func groupSize(_ count: Int, _ aggregation: Aggregation, points: Int) -> Int {
    guard count > points else { return 1 }
    let groups = max(1, points / aggregation.points)
    let size = count / groups + (count % groups == 0 ? 0 : 1)
    return aggregation == .minMax ? size + size % 2 : size
  }

  /// What is sent of stored pieces, which come channel by channel.
  /// - Parameter count: samples that the index of a channel has: all of its channels are grouped alike.
  func apply(_ pieces: [StoredPiece], count: (UInt32) throws -> Int) rethrows -> [WireSeries] {
    switch self {
    case .stride(let factor):
      return pieces.map { piece in
        guard factor > 1 else { return piece.series }
        var series = piece.series.downsampled(factor)
        series.multiple = UInt32(clamping: factor)
        return series
      }
    case .limit(let aggregation, let points):
      var sizes: [UInt32: Int] = [:]
      for piece in pieces where sizes[piece.key] == nil {
        sizes[piece.key] = Self.groupSize(try count(piece.key), aggregation, points: points)
      }
      guard sizes.values.contains(where: { $0 > 1 }) else { return pieces.map(\.series) }
      return pieces.map(\.series).joined()
        .map { $0.reduced(aggregation, size: sizes[$0.key] ?? 1) }
        .sorted { ($0.key, $0.timeRange.start) < ($1.key, $1.timeRange.start) }
    }
  }
}

extension WireSeries {
  /// One or two points of each group of samples. Groups begin at multiples of the size within a domain, so the series
  /// of one index are all grouped alike, wherever a read begins.
  fileprivate func reduced(_ aggregation: CoreReduction.Aggregation, size: Int) -> WireSeries {
    guard size > 1, let size = UInt32(exactly: size) else { return self }
    let points: SampleStorage? =
      switch storage.type {
      case .float32:
        averages(aggregation, size, Float.self) {
          Double($0 - $1)
        } plus: {
          $0 + Float($1)
        }
      case .float64:
        averages(aggregation, size, Double.self) {
          $0 - $1
        } plus: {
          $0 + $1
        }
      case .int8: whole(aggregation, size, Int8.self)
      case .int16: whole(aggregation, size, Int16.self)
      case .int32: whole(aggregation, size, Int32.self)
      case .int64, .timestamp: whole(aggregation, size, Int64.self)
      case .uint8, .bool: whole(aggregation, size, UInt8.self)
      case .uint16: whole(aggregation, size, UInt16.self)
      case .uint32: whole(aggregation, size, UInt32.self)
      case .uint64: whole(aggregation, size, UInt64.self)
      case .string, .json, .bytes, .uuid: nil
      }
    guard let points else { return self }
    var result = self
    result.storage = points
    result.range = 0..<points.used
    result.alignment = Alignment(
      domain: alignment.domain, sample: alignment.sample - alignment.sample % size)
    result.multiple = aggregation == .minMax ? size / 2 : size
    return result
  }

  private func whole<T: FixedWidthInteger & FixedWidthSample>(
    _ aggregation: CoreReduction.Aggregation, _ size: UInt32, _: T.Type
  ) -> SampleStorage {
    averages(aggregation, size, T.self) {
      // Exact beyond the range of the type itself.
      Double(UInt64(truncatingIfNeeded: $0) &- UInt64(truncatingIfNeeded: $1))
    } plus: {
      // A mean of distances is never above the largest, so it is in range; rounding may put it one above.
      T(truncatingIfNeeded: UInt64(truncatingIfNeeded: $0) &+ (UInt64(exactly: $1.rounded(.down)) ?? .max))
    }
  }

  /// - Parameters:
  ///   - distance: of a value from the smallest of its group.
  ///   - plus: the value at a distance.
  private func averages<T: FixedWidthSample & Comparable>(
    _ aggregation: CoreReduction.Aggregation, _ size: UInt32, _: T.Type, distance: (T, T) -> Double,
    plus: (T, Double) -> T
  ) -> SampleStorage {
    let size = Int(size)
    let skipped = Int(alignment.sample) % size
    let points = storage.withValues(range) { (values: UnsafeBufferPointer<T>) -> [T] in
      var points: [T] = []
      points.reserveCapacity((values.count / size + 2) * aggregation.points)
      var from = 0
      while from < values.count {
        // Only the first group may begin before the series.
        let to = min(values.count, from == 0 ? size - skipped : from + size)
        var (low, high) = (from, from)
        for place in from..<to {
          if values[place] < values[low] { low = place }
          if values[place] > values[high] { high = place }
        }
        switch aggregation {
        case .decimate: points.append(values[from])
        case .minMax: points += [values[min(low, high)], values[max(low, high)]]
        case .average:
          let sum = (from..<to).reduce(0.0) { $0 + distance(values[$1], values[low]) }
          points.append(plus(values[low], sum / Double(to - from)))
        }
        from = to
      }
      return points
    }
    return SampleStorage(points, as: storage.type)
  }
}
