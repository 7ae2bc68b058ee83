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
  package private(set) var channel: Channel
  package private(set) var capacity: BufferCapacity
  /// Memory that it may hold; reached before the capacity, the oldest go.
  package private(set) var bytesMax: Int
  /// Absolute numbers of the samples it still has.
  package private(set) var numbers: Range<Int64> = 0..<0
  package private(set) var gaps: Deque<Gap> = []
  /// Samples that were never received, as far as anybody counted.
  package private(set) var lost: Int64 = 0
  /// Places where samples are missing, pauses not counted.
  package private(set) var gapCount: Int64 = 0
  /// Memory of the samples it has, and of their stamps.
  package private(set) var byteCount = 0

  private var full: Deque<Chunk> = []
  private var tail: Chunk?
  // Where the tail's samples and stamps go; several chunks may lie in one storage.
  private var open: SampleStorage?
  private var openStamps: SampleStorage?
  // Memory of the samples in `open` that have a memory of their own.
  private var openBytes = 0
  private var pendingGap: Gap?
  // The number of the first sample since it was cleared.
  private var origin: Int64 = 0
  // The newest samples' clock began anew here, further back than the buffer's time reaches.
  private var restart: (number: Int64, time: Int64)?

  package init(channel: Channel, capacity: BufferCapacity, bytesMax: Int = .max) {
    self.channel = channel
    self.capacity = capacity
    self.bytesMax = bytesMax
  }

  package var count: Int { numbers.count }

  /// Takes on another description of the same channel; false when its samples would be of another kind.
  package mutating func describe(as channel: Channel) -> Bool {
    guard channel.type == self.channel.type, channel.clock.name == self.channel.clock.name else {
      return false
    }
    self.channel = channel
    return true
  }

  /// Appends the samples of a series, and its gaps. Returns the absolute numbers they got.
  /// - Parameter trims: false where `trim` will follow.
  /// - Precondition: it is of the channel's type.
  @discardableResult
  package mutating func append(_ series: Series, trims: Bool = true) -> Range<Int64> {
    precondition(series.type == channel.type)
    let start = numbers.upperBound
    if series.hasGaps || pendingGap != nil { noteGaps(of: series) }
    series.forEachChunk { append($0) }
    if trims { trim() }
    return start..<numbers.upperBound
  }

  /// Remembers that samples are missing before the next one that comes. What is told twice about one place, by a
  /// device and by its connection, becomes one gap.
  package mutating func markGap(_ reason: Gap.Reason, samples: Int64? = nil) {
    let samples = samples.map { max(0, $0) }
    // What somebody did not want for a while is missing, not lost.
    if reason != .paused { lost = lost.addingSaturating(samples ?? 0) }
    guard let earlier = pendingGap else {
      if reason != .paused { gapCount += 1 }
      pendingGap = Gap(at: numbers.upperBound, samples: samples, reason: reason)
      return
    }
    let isSame = earlier.reason == reason
    let both = earlier.samples.flatMap { a in samples.map(a.addingSaturating) }
    pendingGap?.samples = both ?? (isSame ? earlier.samples ?? samples : nil)
    // That somebody paused the stream is the weakest thing to say of it.
    guard reason != .paused else { return }
    if earlier.reason == .paused { gapCount += 1 }
    pendingGap?.reason = reason
  }

  package mutating func setCapacity(_ new: BufferCapacity) {
    capacity = new
    trim()
  }

  package mutating func setBytesMax(_ new: Int) {
    bytesMax = new
    trim()
  }

  /// Forgets all samples; numbers go on.
  package mutating func clear() {
    drop(before: numbers.upperBound)
    (full, tail, open, openStamps, restart) = ([], nil, nil, nil, nil)
    origin = numbers.upperBound
  }

  /// Some absolute numbers as a series; those it no longer has are left out and count as dropped.
  package func series(_ wanted: Range<Int64>) -> Series {
    let part = wanted.clamped(to: numbers)
    var series = Series(channel: channel, numbers: part, full: full, tail: tail, gaps: gaps)
    series.dropped = Int64(wanted.count - part.count)
    return series
  }

  /// All of it; what it let go of since it was cleared counts as dropped.
  package func snapshot() -> Series {
    var series = Series(channel: channel, numbers: numbers, full: full, tail: tail, gaps: gaps)
    series.dropped = numbers.lowerBound - origin
    return series
  }
}

// MARK: - Appending

extension SampleBuffer {
  private mutating func append(_ chunk: Chunk) {
    if case .span = capacity, let begin = chunk.time(0) { watchClock(begin) }
    if chunk.isWorthAdopting {
      closeTail()
      full.append(chunk.renumbered(from: numbers.upperBound))
      numbers = numbers.lowerBound..<numbers.upperBound + Int64(chunk.count)
      byteCount += chunk.memory(chunk.range)
      return
    }
    var done = 0
    while done < chunk.count { done += appendPart(chunk, from: done) }
  }

  /// Copies as much of a chunk as the open storage has room for; returns how many samples.
  private mutating func appendPart(_ chunk: Chunk, from done: Int) -> Int {
    let storage = openStorage()
    let from = chunk.range.lowerBound + done
    let room = storage.capacity - storage.used
    var count = min(chunk.count - done, room)
    if channel.type.width == nil {
      // Storages of texts are bounded by the texts, too.
      count = chunk.storage.prefix(from..<from + count, bytes: Limits.chunkBytesMax - openBytes)
      openBytes += chunk.storage.memory(from..<from + count)
    }
    let base = storage.used
    storage.append(chunk.storage, from..<from + count)
    if let timing = ownTiming(chunk, from: done, count: count, base: base, capacity: storage.capacity) {
      closeTail()
      tail = Chunk(
        storage: storage, base: base - timing.phase, skipped: timing.phase, count: count,
        timing: timing.timing, first: numbers.upperBound)
    } else {
      tail?.count += count
    }
    numbers = numbers.lowerBound..<numbers.upperBound + Int64(count)
    byteCount += tail!.memory(base..<base + count)
    return count
  }

  /// The timing of a new chunk for these samples, and how many samples into it they begin; nil when they simply
  /// continue the tail.
  private mutating func ownTiming(_ chunk: Chunk, from done: Int, count: Int, base: Int, capacity: Int)
    -> (timing: Timing, phase: Int)?
  {
    let before = tail.flatMap { $0.storage === open && $0.range.upperBound == base ? $0 : nil }
    switch chunk.timing {
    case .none:
      if let before, case .none = before.timing { return nil }
      return (.none, 0)
    case .steady(let start, let step):
      let (start, phase) = step.shortened(start, chunk.skipped + done)
      if let before {
        if before.continues(at: start, step: step, phase: phase) { return nil }
        // Uneven times in short runs: a stamp for each sample is less than a chunk for each run.
        if chunk.count < Limits.steadyRunMin, before.isStamped || before.count < Limits.steadyRunMin {
          return stamp(count, capacity: capacity, behind: before) { stamps in
            for position in done..<done + count { stamps.append(chunk.time(position) ?? 0) }
          }
        }
      }
      return (.steady(start: start, step: step), phase)
    case .stamped(let stamps, let offset):
      let from = offset + chunk.skipped + done
      if stamps.isShared {
        if let before, before.continues(stamps, at: from) { return nil }
        return (.stamped(stamps, offset: from), 0)
      }
      return stamp(count, capacity: capacity, behind: before) {
        $0.append(packed: stamps.bytes(from..<from + count))
      }
    }
  }

  private mutating func stamp(
    _ count: Int, capacity: Int, behind before: Chunk?, _ write: (SampleStorage) -> Void
  ) -> (timing: Timing, phase: Int)? {
    let room = openStamps.map { $0.capacity - $0.used } ?? 0
    let stamps = room >= count ? openStamps! : SampleStorage(type: .timestamp, capacity: capacity)
    openStamps = stamps
    let base = stamps.used
    write(stamps)
    if let before, before.continues(stamps, at: base) { return nil }
    return (.stamped(stamps, offset: base), 0)
  }

  private mutating func openStorage() -> SampleStorage {
    if let open, open.used < open.capacity, openBytes < Limits.chunkBytesMax { return open }
    closeTail()
    // Grows with the channel: as much again as it has, between the two limits.
    let width = channel.type.width ?? SampleStorage.blobStride
    let bytes = min(max(count * width, Limits.chunkBytesMin), Limits.chunkBytesMax)
    let storage = SampleStorage(type: channel.type, capacity: max(1, bytes / width))
    (open, openStamps, openBytes) = (storage, nil, 0)
    return storage
  }

  private mutating func closeTail() {
    if let tail, tail.end > numbers.lowerBound { full.append(tail) }
    tail = nil
  }

  /// A gap at the series' start joins what is known of that place already.
  private mutating func noteGaps(of series: Series) {
    guard !series.isEmpty else { return }
    let start = numbers.upperBound
    let own = series.gaps
    for gap in own where gap.at == series.first { markGap(gap.reason, samples: gap.samples) }
    takePendingGap()
    for gap in own.sorted(by: { $0.at < $1.at }) where gap.at > series.first {
      let samples = gap.samples.map { max(0, $0) }
      if gap.reason != .paused {
        gapCount += 1
        lost = lost.addingSaturating(samples ?? 0)
      }
      keep(Gap(at: start + (gap.at - series.first), samples: samples, reason: gap.reason))
    }
  }

  private mutating func keep(_ gap: Gap) {
    gaps.append(gap)
    guard gaps.count > Limits.gapsMax else { return }
    let oldest = gaps.removeFirst()
    gaps[0].samples = oldest.samples.flatMap { a in gaps[0].samples.map(a.addingSaturating) }
  }
}

// MARK: - Ingest

extension SampleBuffer {
  /// How samples may simply go on behind the tail; without room when they may not.
  func lane() -> SampleLane {
    var lane = SampleLane()
    lane.isOpen = true
    guard pendingGap == nil, let tail, case .stamped(let stamps, let offset) = tail.timing,
      stamps.isShared
    else {
      return lane
    }
    let next = offset + tail.skipped + tail.count
    if tail.storage === stamps {
      guard tail.range.upperBound == next else { return lane }
      lane.room = .max
    } else {
      guard let open, openBytes == 0, tail.storage === open, tail.range.upperBound == open.used,
        let width = channel.type.width
      else { return lane }
      (lane.room, lane.end, lane.width) = (open.capacity - open.used, open.end, width)
    }
    (lane.stamps, lane.stampsAt) = (ObjectIdentifier(stamps), next)
    return lane
  }

  /// Takes what a lane of it got. A clock that jumped back is none of these: the stamps rose.
  mutating func take(_ lane: borrowing SampleLane) {
    let count = lane.added
    guard count > 0 else { return }
    if lane.width > 0 { open!.header.pointee &+= count }
    tail!.count &+= count
    numbers = numbers.lowerBound..<numbers.upperBound &+ Int64(count)
    byteCount &+= count &* (lane.width > 0 ? lane.width : 8)
  }

  /// Appends packed samples whose times are stamps that their index shares, or even steps. `trim` comes later, once a
  /// burst.
  /// - Precondition: `width` is the type's, and there are `count` samples, at least one.
  mutating func append(packed bytes: UnsafeRawPointer, count: Int, width: Int, timing: Timing) {
    if case .span = capacity, let begin = timing.time(0) { watchClock(begin) }
    if pendingGap == nil, let open, count <= open.capacity &- open.used,
      tail?.isContinued(in: open, by: timing) == true
    {
      open.appendUnchecked(packed: bytes, samples: count, width: width)
      tail!.count &+= count
      numbers = numbers.lowerBound..<numbers.upperBound &+ Int64(count)
      byteCount &+= count &* width
      return
    }
    takePendingGap()
    let storage = SampleStorage(
      type: channel.type, copying: UnsafeRawBufferPointer(start: bytes, count: count * width))
    append(Chunk(storage, timing: timing))
  }

  /// Appends times of an index that lie in the storage which its channels share: they are their own times.
  mutating func append(times: SampleStorage, at base: Int, count: Int) {
    if case .span = capacity, let begin = Timing.stamped(times, offset: base).time(0) { watchClock(begin) }
    takePendingGap()
    if let last = tail, last.storage === times, last.range.upperBound == base, last.continues(times, at: base)
    {
      tail!.count += count
    } else {
      closeTail()
      tail = Chunk(
        storage: times, base: base, skipped: 0, count: count, timing: .stamped(times, offset: base),
        first: numbers.upperBound)
    }
    numbers = numbers.lowerBound..<numbers.upperBound + Int64(count)
    byteCount += count * 8
  }

  private mutating func takePendingGap() {
    guard let gap = pendingGap else { return }
    pendingGap = nil
    keep(Gap(at: numbers.upperBound, samples: gap.samples, reason: gap.reason))
  }
}

// MARK: - Trimming

extension SampleBuffer {
  /// Lets go of what is more than the capacity.
  mutating func trim() {
    switch capacity {
    case .samples(let most): drop(before: numbers.upperBound.subtractingSaturating(Int64(max(0, most))))
    case .span(let span):
      if let units = channel.clock.units(span), let newest = newestTime {
        dropOlder(than: newest.subtractingSaturating(units), units, newest)
      } else {
        drop(before: numbers.upperBound.subtractingSaturating(samples(in: span)))
      }
    }
    if byteCount > bytesMax { dropBytes() }
  }

  var newestTime: Int64? {
    guard count > 0, let last = tail ?? full.last else { return nil }
    return last.time(last.count - 1)
  }

  /// How many samples a span has where their times are unknown, as far as anybody knows the rate.
  private func samples(in span: TimeSpan) -> Int64 {
    guard let rate = channel.rate, rate > 0 else { return Int64(Limits.bufferSamplesDefault) }
    return Int64(exactly: (span.seconds * rate).rounded(.up)).map { max(1, $0) } ?? .max
  }

  /// Notices a clock that jumps back by more than the buffer's time: what was there before looks newer than it is.
  private mutating func watchClock(_ begin: Int64) {
    guard case .span(let span) = capacity, let newest = newestTime, begin < newest,
      let units = channel.clock.units(span), begin < newest.subtractingSaturating(units)
    else { return }
    restart = (numbers.upperBound, begin)
  }

  private mutating func dropOlder(than limit: Int64, _ units: Int64, _ newest: Int64) {
    if let restart, newest.subtractingSaturating(restart.time) >= units {
      drop(before: restart.number)
      self.restart = nil
    }
    // Whole chunks first: this costs no more than what goes.
    while let first = full.first, let next = full.count > 1 ? full[1] : tail, let begin = next.time(0),
      begin < limit
    {
      drop(before: first.end)
    }
    guard let first = full.first ?? tail, count > 0 else { return }
    var low = Int(numbers.lowerBound - first.first)
    guard let oldest = first.time(low), oldest < limit else { return }
    var high = first.count
    while low < high {
      let middle = (low + high) / 2
      if (first.time(middle) ?? .max) < limit { low = middle + 1 } else { high = middle }
    }
    drop(before: first.first + Int64(low))
  }

  /// Drops the oldest until the rest fits into the memory; the newest sample stays in any case.
  private mutating func dropBytes() {
    while byteCount > bytesMax, count > 1, let chunk = full.first ?? tail {
      let begin = chunk.range.lowerBound + Int(numbers.lowerBound - chunk.first)
      let most = min(chunk.range.upperBound - begin, count - 1)
      guard most > 0 else { return }
      drop(
        before: numbers.lowerBound + Int64(chunk.least(begin..<begin + most, freeing: byteCount - bytesMax)))
    }
  }

  private mutating func drop(before number: Int64) {
    let limit = min(number, numbers.upperBound)
    while numbers.lowerBound < limit, let chunk = full.first ?? tail {
      let end = min(chunk.end, limit)
      let shift = chunk.range.lowerBound - Int(chunk.first)
      byteCount -= chunk.memory(Int(numbers.lowerBound) + shift..<Int(end) + shift)
      numbers = end..<numbers.upperBound
      if chunk.end <= limit, !full.isEmpty { full.removeFirst() }
    }
    while let gap = gaps.first, gap.at < numbers.lowerBound { gaps.removeFirst() }
  }
}
