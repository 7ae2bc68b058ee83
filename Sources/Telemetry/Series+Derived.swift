/// For series made of others: other samples at the same times, or some of the samples.
extension Series {
  /// The gaps as if this series began with that number.
  package func gaps(from number: Int64) -> [Gap] {
    gaps.map { Gap(at: $0.at - first + number, samples: $0.samples, reason: $0.reason) }
  }

  /// Other samples, as many, at the times of these.
  package func chunks(of storage: SampleStorage) -> [Chunk] {
    var result: [Chunk] = []
    var offset = 0
    forEachChunk { chunk in
      result.append(
        Chunk(
          storage: storage, base: offset, skipped: 0, count: chunk.count,
          timing: chunk.timing(from: 0, by: 1, count: chunk.count), first: 0))
      offset += chunk.count
    }
    return result
  }
}

extension Chunk {
  /// When every n-th of the visible samples was taken.
  fileprivate func timing(from start: Int, by n: Int, count: Int) -> Timing {
    switch timing {
    case .none: return .none
    case .stamped(let stamps, let offset) where n == 1:
      return .stamped(stamps, offset: offset + skipped + start)
    case .steady(_, let step):
      let (units, overflow) = step.units.multipliedReportingOverflow(by: Int64(n))
      let (offset, wide) = step.units.multipliedReportingOverflow(by: Int64(skipped + start))
      // Where the first lies between two units of the clock, even steps from there would round.
      if !overflow, !wide, offset % step.samples == 0, let first = time(start) {
        return .steady(start: first, step: Step(units: units, samples: step.samples))
      }
    case .stamped: break
    }
    let stamps = SampleStorage(type: .timestamp, capacity: count)
    for position in 0..<count { stamps.append(time(start + position * n) ?? 0) }
    return .stamped(stamps, offset: 0)
  }

  /// A copy of every n-th of the visible samples.
  package func strided(from start: Int, by n: Int) -> Chunk {
    let count = (self.count - start - 1) / n + 1
    let kept = SampleStorage(type: storage.type, capacity: count)
    for position in 0..<count {
      let at = range.lowerBound + start + position * n
      if storage.type.width != nil {
        kept.append(packed: storage.bytes(at..<at + 1))
      } else {
        kept.append(blob: storage.blob(at))
      }
    }
    return Chunk(kept, timing: timing(from: start, by: n, count: count))
  }
}
