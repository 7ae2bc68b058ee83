package import Telemetry

/// Makes of any number of samples as many points as a picture has columns for, and loses no extreme: every sample in
/// view is in the range of exactly one bucket.
///
/// Buckets hold a power of two of samples and begin at multiples of it by absolute number, so that a sample stays
/// with the same neighbours while the picture moves. A gap ends a bucket.
package struct Downsampler {
  private let series: Series
  private let pyramid: Pyramid
  private let clock: LineClock

  /// - Parameter pyramid: brought up to date with `series`.
  package init(_ series: Series, _ pyramid: Pyramid, clock: LineClock) {
    self.series = series
    self.pyramid = pyramid
    self.clock = clock
  }

  /// The samples between two places of the axis, and one more on each side so that the line reaches the edges.
  /// - Parameter columns: at least as many points are made where there are samples enough, at most twice as many
  ///   and two for each gap.
  package func trace(_ view: ClosedRange<Double>, columns: Int) -> Trace {
    var trace = Trace()
    let columns = max(1, columns)
    let begin = max(0, position(from: view.lowerBound) - 1)
    let last = Search.first(in: begin..<series.count) { clock.x(series, $0) > view.upperBound }
    let part = begin..<min(series.count, last + 1)
    guard !part.isEmpty else { return trace }
    let numbers = series.first + Int64(part.lowerBound)..<series.first + Int64(part.upperBound)
    let breaks = series.gaps.filter { $0.at >= numbers.lowerBound && $0.at < numbers.upperBound }
    for gap in breaks {
      let position = Int(gap.at - series.first)
      let x = clock.x(series, position)
      guard x >= view.lowerBound else { continue }
      let from = position > 0 ? clock.x(series, position - 1) : x
      if from <= view.upperBound {
        trace.gaps.append(Trace.GapMark(from: min(from, x), x: x, samples: gap.samples))
      }
    }
    var size: Int64 = 1
    while Int64(part.count) / size >= Int64(columns) * 2 { size *= 2 }
    trace.bucketSize = size
    trace.x.reserveCapacity(part.count / Int(size) + 2 * breaks.count + 2)
    if size == 1 {
      raw(part, breaks: breaks.map(\.at), into: &trace)
    } else {
      buckets(numbers, size: size, breaks: breaks.map(\.at), into: &trace)
    }
    return trace
  }

  /// Position of the first sample at or behind a place of the axis.
  private func position(from x: Double) -> Int {
    Search.first(in: 0..<series.count) { clock.x(series, $0) >= x }
  }

  private func raw(_ part: Range<Int>, breaks: [Int64], into trace: inout Trace) {
    var number = series.first + Int64(part.lowerBound)
    var rest = breaks[...]
    series[part].forEachChunk { chunk in
      for position in 0..<chunk.count {
        let x = clock.x(time: chunk.time(position), number: number)
        if number == rest.first {
          trace.appendBreak(x: x)
          rest.removeFirst()
        }
        trace.append(x: x, chunk.value(position))
        number += 1
      }
    }
  }

  private func buckets(_ numbers: Range<Int64>, size: Int64, breaks: [Int64], into trace: inout Trace) {
    let level = size < Pyramid.base ? nil : (size / Pyramid.base).trailingZeroBitCount
    var cursor = Cursor(series, clock)
    var rest = breaks[...]
    var number = numbers.lowerBound
    while number < numbers.upperBound {
      let index = number / size
      var end = min((index + 1) * size, numbers.upperBound)
      let middleOfBreak = number == rest.first
      if middleOfBreak { rest.removeFirst() }
      if let gap = rest.first, gap < end { end = gap }
      var envelope: Envelope
      if let level, number == index * size, end == number + size,
        let found = pyramid.bucket(level: level, index: index)
      {
        envelope = found
      } else if level == nil {
        envelope = cursor.envelope(number..<end)
      } else {
        envelope = pyramid.envelope(number..<end, in: series)
      }
      let from = cursor.x(number)
      if middleOfBreak { trace.appendBreak(x: from) }
      trace.append(x: (from + cursor.x(end - 1)) / 2, envelope)
      number = end
    }
  }

  /// Walks forward through the chunks of a series, so that times and samples need no search.
  private struct Cursor {
    private let chunks: [Chunk]
    private let clock: LineClock
    private var place = 0
    private var start: Int64

    init(_ series: Series, _ clock: LineClock) {
      chunks = series.chunks
      start = series.first
      self.clock = clock
    }

    /// Numbers must not fall between calls by more than the chunk they are in.
    mutating func x(_ number: Int64) -> Double {
      advance(to: number)
      return clock.x(time: chunks[place].time(Int(number - start)), number: number)
    }

    mutating func envelope(_ numbers: Range<Int64>) -> Envelope {
      var result = Envelope.empty
      var number = numbers.lowerBound
      let saved = (place, start)
      while number < numbers.upperBound {
        advance(to: number)
        let chunk = chunks[place]
        let from = Int(number - start)
        let to = min(chunk.count, Int(numbers.upperBound - start))
        result.join(Envelope(chunk.storage, chunk.range.lowerBound + from..<chunk.range.lowerBound + to))
        number = start + Int64(to)
      }
      // The time of the first of these samples is asked for next.
      (place, start) = saved
      return result
    }

    private mutating func advance(to number: Int64) {
      while number >= start + Int64(chunks[place].count) {
        start += Int64(chunks[place].count)
        place += 1
      }
    }
  }
}
