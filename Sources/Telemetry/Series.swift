import DequeModule

/// Samples of one channel in order, as they are at this moment: immutable, typed, with times and gaps.
///
/// Taking one from a buffer copies no sample. Positions are 0-based here; scripts count from 1.
public struct Series: Sendable {
  public let channel: Channel
  /// Absolute number of the first sample within its stream, counted from the stream's first.
  public let first: Int64
  public let count: Int
  /// True where the values were not received with this frame but filled forward from an earlier one.
  public var isHeld = false
  /// Samples that this series once had and the buffer let go of, for echoes and statistics.
  public package(set) var dropped: Int64 = 0

  // Whole chunks of a buffer are shared as they are; `first` and `count` cut at both ends. Nil where one chunk, the
  // tail, holds all: an empty deque is an object that all threads would count references of.
  let full: Deque<Chunk>?
  let tail: Chunk?
  // Those of the buffer, shared too; only the ones at visible numbers count. Nil for none.
  private(set) var allGaps: Deque<Gap>?

  /// What is visible of the chunks of a buffer. A part within few of them refers to these only: a frame that somebody
  /// keeps must not keep the whole buffer.
  init(channel: Channel, numbers: Range<Int64>, full: Deque<Chunk>?, tail: Chunk?, gaps: Deque<Gap>?) {
    self.channel = channel
    self.first = numbers.lowerBound
    self.count = numbers.count
    // Most parts lie behind the last gap: what they would never look at they do not hold.
    self.allGaps = gaps.flatMap { gaps in
      guard let last = gaps.last, last.at >= numbers.lowerBound else { return nil }
      return gaps
    }
    guard !numbers.isEmpty else {
      (self.full, self.tail) = (nil, nil)
      return
    }
    guard let full, !full.isEmpty, numbers.lowerBound < tail?.first ?? .max else {
      (self.full, self.tail) = (nil, tail)
      return
    }
    let begin = Self.index(in: full, of: numbers.lowerBound)
    if full[begin].end >= numbers.upperBound {
      (self.full, self.tail) = (nil, full[begin])
      return
    }
    let end = Swift.min(full.count, begin + Limits.ownChunksMax)
    let isFew = end == full.count || full[end].first >= numbers.upperBound
    if isFew, end - begin < full.count {
      self.full = Deque(full[begin..<end].prefix { $0.first < numbers.upperBound })
    } else {
      self.full = full
    }
    self.tail = tail.flatMap { $0.first < numbers.upperBound ? $0 : nil }
  }

  /// A series of its own, as decoders make them. Gaps count from the series' first sample as number 0; they lie before
  /// or between its samples.
  public init(_ channel: Channel, _ storage: SampleStorage, timing: Timing = .none, gaps: [Gap] = []) {
    precondition(storage.type == channel.type)
    let chunk = Chunk(storage, timing: timing)
    self.init(
      channel: channel, numbers: 0..<Int64(chunk.count), full: nil, tail: chunk,
      gaps: Self.row(Self.orderly(gaps, count: chunk.count)))
  }

  /// A series of several chunks one behind the other.
  public init(_ channel: Channel, chunks: some Sequence<Chunk>, gaps: [Gap] = []) {
    var full = Deque<Chunk>()
    var end: Int64 = 0
    for chunk in chunks where chunk.count > 0 {
      precondition(chunk.storage.type == channel.type)
      full.append(chunk.renumbered(from: end))
      end += Int64(chunk.count)
    }
    self.init(
      channel: channel, numbers: 0..<end, full: full.isEmpty ? nil : full, tail: nil,
      gaps: Self.row(Self.orderly(gaps, count: Int(end))))
  }

  public var isEmpty: Bool { count == 0 }
  public var type: DataType { channel.type }
  public var clock: ClockDomain { channel.clock }
  /// Places before or between these samples where some are missing, by absolute number.
  public package(set) var gaps: [Gap] {
    get { allGaps?.filter { numbers.contains($0.at) } ?? [] }
    set { allGaps = Self.row(newValue) }
  }
  /// Quick and careful: true where looking at `gaps` may be worth it.
  var hasGaps: Bool { allGaps != nil }
  var numbers: Range<Int64> { first..<first + Int64(count) }

  /// The chunks, cut to what is visible.
  public var chunks: [Chunk] {
    var result: [Chunk] = []
    forEachChunk { result.append($0) }
    return result
  }

  public func forEachChunk(_ body: (Chunk) throws -> Void) rethrows {
    guard count > 0 else { return }
    if let full {
      for position in full.indices.dropFirst(Self.index(in: full, of: first)) {
        guard let chunk = full[position].clipped(to: numbers) else { break }
        try body(chunk)
      }
    }
    if let chunk = tail?.clipped(to: numbers) { try body(chunk) }
  }

  /// The sample at a position. - Precondition: `0 <= position < count`
  public subscript(position: Int) -> Sample {
    let (chunk, offset) = locate(position)
    return chunk.storage.sample(chunk.base + chunk.skipped + offset)
  }

  /// When it was taken, in units of `clock`; nil when nobody knows. - Precondition: `0 <= position < count`
  public func time(_ position: Int) -> Int64? {
    let (chunk, offset) = locate(position)
    return chunk.time(offset)
  }

  /// Gaps as everything here takes them, whoever made them: in order, one a place, before or between the samples, and
  /// no count below zero.
  private static func orderly(_ gaps: [Gap], count: Int) -> [Gap] {
    var result: [Gap] = []
    for var gap in gaps.sorted(by: { $0.at < $1.at }) where gap.at >= 0 && gap.at < Int64(count) {
      gap.samples = gap.samples.map { Swift.max(0, $0) }
      if result.last?.at == gap.at {
        let both = result[result.count - 1].samples.flatMap { a in gap.samples.map(a.addingSaturating) }
        result[result.count - 1].samples = both
      } else {
        result.append(gap)
      }
    }
    return result
  }

  /// The samples from one position to another, both included, as scripts count: from 1, or from -1 at the end.
  /// Positions outside are those at the ends; no samples where the second comes before the first.
  public func slice(from first: Int, to last: Int) -> Series {
    func position(_ index: Int) -> Int { index < 0 ? count + 1 + Swift.max(index, -count - 1) : index }
    let low = Swift.max(1, Swift.min(position(first), count + 1)) - 1
    let high = Swift.max(0, Swift.min(position(last), count))
    return self[low..<Swift.max(low, high)]
  }

  /// Cut out by position, sharing the samples. Gaps inside the part, and right before its first sample, go with it.
  public subscript(range: Range<Int>) -> Series {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    let part = first + Int64(range.lowerBound)..<first + Int64(range.upperBound)
    var result = Series(channel: channel, numbers: part, full: full, tail: tail, gaps: allGaps)
    result.isHeld = isHeld
    return result
  }

  /// The samples of the last units of the clock before the newest one, as far as the clock goes back without a new
  /// beginning; all when times are unknown.
  public func last(units: Int64) -> Series {
    let begin = gaps.last { $0.reason == .restart }.map { Int($0.at - first) } ?? 0
    let recent = begin > 0 ? self[begin..<count] : self
    guard count > 0, let newest = time(count - 1) else { return self }
    return recent[recent.position(from: newest.subtractingSaturating(units))..<recent.count]
  }

  /// The position of the first sample that is not older than `time`; `count` when all are. Times are taken to rise.
  public func position(from time: Int64) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if (self.time(middle) ?? .max) < time { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Bytes of the samples and of their stamps. Of many chunks of a fixed width it takes them all to be stamped if the newest
  /// one is: snapshots are taken often.
  public var byteCount: Int {
    if let width = type.width, let full, full.count > 2 {
      return count * (width + (isStamped ? 8 : 0))
    }
    var bytes = 0
    forEachChunk { chunk in
      bytes += chunk.storage.byteCount(chunk.range)
      if case .stamped = chunk.timing { bytes += 8 * chunk.count }
    }
    return bytes
  }

  /// The same samples under another description of the channel, of the same type.
  public func renamed(_ channel: Channel) -> Series {
    precondition(channel.type == type)
    var result = Series(channel: channel, numbers: numbers, full: full, tail: tail, gaps: allGaps)
    result.isHeld = isHeld
    result.dropped = dropped
    return result
  }

  private static func row(_ gaps: [Gap]) -> Deque<Gap>? {
    switch gaps.count {
    case 0: nil
    case 1: [gaps[0]]
    default: Deque(gaps.sorted { $0.at < $1.at })
    }
  }

  private func locate(_ position: Int) -> (Chunk, Int) {
    precondition(position >= 0 && position < count, "position out of range")
    let number = first + Int64(position)
    if let tail, number >= tail.first { return (tail, Int(number - tail.first)) }
    let chunk = full![Self.index(in: full!, of: number)]
    return (chunk, Int(number - chunk.first))
  }

  /// Where the chunk is that holds a number; the count when it lies behind all.
  static func index(in chunks: Deque<Chunk>, of number: Int64) -> Int {
    var low = 0
    var high = chunks.count
    while low < high {
      let middle = (low + high) / 2
      if chunks[middle].end <= number { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
