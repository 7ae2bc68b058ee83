public import Telemetry

/// Numbers about a series. All throw error `type` where the samples are not numbers. Gaps do not matter here.
/// NaN spreads through sums and what is made of them; the others leave it out.
extension Series {
  /// NaN when there are no samples.
  public func mean() throws(TelemetryError) -> Double { try compute(Mean()) }

  /// Root of the mean square; NaN when there are no samples.
  public func rms() throws(TelemetryError) -> Double { try compute(RootMeanSquare()) }

  /// Standard deviation of these samples, not an estimate for more; NaN when there are none.
  public func std() throws(TelemetryError) -> Double { try compute(Deviation()) }

  /// Integers give an integer; a float only when it would fit neither `int64` nor `uint64`.
  public func sum() throws(TelemetryError) -> Sample { try compute(Sum()).sample }

  /// Of the type of the samples; NaN when they all are. Error `empty`.
  public func min() throws(TelemetryError) -> Sample { try extremes().min }

  /// Of the type of the samples; NaN when they all are. Error `empty`.
  public func max() throws(TelemetryError) -> Sample { try extremes().max }

  /// Error `empty`.
  public func median() throws(TelemetryError) -> Double { try quantile(0.5) }

  /// The value below which a share `q` of the samples lies, linear between the two next to it.
  /// Errors `empty`, and `argument` when `q` is not within 0 and 1.
  public func quantile(_ q: Double) throws(TelemetryError) -> Double {
    guard q >= 0, q <= 1 else {
      throw TelemetryError("argument", "a quantile lies between 0 and 1, not \(q)")
    }
    var values = try doubles()
    try requireSamples()
    values.removeAll { $0.isNaN }
    guard !values.isEmpty else { return .nan }
    let place = q * Double(values.count - 1)
    let below = Int(place)
    return values.withUnsafeMutableBufferPointer { values in
      let low = select(below, in: values)
      let share = place - Double(below)
      guard share > 0, let high = values[(below + 1)...].min(), high != low else { return low }
      return low * (1 - share) + high * share
    }
  }

  /// How many samples fall into each of `bins` equally wide parts from the least to the greatest finite one; the
  /// last part includes its upper edge, and there is one edge more than counts. NaN and infinities are left out.
  /// Errors `empty` when nothing is left, and `argument`.
  public func histogram(_ bins: Int) throws(TelemetryError) -> (counts: [Int], edges: [Double]) {
    guard bins >= 1, bins <= Self.binsMax else {
      throw TelemetryError("argument", "a histogram has 1 to \(Self.binsMax) bins, not \(bins)")
    }
    let values = try doubles()
    var low = Double.infinity
    var high = -Double.infinity
    for value in values where value.isFinite {
      low = Swift.min(low, value)
      high = Swift.max(high, value)
    }
    guard low <= high else {
      throw TelemetryError("empty", "'\(channel.name)' has no finite samples to count")
    }
    if low == high {
      // As wide as it takes that the edges differ.
      let margin = Swift.max(0.5, low.ulp * Double(bins) * 4)
      low = Swift.max(low - margin, -.greatestFiniteMagnitude)
      high = Swift.min(high + margin, .greatestFiniteMagnitude)
    }
    // Halved first: the whole range may be wider than the greatest number.
    let half = high / 2 - low / 2
    let scale = Double(bins) / half
    var counts = [Int](repeating: 0, count: bins)
    for value in values where value.isFinite {
      let place = scale.isFinite ? (value / 2 - low / 2) * scale : (value - low) / (high - low) * Double(bins)
      counts[Swift.min(bins - 1, Int(place))] += 1
    }
    let edges = (0...bins).map { edge in
      let share = Double(edge) / Double(bins)
      return edge == bins ? high : low * (1 - share) + high * share
    }
    return (counts, edges)
  }

  /// More bars than any screen or file has use for.
  private static let binsMax = 1_000_000

  private func requireSamples() throws(TelemetryError) {
    if isEmpty { throw TelemetryError("empty", "'\(channel.name)' has no samples") }
  }

  private func extremes() throws(TelemetryError) -> (min: Sample, max: Sample) {
    let result = try compute(Extremes())
    try requireSamples()
    return result ?? (.float(.nan), .float(.nan))
  }
}

private struct Sum: NumericComputation {
  func run<T: NumericSample>(_ runs: Runs<T>) -> Total { T.sum(runs) }
}

private struct Mean: NumericComputation {
  func run<T: NumericSample>(_ runs: Runs<T>) -> Double { T.sum(runs).double / Double(runs.series.count) }
}

private struct RootMeanSquare: NumericComputation {
  func run<T: NumericSample>(_ runs: Runs<T>) -> Double {
    (runs.accumulate { $0.double * $0.double } / Double(runs.series.count)).squareRoot()
  }
}

private struct Deviation: NumericComputation {
  func run<T: NumericSample>(_ runs: Runs<T>) -> Double {
    guard !runs.series.isEmpty else { return .nan }
    // Distances from a sample instead of the samples: exact for timestamps and big counters.
    let pivot = runs.first
    let count = Double(runs.series.count)
    let mean = runs.accumulate { $0.distance(from: pivot) } / count
    let squares = runs.accumulate { value in
      let distance = value.distance(from: pivot) - mean
      return distance * distance
    }
    return (squares / count).squareRoot()
  }
}

private struct Extremes: NumericComputation {
  func run<T: NumericSample>(_ runs: Runs<T>) -> (min: Sample, max: Sample)? {
    var range: (min: T, max: T)?
    runs.forEach { run in
      // Only NaN differs from itself.
      guard let start = run.firstIndex(where: { $0 == $0 }) else { return }
      var low = range?.min ?? run[start]
      var high = range?.max ?? run[start]
      for value in run[start...] {
        low = value < low ? value : low
        high = value > high ? value : high
      }
      range = (low, high)
    }
    return range.map { ($0.min.sample, $0.max.sample) }
  }
}

/// Puts the value at its sorted place, no greater one before it and no smaller one behind it, and returns it.
private func select(_ place: Int, in values: UnsafeMutableBufferPointer<Double>) -> Double {
  var low = 0
  var high = values.count - 1
  // Halves on average; where the pivots are bad again and again, sorting the rest bounds the time.
  var rounds = 4 * (Int.bitWidth - values.count.leadingZeroBitCount)
  while low < high {
    rounds -= 1
    if rounds < 0 || high - low < 16 {
      var rest = UnsafeMutableBufferPointer(rebasing: values[low...high])
      rest.sort()
      break
    }
    let (a, b, c) = (values[low], values[(low + high) / 2], values[high])
    let pivot = Swift.max(Swift.min(a, b), Swift.min(Swift.max(a, b), c))
    var left = low
    var right = high
    while left <= right {
      while values[left] < pivot { left += 1 }
      while values[right] > pivot { right -= 1 }
      guard left <= right else { break }
      values.swapAt(left, right)
      left += 1
      right -= 1
    }
    if place <= right { high = right } else if place >= left { low = left } else { break }
  }
  return values[place]
}
