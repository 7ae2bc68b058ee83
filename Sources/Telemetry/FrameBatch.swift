/// Frames that a reader took at once. Its series hold all samples of all of them; a frame is a number in it, and
/// becomes series of its own only where somebody looks.
package final class FrameBatch: Sendable {
  /// The samples of one channel within one frame, as positions in the batch's series of that channel.
  struct Run {
    var place: Int32
    var offset: Int32
    var count: Int32
  }

  private enum Shape {
    /// All frames have all channels, and so many samples of each.
    case even(Int)
    /// The runs of frame i are those from `starts[i]` to `starts[i + 1]`; which of them is that of a place says the map of
    /// its kind, -1 for none. A frame of kind -1 has no map: some of it fell out of the buffer.
    case uneven(runs: [Run], starts: [Int32], kinds: [Int32], maps: [[Int32]])
  }

  package let count: Int
  let pattern: FramePattern
  let series: [Series]
  private let shape: Shape
  // Of the first frame, or of each.
  private let firstDropped: Int64
  private let dropped: [Int64]?
  // Bytes of a sample and its stamp, of each channel and of all; nil where those differ.
  private let widths: [Int?]
  private let sampleBytes: Int?

  init(_ pattern: FramePattern, _ series: [Series], frames: Int, of samples: Int, dropped: Int64) {
    (self.pattern, self.series, count) = (pattern, series, frames)
    shape = .even(samples)
    (firstDropped, self.dropped) = (dropped, nil)
    (widths, sampleBytes) = Self.widths(of: series)
  }

  init(
    _ pattern: FramePattern, _ series: [Series], runs: [Run], starts: [Int32], kinds: [Int32],
    maps: [[Int32]], dropped: [Int64]
  ) {
    (self.pattern, self.series, count) = (pattern, series, dropped.count)
    shape = .uneven(runs: runs, starts: starts, kinds: kinds, maps: maps)
    (firstDropped, self.dropped) = (0, dropped)
    (widths, sampleBytes) = Self.widths(of: series)
  }

  private static func widths(of series: [Series]) -> ([Int?], Int?) {
    let widths = series.map { one in one.type.width.map { $0 + (one.isStamped ? 8 : 0) } }
    return (widths, widths.reduce(0) { sum, width in sum.flatMap { sum in width.map { sum + $0 } } })
  }

  package subscript(number: Int) -> Frame { Frame(self, number, dropped: dropped(number)) }

  private func dropped(_ number: Int) -> Int64 { dropped?[number] ?? (number == 0 ? firstDropped : 0) }

  /// How many channels a frame has.
  func seriesCount(_ number: Int) -> Int {
    switch shape {
    case .even: series.count
    case .uneven(_, let starts, _, _): Int(starts[number + 1] - starts[number])
    }
  }

  /// The series of a frame, in its order.
  func series(_ number: Int, at position: Int) -> Series {
    switch shape {
    case .even(let samples): return series[position][number &* samples..<(number &+ 1) &* samples]
    case .uneven(let runs, let starts, _, _):
      let run = runs[Int(starts[number]) + position]
      return series[Int(run.place)][Int(run.offset)..<Int(run.offset) + Int(run.count)]
    }
  }

  /// The place of a channel within a frame.
  func position(_ number: Int, of name: String) -> Int? {
    pattern.place(of: name).flatMap { position(number, at: $0) }
  }

  private func position(_ number: Int, at place: Int) -> Int? {
    guard case .uneven(let runs, let starts, let kinds, let maps) = shape else { return place }
    guard kinds[number] < 0 else {
      let position = maps[Int(kinds[number])][place]
      return position < 0 ? nil : Int(position)
    }
    let range = Int(starts[number])..<Int(starts[number + 1])
    return runs[range].firstIndex { $0.place == Int32(place) }.map { $0 - range.lowerBound }
  }

  /// Where the samples of a frame are in the series at a place; nil when it has none of that channel.
  func range(_ number: Int, at place: Int) -> Range<Int>? {
    guard place < series.count else { return nil }
    switch shape {
    case .even(let samples): return number &* samples..<(number &+ 1) &* samples
    case .uneven(let runs, let starts, _, _):
      guard let position = position(number, at: place) else { return nil }
      let run = runs[Int(starts[number]) + position]
      return Int(run.offset)..<Int(run.offset) + Int(run.count)
    }
  }

  func byteCount(_ number: Int) -> Int {
    switch shape {
    case .even(let samples):
      if let sampleBytes { return samples * sampleBytes }
      return series.indices.reduce(0) { $0 + self.series(number, at: $1).byteCount }
    case .uneven(let runs, let starts, _, _):
      return runs[Int(starts[number])..<Int(starts[number + 1])].reduce(0) { sum, run in
        guard let width = widths[Int(run.place)] else {
          return sum + series[Int(run.place)][Int(run.offset)..<Int(run.offset) + Int(run.count)].byteCount
        }
        return sum + Int(run.count) * width
      }
    }
  }

  func sampleCount(_ number: Int) -> Int {
    switch shape {
    case .even(let samples): return samples * series.count
    case .uneven(let runs, let starts, _, _):
      return runs[Int(starts[number])..<Int(starts[number + 1])].reduce(0) { $0 + Int($1.count) }
    }
  }

  /// The frames from a number on as one: each channel once, with all its samples.
  package func joined(from number: Int) -> Frame {
    var result: [Series] = []
    var missed: Int64 = 0
    for frame in number..<count { missed = missed.addingSaturating(dropped(frame)) }
    switch shape {
    case .even(let samples):
      result = series.map { $0[number * samples..<$0.count] }
    case .uneven(let runs, let starts, _, _):
      var from: [Int32: Int32] = [:]
      var order: [Int32] = []
      for run in runs[Int(starts[number])...] where from[run.place] == nil {
        from[run.place] = run.offset
        order.append(run.place)
      }
      result = order.map { place in
        let all = series[Int(place)]
        return all[Int(from[place]!)..<all.count]
      }
    }
    return Frame(result, dropped: missed)
  }
}
