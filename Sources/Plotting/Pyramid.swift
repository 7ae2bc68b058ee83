package import Telemetry

/// Smallest and largest of every 64 samples of a channel, of every 128, and so on, aligned to absolute sample
/// numbers: a picture of any width costs the same, and nothing shimmers when data move.
///
/// It lies beside a buffer and is brought up to date from a snapshot when somebody looks; nobody looking, it costs
/// nothing. Half of a 4-byte sample's 64th part each: 3 % of the samples, and as much again for the levels above.
package struct Pyramid: Sendable {
  /// Samples of the smallest bucket.
  package static let base: Int64 = 64

  private enum Levels {
    case narrow(Rows<Float>)
    case wide(Rows<Double>)
  }

  private var levels: Levels
  /// Number of the sample that comes next.
  package private(set) var end: Int64 = 0
  private var open = Envelope.empty
  /// False while the bucket that is being filled did not begin with its first sample.
  private var openIsWhole = true

  package init(type: DataType) {
    levels = type.fitsFloat ? .narrow(Rows()) : .wide(Rows())
  }

  /// Takes what is new in a snapshot of the channel, and forgets what the snapshot no longer has.
  package mutating func update(_ series: Series) {
    let last = series.first + Int64(series.count)
    if series.first > end || last < end { restart(at: series.first) }
    if last > end { add(series[Int(end - series.first)..<series.count]) }
    switch levels {
    case .narrow(var rows):
      levels = .narrow(Rows())
      rows.trim(before: series.first)
      levels = .narrow(rows)
    case .wide(var rows):
      levels = .wide(Rows())
      rows.trim(before: series.first)
      levels = .wide(rows)
    }
  }

  /// Of a bucket of `base << level` samples; nil when it is not complete here.
  package func bucket(level: Int, index: Int64) -> Envelope? {
    switch levels {
    case .narrow(let rows): rows.bucket(level: level, index: index)
    case .wide(let rows): rows.bucket(level: level, index: index)
    }
  }

  /// Of any samples that a snapshot has, by absolute number: whole buckets from here, the ragged ends from the samples.
  package func envelope(_ numbers: Range<Int64>, in series: Series) -> Envelope {
    var result = Envelope.empty
    var number = numbers.lowerBound
    while number < numbers.upperBound {
      var next = min(numbers.upperBound, (floorDivide(number, Self.base) + 1) * Self.base)
      if let (found, size) = largestBucket(at: number, within: numbers.upperBound) {
        result.join(found)
        next = number + size
      } else {
        let from = Int(number - series.first)
        series[from..<from + Int(next - number)].forEachChunk { result.join(Envelope($0.storage, $0.range)) }
      }
      number = next
    }
    return result
  }

  private func largestBucket(at number: Int64, within end: Int64) -> (Envelope, size: Int64)? {
    guard number % Self.base == 0 else { return nil }
    var found: (Envelope, Int64)?
    var size = Self.base
    var level = 0
    while number % size == 0, number + size <= end, let bucket = bucket(level: level, index: number / size) {
      found = (bucket, size)
      size *= 2
      level += 1
    }
    return found.map { ($0.0, size: $0.1) }
  }

  private mutating func restart(at number: Int64) {
    switch levels {
    case .narrow: levels = .narrow(Rows())
    case .wide: levels = .wide(Rows())
    }
    end = number
    open = .empty
    openIsWhole = number % Self.base == 0
  }

  private mutating func add(_ series: Series) {
    switch levels {
    case .narrow(var rows):
      levels = .narrow(Rows())
      add(series, to: &rows)
      levels = .narrow(rows)
    case .wide(var rows):
      levels = .wide(Rows())
      add(series, to: &rows)
      levels = .wide(rows)
    }
  }

  private mutating func add<Value>(_ series: Series, to rows: inout Rows<Value>) {
    series.forEachChunk { chunk in
      var position = chunk.range.lowerBound
      while position < chunk.range.upperBound {
        let count = min(chunk.range.upperBound - position, Int(Self.base - end % Self.base))
        open.join(Envelope(chunk.storage, position..<position + count))
        position += count
        end += Int64(count)
        guard end % Self.base == 0 else { continue }
        if openIsWhole { rows.append(open, index: end / Self.base - 1) }
        open = .empty
        openIsWhole = true
      }
    }
  }
}

/// The levels of a pyramid, each a row of buckets.
private struct Rows<Value: BinaryFloatingPoint & Sendable>: Sendable {
  private struct Row: Sendable {
    /// Number of the bucket at the front.
    var first: Int64
    /// Buckets at the front that are forgotten; they go when they are half of the row.
    var dead = 0
    var buckets: [(low: Value, high: Value)] = []

    mutating func trim(before index: Int64) {
      dead = Int(min(max(Int64(dead), index - first), Int64(buckets.count)))
      guard dead * 2 > buckets.count else { return }
      buckets.removeFirst(dead)
      first += Int64(dead)
      dead = 0
    }
  }

  private var rows: [Row] = []

  mutating func append(_ envelope: Envelope, index: Int64) {
    var bucket = (low: Value(envelope.low), high: Value(envelope.high))
    var index = index
    var level = 0
    while true {
      if level == rows.count { rows.append(Row(first: index)) }
      if rows[level].buckets.isEmpty { rows[level].first = index }
      rows[level].buckets.append(bucket)
      // An odd one completes the pair above it, if its sibling is here.
      let sibling = Int(index - 1 - rows[level].first)
      guard index % 2 != 0, sibling >= rows[level].dead else { return }
      let other = rows[level].buckets[sibling]
      bucket = (low: min(bucket.low, other.low), high: max(bucket.high, other.high))
      index /= 2
      level += 1
    }
  }

  func bucket(level: Int, index: Int64) -> Envelope? {
    guard level < rows.count else { return nil }
    let row = rows[level]
    let position = index - row.first
    guard position >= Int64(row.dead), position < Int64(row.buckets.count) else { return nil }
    let bucket = row.buckets[Int(position)]
    return Envelope(low: Double(bucket.low), high: Double(bucket.high))
  }

  mutating func trim(before number: Int64) {
    var size = Pyramid.base
    for level in rows.indices {
      rows[level].trim(before: (number + size - 1) / size)
      size *= 2
    }
  }
}
