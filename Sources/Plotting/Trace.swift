import Telemetry

/// One line of a picture: points, or, where there are too many, the smallest and largest of some each.
package struct Trace: Sendable {
  /// Positions on the horizontal axis, rising (but for x-y curves). A bucket's is the middle of its samples.
  package var x: [Double] = []
  /// Values; not-a-number where the line breaks.
  package var low: [Double] = []
  /// The largest of each bucket; empty when these are single samples.
  package var high: [Double] = []
  /// Samples in a whole bucket.
  package var bucketSize: Int64 = 1
  /// Where samples are missing: the position of the first sample behind it.
  package var gaps: [GapMark] = []
  /// What of `low` and `high` is finite.
  package var range = Envelope.empty

  package struct GapMark: Sendable, Hashable {
    /// The last sample before it.
    package var from: Double
    package var x: Double
    package var samples: Int64?

    package init(from: Double, x: Double, samples: Int64?) {
      self.from = from
      self.x = x
      self.samples = samples
    }
  }

  package init() {}

  package var isBuckets: Bool { !high.isEmpty }

  mutating func append(x: Double, _ value: Double) {
    self.x.append(x)
    low.append(value)
    if value.isFinite { range.join(Envelope(low: value, high: value)) }
  }

  mutating func append(x: Double, _ envelope: Envelope) {
    self.x.append(x)
    guard !envelope.isEmpty else {
      low.append(.nan)
      high.append(.nan)
      return
    }
    low.append(envelope.low)
    high.append(envelope.high)
    if envelope.low.isFinite { range.join(Envelope(low: envelope.low, high: envelope.low)) }
    if envelope.high.isFinite { range.join(Envelope(low: envelope.high, high: envelope.high)) }
  }

  mutating func appendBreak(x: Double) {
    guard let last = low.last, !last.isNaN else { return }
    self.x.append(x)
    low.append(.nan)
    if isBuckets { high.append(.nan) }
  }

  /// Smallest and largest at a place within a bucket's width; nil where there is nothing.
  package func value(at place: Double) -> (low: Double, high: Double)? {
    guard !x.isEmpty else { return nil }
    let after = Search.first(in: 0..<x.count) { x[$0] >= place }
    let nearest = after == x.count || after > 0 && place - x[after - 1] < x[after] - place ? after - 1 : after
    guard !low[nearest].isNaN else { return nil }
    return (low[nearest], isBuckets ? high[nearest] : low[nearest])
  }
}

enum Search {
  /// The first position where something that stays true becomes true; the end when it never does.
  static func first(in range: Range<Int>, where isTrue: (Int) -> Bool) -> Int {
    var low = range.lowerBound
    var high = range.upperBound
    while low < high {
      let middle = low + (high - low) / 2
      if isTrue(middle) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
