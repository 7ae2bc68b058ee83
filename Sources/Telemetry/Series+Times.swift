/// What the times of samples say by themselves: how far apart samples are as a rule, and where they are not.
extension Series {
  /// Samples a second, by the usual steps between their times: holes and steps back do not count. Nil when times or the
  /// clock's rate are unknown.
  public var measuredRate: Double? {
    guard count > 1, let unitsPerSecond = clock.unitsPerSecond else { return nil }
    if let step = onlyStep {
      // Exact where several samples share a unit of the clock.
      return step.units > 0 ? unitsPerSecond * Double(step.samples) / Double(step.units) : nil
    }
    guard let usual = Pace(self)?.usual else { return nil }
    return unitsPerSecond / usual
  }

  /// The gaps that were told of, and those that nothing but the times shows: with reason `time` a step far above the
  /// usual one, where as many samples are missing as fit in; with reason `restart` one back, where nobody knows how many.
  /// Jitter is none.
  /// Of channels whose values come now and then the times say nothing.
  public var gapsWithTimes: [Gap] {
    guard count > 2, channel.mode == .dense, onlyStep == nil, let pace = Pace(self) else { return gaps }
    var result = gaps
    let told = Set(result.map(\.at))
    for gap in pace.gaps where !told.contains(gap.at) { result.append(gap) }
    for position in result.indices where result[position].samples == nil && told.contains(result[position].at)
    {
      result[position].samples = pace.gaps.first { $0.at == result[position].at }?.samples
    }
    return result.sorted { $0.at < $1.at }
  }

  /// The same samples with those gaps: for whoever draws or cuts at gaps.
  package var withTimeGaps: Series {
    var result = self
    result.gaps = gapsWithTimes
    return result
  }

  /// Nil unless all times are in even steps.
  private var onlyStep: Step? {
    let chunks = self.chunks
    guard chunks.count == 1, case .steady(_, let step) = chunks[0].timing else { return nil }
    return step
  }

  /// Steps between neighbours in order: how many alike, how long they are together, and where the first of them ends.
  /// A run of even steps is one.
  fileprivate func forEachStep(_ body: (_ position: Int, _ count: Int, _ length: Double) -> Void) {
    var position = 0
    var previous: Int64?
    forEachChunk { chunk in
      defer { position += chunk.count }
      guard let first = chunk.time(0), let last = chunk.time(chunk.count - 1) else {
        previous = nil
        return
      }
      if let previous { body(position, 1, Double(first) - Double(previous)) }
      previous = last
      guard chunk.count > 1 else { return }
      guard case .stamped = chunk.timing else {
        return body(position + 1, chunk.count - 1, Double(last) - Double(first))
      }
      var before = first
      for offset in 1..<chunk.count {
        let time = chunk.time(offset) ?? before
        body(position + offset, 1, Double(time) - Double(before))
        before = time
      }
    }
  }
}

/// The usual step of a series, in units of its clock, and the steps that are none.
private struct Pace {
  /// Steps looked at to find out what is usual: enough for any share, sorted in a few milliseconds.
  private static let sampleMax = 1 << 14
  /// Fewer say nothing of what is usual.
  private static let stepsMin = 4
  /// A step is a hole from so many usual ones on; one sample that is missing makes two, jitter some less.
  private static let hole = 1.75
  /// Where steps are uneven as a rule, from so many of the long ones on.
  private static let longHole = 1.5

  let usual: Double
  private(set) var gaps: [Gap] = []

  /// Nil where times are unknown, too few, or all the same.
  init?(_ series: Series) {
    let every = max(1, series.count / Self.sampleMax)
    var steps: [(length: Double, count: Int)] = []
    series.forEachStep { position, count, length in
      guard length > 0, count > 1 || position % every == 0 else { return }
      steps.append((length / Double(count), count))
    }
    steps.sort { $0.length < $1.length }
    let total = steps.reduce(0) { $0 + $1.count }
    func quantile(_ share: Double) -> Double {
      var rest = Int(share * Double(total - 1))
      for step in steps {
        rest -= step.count
        if rest < 0 { return step.length }
      }
      return steps.last?.length ?? 0
    }
    guard total > 0 else { return nil }
    let median = quantile(0.5)
    // A unit more: even steps may lie between two units.
    let isKnown = total >= Self.stepsMin
    let limit = isKnown ? max(Self.hole * median, Self.longHole * quantile(0.9)) + 1 : .infinity
    let back = isKnown ? -median - 1 : -.infinity
    let told = Set(series.gaps.map { Int($0.at - series.first) })
    var (sum, number) = (0.0, 0)
    var odd: [(position: Int, length: Double)] = []
    series.forEachStep { position, count, length in
      if count > 1 || length <= limit && length >= back && !told.contains(position) {
        sum += length
        number += count
      } else {
        odd.append((position, length))
      }
    }
    guard number > 0, sum > 0 else { return nil }
    let usual = sum / Double(number)
    self.usual = usual
    gaps = odd.compactMap { position, length in
      let at = series.first + Int64(position)
      if length < back { return Gap(at: at, samples: nil, reason: .restart) }
      guard length > limit else { return nil }
      return Gap(at: at, samples: max(1, Int64(saturating: (length / usual).rounded()) - 1), reason: .time)
    }
  }
}
