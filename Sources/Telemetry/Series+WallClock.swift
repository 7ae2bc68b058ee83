extension Series {
  /// The same samples with their times in nanoseconds since the epoch.
  /// - Parameters:
  ///   - rate: units of its own clock that make a second.
  ///   - nanoseconds: what a time of its own clock is on the wall's.
  public func onWallClock(rate: Double, _ nanoseconds: (Int64) -> Int64) -> Series {
    var channel = self.channel
    channel.clock = .unix
    var parts: [Chunk] = []
    forEachChunk { chunk in
      parts.append(Chunk(chunk.storage, chunk.range, timing: timing(of: chunk, rate, nanoseconds)))
    }
    var series = Series(channel, chunks: parts, gaps: gaps(from: 0))
    series.isHeld = isHeld
    series.dropped = dropped
    return series
  }

  /// Even steps stay even where the rate is a whole number; else each sample gets its time.
  private func timing(of chunk: Chunk, _ rate: Double, _ nanoseconds: (Int64) -> Int64) -> Timing {
    guard let from = chunk.time(0) else { return .none }
    if case .steady(_, let step) = chunk.timing, let whole = Int64(exactly: rate), whole > 0 {
      let (units, tooFar) = step.units.multipliedReportingOverflow(by: 1_000_000_000)
      let (samples, tooMany) = step.samples.multipliedReportingOverflow(by: whole)
      if !tooFar, !tooMany {
        return .steady(start: nanoseconds(from), step: Step(units: units, samples: samples))
      }
    }
    let times = (0..<chunk.count).map { chunk.time($0).map(nanoseconds) ?? 0 }
    return .stamped(SampleStorage(times, as: .timestamp), offset: 0)
  }
}
