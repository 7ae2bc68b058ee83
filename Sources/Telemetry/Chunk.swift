/// How far apart samples are, in units of a clock: `units` for every `samples`. A Bela variable that is assigned
/// three times a tick has 1 unit for 3 samples.
public struct Step: Sendable, Hashable {
  public var units: Int64
  public var samples: Int64

  /// Fewer than one sample count as one: files say what they like.
  public init(units: Int64, samples: Int64 = 1) {
    self.units = units
    self.samples = max(1, samples)
  }

  /// Units from the first sample to the one with this number; sticks to the ends of the range.
  package func offset(_ number: Int64) -> Int64 {
    let (product, overflow) = number.multipliedReportingOverflow(by: units)
    if overflow { return (number < 0) == (units < 0) ? .max : .min }
    return product / samples
  }

  /// The same times, from a start as near as possible to a sample: where that is, and how many samples before it.
  func shortened(_ start: Int64, _ number: Int) -> (start: Int64, phase: Int) {
    let (rounds, phase) = Int64(number).quotientAndRemainder(dividingBy: samples)
    let (units, overflow) = rounds.multipliedReportingOverflow(by: self.units)
    let (moved, outside) = start.addingReportingOverflow(units)
    return overflow || outside ? (start, number) : (moved, Int(phase))
  }
}

/// When the samples of a chunk were taken, in units of the channel's clock.
public enum Timing: Sendable {
  /// Nobody knows.
  case none
  /// The first at `start`, the others in even steps.
  case steady(start: Int64, step: Step)
  /// Each has its own: samples of a storage of `timestamp` or `int64`, from an offset on.
  case stamped(SampleStorage, offset: Int)

  func time(_ position: Int) -> Int64? {
    switch self {
    case .none: nil
    case .steady(let start, let step): start.addingSaturating(step.offset(Int64(position)))
    case .stamped(let storage, let offset):
      storage.bytes(offset + position..<offset + position + 1).load(as: Int64.self)
    }
  }

  /// Unknown instead of stamped where the stamps do not cover so many samples, or are no stamps.
  fileprivate func covering(_ count: Int) -> Timing {
    guard case .stamped(let storage, let offset) = self else { return self }
    let fits = storage.type == .timestamp || storage.type == .int64
    return fits && offset >= 0 && offset <= storage.used && storage.used - offset >= count ? self : .none
  }
}

/// A run of samples in one storage, with their times. A value of a few words; copying it copies no sample.
public struct Chunk: Sendable {
  public let storage: SampleStorage
  /// Position in the storage of sample 0 of the timing; may be before its beginning.
  let base: Int
  /// Samples before the visible part; times count from `base`, so that cutting never rounds.
  let skipped: Int
  public internal(set) var count: Int
  public let timing: Timing
  /// Absolute number of the first visible sample in its stream.
  let first: Int64

  init(storage: SampleStorage, base: Int, skipped: Int, count: Int, timing: Timing, first: Int64) {
    self.storage = storage
    self.base = base
    self.skipped = skipped
    self.count = count
    self.timing = timing
    self.first = first
  }

  /// All samples that a storage holds now. Stamps that do not cover them all count as unknown times.
  public init(_ storage: SampleStorage, timing: Timing = .none) {
    self.init(storage, 0..<storage.used, timing: timing)
  }

  /// Some samples of a storage; the timing begins at the first of them.
  /// - Precondition: they have been written.
  public init(_ storage: SampleStorage, _ range: Range<Int>, timing: Timing = .none) {
    precondition(range.lowerBound >= 0 && range.upperBound <= storage.used)
    self.init(
      storage: storage, base: range.lowerBound, skipped: 0, count: range.count,
      timing: timing.covering(range.count), first: 0)
  }

  var end: Int64 { first + Int64(count) }

  /// Where the visible samples are in the storage.
  public var range: Range<Int> { base + skipped..<base + skipped + count }

  public func time(_ position: Int) -> Int64? { timing.time(skipped + position) }

  /// The part of it within absolute numbers; nil when there is none.
  func clipped(to numbers: Range<Int64>) -> Chunk? {
    let part = numbers.clamped(to: first..<end)
    guard !part.isEmpty else { return nil }
    return Chunk(
      storage: storage, base: base, skipped: skipped + Int(part.lowerBound - first), count: part.count,
      timing: timing, first: part.lowerBound)
  }

  func renumbered(from first: Int64) -> Chunk {
    Chunk(storage: storage, base: base, skipped: skipped, count: count, timing: timing, first: first)
  }
}

// MARK: - For buffers

extension Chunk {
  var isStamped: Bool { if case .stamped = timing { true } else { false } }

  /// Its times take memory of their own.
  private var hasOwnStamps: Bool {
    if case .stamped(let stamps, _) = timing { !stamps.isShared } else { false }
  }

  /// True when samples behind this chunk with that timing have the times that it would give them.
  func continues(at start: Int64, step: Step, phase: Int) -> Bool {
    guard case .steady(let own, step) = timing as Timing else { return false }
    return step.shortened(own, skipped + count) == (start, phase)
  }

  /// True when stamps from there on are those of samples behind this chunk.
  func continues(_ stamps: SampleStorage, at position: Int) -> Bool {
    guard case .stamped(let own, let first) = timing else { return false }
    return own === stamps && first &+ skipped &+ count == position
  }

  /// True when samples that are written next into a storage, at these times, simply make this chunk longer.
  func isContinued(in storage: SampleStorage, by timing: Timing) -> Bool {
    guard self.storage === storage, base &+ skipped &+ count == storage.used else { return false }
    switch timing {
    case .stamped(let stamps, let offset): return continues(stamps, at: offset)
    case .steady(let start, let step): return continues(at: start, step: step, phase: 0)
    case .none: if case .none = self.timing { return true } else { return false }
    }
  }

  /// Memory of samples by their positions in the storage, with their stamps.
  func memory(_ range: Range<Int>) -> Int {
    storage.memory(range) + (hasOwnStamps ? 8 * range.count : 0)
  }

  /// How many samples of a part, from its first on, give so much memory back; all of them when not enough.
  func least(_ range: Range<Int>, freeing bytes: Int) -> Int {
    guard storage.type.width == nil else {
      let one = memory(range.lowerBound..<range.lowerBound + 1)
      return min(range.count, (bytes - 1) / one + 1)
    }
    var rest = bytes
    for position in range {
      rest -= memory(position..<position + 1)
      if rest <= 0 { return position - range.lowerBound + 1 }
    }
    return range.count
  }

  /// Long enough to be shared instead of copied, and alone enough in its storages not to keep much else in memory.
  var isWorthAdopting: Bool {
    guard let width = storage.type.width, count * width >= Limits.adoptBytesMin,
      count * width <= Limits.adoptBytesMax, storage.capacity / 2 <= count
    else { return false }
    guard case .stamped(let stamps, _) = timing else { return true }
    return stamps.capacity / 2 <= count
  }
}
