import Synnax
import Telemetry

/// A run of samples of one channel as a core keeps them: neighbours in one domain, with the times from its index.
struct StoredPiece: Sendable {
  var key: UInt32
  var domain: UInt32
  /// Number of the first sample within the domain.
  var first: UInt32
  var samples: SampleStorage
  /// Of `timestamp`, as many as samples. The samples themselves, for an index.
  var stamps: SampleStorage
  /// Where the samples are in their storage.
  var range: Range<Int>
  /// Where the time of the first is.
  var stampsFrom: Int

  var count: Int { range.count }
  var stampRange: Range<Int> { stampsFrom..<stampsFrom + range.count }
  func stamp(_ position: Int) -> Int64 {
    stamps.withValues(stampRange) { (values: UnsafeBufferPointer<Int64>) in values[position] }
  }
  var start: Int64 { stamp(0) }
  var last: Int64 { stamp(count - 1) }

  /// Position of the first sample that is not older.
  func position(from time: Int64) -> Int {
    stamps.withValues(stampRange) { (values: UnsafeBufferPointer<Int64>) in
      var low = 0
      var high = values.count
      while low < high {
        let middle = (low + high) / 2
        if values[middle] < time { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }

  func cut(_ part: Range<Int>) -> StoredPiece {
    var result = self
    result.first = first &+ UInt32(part.lowerBound)
    result.stampsFrom = stampsFrom + part.lowerBound
    result.range = range.lowerBound + part.lowerBound..<range.lowerBound + part.upperBound
    return result
  }

  /// The part within a span of time; nil when there is none.
  func clipped(to time: TimeRange) -> StoredPiece? {
    guard time.start < time.end else { return nil }
    let part = position(from: time.start)..<max(position(from: time.start), position(from: time.end))
    return part.isEmpty ? nil : part == 0..<count ? self : cut(part)
  }

  var series: WireSeries {
    WireSeries(
      key: key, samples, range, timeRange: TimeRange(start: start, end: last.addingSaturating(1)),
      alignment: Alignment(domain: domain, sample: first))
  }
}

/// Where a core keeps its channels and committed samples. Called under the core's lock.
protocol CoreStore: Sendable {
  func channels() throws -> [ChannelPayload]
  mutating func put(_ channels: [ChannelPayload]) throws
  mutating func delete(_ keys: [UInt32]) throws
  /// The number of a new domain.
  mutating func nextDomain() -> UInt32
  /// Pieces of one frame; for each channel later than all before them in their domain.
  mutating func append(_ pieces: [StoredPiece]) throws
  /// What is stored of a channel within a span, in order of time, cut to it.
  func pieces(_ key: UInt32, _ time: TimeRange) throws -> [StoredPiece]
  /// From the first sample to the last; nil when there is none.
  func bounds(_ key: UInt32) throws -> ClosedRange<Int64>?
  /// Removes the samples of channels within a span.
  mutating func deleteSamples(_ keys: [UInt32], _ time: TimeRange) throws
  /// Whether a moment lies between the first and the last sample of any domain.
  func covers(_ key: UInt32, _ time: Int64) throws -> Bool
}

extension CoreStore {
  /// How many samples there are of a channel within a span.
  func count(_ key: UInt32, _ time: TimeRange) throws -> Int {
    try pieces(key, time).reduce(0) { $0 + $1.count }
  }
}

extension StoredPiece {
  /// What is left of it without a span of time: a part before, a part behind, or both.
  func without(_ time: TimeRange) -> [StoredPiece] {
    guard time.start < time.end else { return [self] }
    let (from, to) = (position(from: time.start), position(from: time.end))
    guard from < to else { return [self] }
    return [0..<from, to..<count].filter { !$0.isEmpty }.map(cut)
  }
}

/// Samples in memory, bounded: the oldest go first.
struct CoreMemoryStore: CoreStore {
  private var kept: [UInt32: [StoredPiece]] = [:]
  private var domains: UInt32 = 0
  private var bytes = 0
  private let capacity: Int

  init(capacity: Int = CoreLimits.memoryBytes) { self.capacity = capacity }

  func channels() -> [ChannelPayload] { [] }
  mutating func put(_ channels: [ChannelPayload]) {}

  mutating func delete(_ keys: [UInt32]) {
    for key in keys {
      for piece in kept.removeValue(forKey: key) ?? [] { bytes -= Self.bytes(piece) }
    }
  }

  mutating func deleteSamples(_ keys: [UInt32], _ time: TimeRange) {
    for key in keys {
      let left = (kept[key] ?? []).flatMap { $0.without(time) }
      bytes += left.reduce(0) { $0 + Self.bytes($1) } - (kept[key] ?? []).reduce(0) { $0 + Self.bytes($1) }
      kept[key] = left.isEmpty ? nil : left
    }
  }

  mutating func nextDomain() -> UInt32 {
    domains += 1
    return domains
  }

  mutating func append(_ pieces: [StoredPiece]) {
    // The stamps of one group go into one storage, whichever of its channels comes first.
    var grown: [ObjectIdentifier: SampleStorage] = [:]
    for piece in pieces {
      if !extend(piece, &grown) { insert(piece) }
    }
    if bytes > capacity { dropOldest() }
  }

  /// Small pieces are joined to the one before while its storage has room.
  private mutating func extend(_ piece: StoredPiece, _ grown: inout [ObjectIdentifier: SampleStorage]) -> Bool
  {
    guard let last = kept[piece.key]?.last, last.domain == piece.domain,
      UInt64(last.first) + UInt64(last.count) == UInt64(piece.first)
    else { return false }
    let isIndex = last.samples === last.stamps
    guard isIndex || last.range.upperBound == last.samples.used,
      isIndex || last.samples.capacity - last.samples.used >= piece.count
    else { return false }
    // Another channel of the group may have brought the same stamps already.
    if grown[ObjectIdentifier(last.stamps)] == nil {
      guard last.stampRange.upperBound == last.stamps.used,
        last.stamps.capacity - last.stamps.used >= piece.count
      else { return false }
      last.stamps.append(packed: piece.stamps.bytes(piece.stampRange))
      grown[ObjectIdentifier(last.stamps)] = last.stamps
    }
    guard last.stampRange.upperBound + piece.count == last.stamps.used else { return false }
    if !isIndex { last.samples.append(run: piece.samples, piece.range) }
    kept[piece.key]![kept[piece.key]!.count - 1].range =
      last.range.lowerBound..<last.range.upperBound + piece.count
    bytes += Self.bytes(piece)
    return true
  }

  private var openStamps: (from: SampleStorage, range: Range<Int>, to: SampleStorage)?

  private mutating func insert(_ piece: StoredPiece) {
    var own = piece
    let room = max(piece.count, CoreLimits.pieceSamples)
    if let open = openStamps, open.from === piece.stamps, open.range == piece.stampRange {
      own.stamps = open.to
    } else {
      own.stamps = SampleStorage(type: .timestamp, capacity: room)
      own.stamps.append(packed: piece.stamps.bytes(piece.stampRange))
      openStamps = (piece.stamps, piece.stampRange, own.stamps)
    }
    if piece.samples === piece.stamps {
      own.samples = own.stamps
    } else {
      own.samples = SampleStorage(type: piece.samples.type, capacity: room)
      own.samples.append(run: piece.samples, piece.range)
    }
    own.range = 0..<piece.count
    own.stampsFrom = 0
    let at = kept[piece.key]?.firstIndex { $0.start > own.start } ?? kept[piece.key]?.count ?? 0
    kept[piece.key, default: []].insert(own, at: at)
    bytes += Self.bytes(piece)
  }

  private static func bytes(_ piece: StoredPiece) -> Int {
    8 * piece.count + (piece.samples.type.width ?? 32) * piece.count
  }

  private mutating func dropOldest() {
    while bytes > capacity * 9 / 10,
      let oldest = kept.filter({ $0.value.count > 1 }).min(by: { $0.value[0].start < $1.value[0].start })
    {
      bytes -= Self.bytes(kept[oldest.key]!.removeFirst())
    }
  }

  func pieces(_ key: UInt32, _ time: TimeRange) -> [StoredPiece] {
    (kept[key] ?? []).compactMap { $0.clipped(to: time) }
  }

  func bounds(_ key: UInt32) -> ClosedRange<Int64>? {
    guard let pieces = kept[key], let first = pieces.first else { return nil }
    return first.start...pieces.reduce(first.last) { max($0, $1.last) }
  }

  func covers(_ key: UInt32, _ time: Int64) -> Bool {
    var spans: [UInt32: ClosedRange<Int64>] = [:]
    for piece in kept[key] ?? [] {
      let span = spans[piece.domain]
      spans[piece.domain] =
        min(span?.lowerBound ?? piece.start, piece.start)...max(span?.upperBound ?? piece.last, piece.last)
    }
    return spans.values.contains { $0.contains(time) }
  }
}

extension SampleStorage {
  /// Appends a run of another storage of the same width. For the owner.
  func append(run other: SampleStorage, _ range: Range<Int>) {
    if type.width != nil {
      append(packed: other.bytes(range))
    } else {
      for position in range { append(blob: other.blob(position)) }
    }
  }
}
