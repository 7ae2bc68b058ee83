package import DequeModule

/// How much a buffer keeps. The newest always stay.
public enum BufferCapacity: Sendable, Hashable {
  case samples(Int)
  case span(TimeSpan)
}

/// The newest samples of one channel: a row of immutable chunks, addressed by absolute sample numbers.
///
/// A snapshot is a few references. Appending writes behind what snapshots can see. A value without a lock;
/// its `Streamer` has one.
package struct SampleBuffer {
  package let channel: Channel
  package private(set) var capacity: BufferCapacity
  /// Absolute numbers of the samples it still has.
  package private(set) var numbers: Range<Int64> = 0..<0
  package private(set) var gaps: Deque<Gap> = []
  /// Samples that were never received, as far as anybody counted.
  package private(set) var lost: Int64 = 0

  private var full: Deque<Chunk> = []
  private var tail: Chunk?
  // Where the tail's samples and stamps go; several chunks may lie in one storage.
  private var open: SampleStorage?
  private var openStamps: SampleStorage?
  private var pendingGap: Gap?

  package init(channel: Channel, capacity: BufferCapacity) {
    self.channel = channel
    self.capacity = capacity
  }

  package var count: Int { numbers.count }

  /// Bytes behind the chunks that are held, storages counted by what this buffer sees of them.
  package var byteCount: Int {
    var bytes = full.reduce(0) { $0 + Self.bytes($1) }
    if let tail { bytes += Self.bytes(tail) }
    return bytes
  }

  private static func bytes(_ chunk: Chunk) -> Int {
    var bytes = chunk.storage.byteCount(chunk.range)
    if case .stamped = chunk.timing { bytes += 8 * chunk.count }
    return bytes
  }

  /// Appends the samples of a series, and its gaps. Returns the absolute numbers they got.
  @discardableResult
  package mutating func append(_ series: Series) -> Range<Int64> {
    precondition(series.type == channel.type)
    let start = numbers.upperBound
    for gap in series.gaps {
      var own = gap
      own.at = start + (gap.at - series.first)
      note(own)
    }
    if series.count > 0, let gap = pendingGap {
      pendingGap = nil
      note(Gap(at: start, samples: gap.samples, reason: gap.reason))
    }
    series.forEachChunk { append($0) }
    trim()
    return start..<numbers.upperBound
  }

  /// Remembers that samples are missing before the next one that comes.
  package mutating func markGap(_ reason: Gap.Reason, samples: Int64? = nil) {
    guard let earlier = pendingGap else {
      pendingGap = Gap(at: numbers.upperBound, samples: samples, reason: reason)
      return
    }
    pendingGap?.samples = earlier.samples.flatMap { a in samples.map(a.addingSaturating) }
    pendingGap?.reason = reason
  }

  package mutating func setCapacity(_ new: BufferCapacity) {
    capacity = new
    trim()
  }

  /// Forgets all samples; numbers go on.
  package mutating func clear() {
    drop(before: numbers.upperBound)
    (full, tail, open, openStamps) = ([], nil, nil, nil)
  }

  /// A snapshot of some absolute numbers; those it no longer has are left out.
  package func series(_ wanted: Range<Int64>) -> Series {
    let part = wanted.clamped(to: numbers)
    let inside: [Gap] = gaps.isEmpty ? [] : gaps.filter { part.contains($0.at) }
    // A single chunk is handed on alone: a reader that keeps up must not hold the whole buffer.
    if let tail, part.lowerBound >= tail.first {
      return Series(channel: channel, numbers: part, full: [], tail: tail.clipped(to: part), gaps: inside)
    }
    var series = Series(channel: channel, numbers: part, full: full, tail: tail, gaps: inside)
    if part == numbers { series.dropped = numbers.lowerBound }
    return series
  }

  package func snapshot() -> Series {
    var series = series(numbers)
    series.dropped = numbers.lowerBound
    return series
  }

  // MARK: - Appending

  private mutating func append(_ chunk: Chunk) {
    if chunk.storage.type.width.map({ $0 * chunk.count >= Limits.adoptBytesMin }) ?? false {
      closeTail()
      full.append(chunk.renumbered(from: numbers.upperBound))
      numbers = numbers.lowerBound..<numbers.upperBound + Int64(chunk.count)
      return
    }
    var done = 0
    while done < chunk.count { done += appendPart(chunk, from: done) }
  }

  /// Copies as much of a chunk as the open storage has room for; returns how many samples.
  private mutating func appendPart(_ chunk: Chunk, from done: Int) -> Int {
    let storage = openStorage()
    let count = min(chunk.count - done, storage.capacity - storage.used)
    let base = storage.used
    let from = chunk.range.lowerBound + done
    storage.append(chunk.storage, from..<from + count)
    let timing = ownTiming(chunk, from: done, count: count, base: base, capacity: storage.capacity)
    if let timing {
      closeTail()
      tail = Chunk(
        storage: storage, base: base, skipped: 0, count: count, timing: timing, first: numbers.upperBound)
    } else {
      tail?.count += count
    }
    numbers = numbers.lowerBound..<numbers.upperBound + Int64(count)
    return count
  }

  /// The timing of a new chunk for these samples; nil when they simply continue the tail.
  private mutating func ownTiming(_ chunk: Chunk, from done: Int, count: Int, base: Int, capacity: Int)
    -> Timing?
  {
    let continues = tail.map { $0.storage === open && $0.range.upperBound == base } ?? false
    switch chunk.timing {
    case .none:
      if continues, case .none? = tail?.timing { return nil }
      return Timing.none
    case .steady(_, let step):
      let start = chunk.time(done) ?? 0
      if continues, let tail, case .steady(_, step)? = tail.timing as Timing?, tail.time(tail.count) == start
      {
        return nil
      }
      return .steady(start: start, step: step)
    case .stamped(let stamps, let offset):
      if openStamps == nil || openStamps!.capacity != capacity || openStamps!.used + count > capacity {
        openStamps = SampleStorage(type: .timestamp, capacity: capacity)
      }
      let own = openStamps!
      let ownBase = own.used
      let from = offset + chunk.skipped + done
      own.append(packed: stamps.bytes(from..<from + count))
      if continues, let tail, case .stamped(let storage, let first)? = tail.timing as Timing?,
        storage === own,
        first + tail.skipped + tail.count == ownBase
      {
        return nil
      }
      return .stamped(own, offset: ownBase)
    }
  }

  private mutating func openStorage() -> SampleStorage {
    if let open, open.used < open.capacity { return open }
    closeTail()
    // Grows with the channel: as much again as it has, between the two limits.
    let width = channel.type.width ?? MemoryLayout<[UInt8]>.stride
    let bytes = min(max(count * width, Limits.chunkBytesMin), Limits.chunkBytesMax)
    let storage = SampleStorage(type: channel.type, capacity: max(1, bytes / width))
    open = storage
    openStamps = nil
    return storage
  }

  private mutating func closeTail() {
    if let tail { full.append(tail) }
    tail = nil
  }

  private mutating func note(_ gap: Gap) {
    lost = lost.addingSaturating(gap.samples ?? 0)
    gaps.append(gap)
    guard gaps.count > Limits.gapsMax else { return }
    let oldest = gaps.removeFirst()
    gaps[0].samples = oldest.samples.flatMap { a in gaps[0].samples.map(a.addingSaturating) }
  }

  // MARK: - Trimming

  private mutating func trim() {
    switch capacity {
    case .samples(let most): drop(before: numbers.upperBound - Int64(most))
    case .span(let span):
      guard let units = channel.clock.units(span), count > 0 else {
        drop(before: numbers.upperBound - Int64(Limits.bufferSamplesDefault))
        return
      }
      dropOlder(than: units)
    }
  }

  private mutating func dropOlder(than units: Int64) {
    guard let last = tail ?? full.last, let newest = last.time(last.count - 1) else { return }
    let limit = newest.subtractingSaturating(units)
    guard let oldest = full.first ?? tail, let begin = oldest.time(Int(numbers.lowerBound - oldest.first)),
      begin < limit
    else { return }
    let all = series(numbers)
    drop(before: numbers.lowerBound + Int64(all.position(from: limit)))
  }

  private mutating func drop(before number: Int64) {
    guard number > numbers.lowerBound else { return }
    numbers = min(number, numbers.upperBound)..<numbers.upperBound
    while let first = full.first, first.end <= numbers.lowerBound { full.removeFirst() }
    while let gap = gaps.first, gap.at < numbers.lowerBound { gaps.removeFirst() }
  }
}
