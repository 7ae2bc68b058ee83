import DequeModule

/// Samples side by side in memory and their times, for readers of plain memory. Valid while the series lives.
package struct SampleRun {
  package enum Times {
    case unknown
    /// Even steps; the first sample lies `phase` samples behind `start`.
    case steady(start: Int64, step: Step, phase: Int)
    case stamped(UnsafePointer<Int64>)
  }

  package let samples: UnsafeRawPointer
  package let count: Int
  package let times: Times
}

/// What there is to know of samples for reading them: their run, where it is one.
package struct SampleView {
  package let type: DataType
  package let count: Int
  /// How many runs there are at most.
  package let runCount: Int
  package let run: SampleRun?
}

extension Series {
  package func view(_ positions: Range<Int>) -> SampleView {
    guard type.width != nil else {
      return SampleView(type: type, count: positions.count, runCount: 0, run: nil)
    }
    let run = onlyRun(positions)
    return SampleView(
      type: type, count: positions.count, runCount: run == nil ? runCount(positions) : 1, run: run)
  }

  /// Bytes of all samples of its stream up to its end, about.
  package var receivedBytes: Int64 { (first &+ Int64(count)) &* Int64(type.width ?? 64) }

  /// Its newest samples have a time each.
  var isStamped: Bool { (tail ?? full?.last)?.isStamped ?? false }

  /// The run that holds these positions, where one does.
  package func onlyRun(_ positions: Range<Int>) -> SampleRun? {
    let numbers = numbers(of: positions)
    guard let full, numbers.lowerBound < tail?.first ?? .max else { return tail?.run(within: numbers) }
    let index = Self.index(in: full, of: numbers.lowerBound)
    guard index < full.count, full[index].end >= numbers.upperBound else { return nil }
    return full[index].run(within: numbers)
  }

  /// How many runs hold these positions.
  package func runCount(_ positions: Range<Int>) -> Int {
    guard !positions.isEmpty else { return 0 }
    let numbers = numbers(of: positions)
    guard let full else { return tail == nil ? 0 : 1 }
    let begin = Self.index(in: full, of: numbers.lowerBound)
    let end = Swift.min(Self.index(in: full, of: numbers.upperBound - 1) + 1, full.count)
    return end - begin + (numbers.upperBound > tail?.first ?? .max ? 1 : 0)
  }

  /// - Precondition: the type has a fixed width.
  package func forEachRun(_ positions: Range<Int>, _ body: (SampleRun) -> Void) {
    let numbers = numbers(of: positions)
    if let full, !positions.isEmpty {
      var index = Self.index(in: full, of: numbers.lowerBound)
      while index < full.count, let run = full[index].run(within: numbers) {
        body(run)
        index += 1
      }
    }
    if let run = tail?.run(within: numbers) { body(run) }
  }

  private func numbers(of positions: Range<Int>) -> Range<Int64> {
    precondition(positions.lowerBound >= 0 && positions.upperBound <= count)
    return first + Int64(positions.lowerBound)..<first + Int64(positions.upperBound)
  }
}

extension Chunk {
  /// The memory of the part within absolute numbers; nil when there is none.
  fileprivate func run(within numbers: Range<Int64>) -> SampleRun? {
    let low = max(numbers.lowerBound, first)
    let high = min(numbers.upperBound, end)
    guard low < high else { return nil }
    let before = skipped + Int(low - first)
    let count = Int(high - low)
    let times: SampleRun.Times =
      switch timing {
      case .none: .unknown
      case .steady(let start, let step): .steady(start: start, step: step, phase: before)
      case .stamped(let stamps, let offset):
        .stamped(
          stamps.bytes(offset + before..<offset + before + count).baseAddress!.assumingMemoryBound(
            to: Int64.self))
      }
    return SampleRun(
      samples: storage.bytes(base + before..<base + before + count).baseAddress!, count: count, times: times)
  }
}
