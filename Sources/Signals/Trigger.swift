public import Telemetry

/// Watches a channel for a level and cuts out what happened around it.
///
/// Times count in units of the channel's clock; where samples have no times, in samples. The window of a hit goes
/// from `pre` before it to `post` behind it, both ends included, and holds all channels that count time alike.
/// Behind a window it is armed anew, so windows overlap in their `pre` at most.
public struct Trigger: Sendable {
  public enum Condition: String, CaseIterable, Sendable {
    /// From below the level to the level or higher; `falling` is the mirror image.
    case rising, falling
    /// Higher than the level, from the first sample on; `below` is the mirror image.
    case above, below
    /// Lower than the level or higher than the upper one; `inside` is everything else.
    case outside, inside
  }

  /// A window, and when the sample was taken that it is about, in units of the channel's clock.
  public struct Hit: Sendable {
    public let time: Int64
    public let window: Frame
  }

  /// Samples of a channel that are kept for a window, its newest: five minutes of 16 kHz.
  static let keptMax = 5_000_000
  /// Blocks that one channel may be behind another: the one that is due, and a few that a full socket held up.
  static let blocksApart: Int64 = 4

  public let channel: String
  public let condition: Condition
  public let level: Double
  public let pre: Int64
  public let post: Int64
  /// The higher of two levels, for `outside` and `inside`.
  public let upper: Double
  /// How far behind the level an edge has to begin, so that noise around the level is no row of edges.
  public let hysteresis: Double
  /// No hit comes sooner than this after another, and none within a window.
  public let holdOff: Int64

  private var lanes: [Lane] = []
  // Whether an edge has begun, and the number of the first sample not looked at.
  private var isArmed = false
  // The end of the hold-off.
  private var quietUntil = Int64.min
  private var seen: Int64 = 0
  private var hit: Int64?
  private var dropped: Int64 = 0
  // The longest time that one frame has brought of a dense channel: blocks of others may come as much later.
  private var block: Int64 = 0

  /// - Precondition: `pre`, `post`, `hysteresis` and `holdOff` are not negative.
  public init(
    channel: String, condition: Condition, level: Double, upper: Double = .infinity, pre: Int64, post: Int64,
    hysteresis: Double = 0, holdOff: Int64 = 0
  ) {
    precondition(pre >= 0 && post >= 0 && hysteresis >= 0 && holdOff >= 0)
    self.upper = upper
    self.hysteresis = hysteresis
    self.holdOff = holdOff
    self.channel = channel
    self.condition = condition
    self.level = level
    self.pre = pre
    self.post = post
  }

  /// True from a hit until its window is complete.
  public var isFiring: Bool { hit != nil }

  /// The windows that this frame completes, oldest first. One is complete when every dense channel has reached its
  /// end, or when the watched one is well behind that end: as far as the window is long, and further than channels that
  /// come in blocks can be apart. A device that starts its clock
  /// anew ends the window. `dropped` counts what frames missed and what did not fit since the window before.
  public mutating func add(_ frame: Frame) -> [Hit] {
    dropped = dropped.addingSaturating(frame.dropped)
    var windows: [Hit] = []
    if frame.series.contains(where: restarts) {
      if let cut = finish() { windows.append(cut) }
      (lanes, isArmed, quietUntil, seen) = ([], false, .min, 0)
    }
    for series in frame.series where !series.isEmpty { keep(series) }
    guard let watched = lanes.first(where: { $0.name == channel }) else {
      for index in lanes.indices { lanes[index].drop(before: lanes[index].newest.subtractingSaturating(pre)) }
      return windows
    }
    while let time = hit ?? nextHit(watched) {
      hit = time
      guard isComplete(time, watched) else { break }
      windows.append(Hit(time: time, window: window(time)))
      hit = nil
      rearm(behind: time.addingSaturating(max(post, holdOff.subtractingSaturating(1))), watched)
    }
    lanes.removeAll { !$0.counts(like: watched) }
    let needed = (hit ?? watched.newest).subtractingSaturating(pre)
    for index in lanes.indices { lanes[index].drop(before: needed) }
    return windows
  }

  /// The window that is not complete yet as far as it has come, for a stream that has ended; nil between windows.
  public mutating func finish() -> Hit? {
    guard let time = hit else { return nil }
    hit = nil
    return Hit(time: time, window: window(time))
  }

  private func restarts(_ series: Series) -> Bool {
    guard let lane = lanes.first(where: { $0.name == series.channel.name }) else { return false }
    if lane.buffer.channel.type != series.type { return true }
    if series.gaps.contains(where: { $0.reason == .restart }) { return true }
    guard !lane.hasNoTimes, !series.isEmpty, let from = series.time(0) else { return false }
    // Stamps of a wall clock may step back a little; that is no new start.
    return from < lane.newest.subtractingSaturating(pre.addingSaturating(post))
  }

  private mutating func keep(_ series: Series) {
    let index =
      lanes.firstIndex { $0.name == series.channel.name }
      ?? {
        lanes.append(Lane(series))
        return lanes.count - 1
      }()
    let lost = lanes[index].append(series)
    if !lanes[index].isSparse, let first = series.time(0), let last = series.time(series.count - 1) {
      block = max(block, last.subtractingSaturating(first))
    }
    if hit != nil { dropped = dropped.addingSaturating(lost) }
  }

  private mutating func nextHit(_ watched: Lane) -> Int64? {
    seen = max(seen, watched.buffer.numbers.lowerBound)
    // In blocks: a frame with many hits must not be read as a whole for each of them.
    while seen < watched.buffer.numbers.upperBound {
      let series = watched.buffer.series(seen..<min(seen + 1024, watched.buffer.numbers.upperBound))
      guard !series.isEmpty, let values = try? series.numbersOrTruth() else { return nil }
      for (position, value) in values.enumerated() where !value.isNaN {
        guard fires(value) else { continue }
        let time = watched.time(series.first + Int64(position))
        guard time > quietUntil else { continue }
        seen = series.first + Int64(position) + 1
        return time
      }
      seen = series.first + Int64(series.count)
    }
    return nil
  }

  private mutating func fires(_ value: Double) -> Bool {
    switch condition {
    case .above: return value > level
    case .below: return value < level
    case .outside: return value < level || value > upper
    case .inside: return value >= level && value <= upper
    case .rising, .falling:
      let wasArmed = isArmed
      isArmed = arms(value) ?? isArmed
      return wasArmed && arms(value) == false
    }
  }

  /// Whether an edge may begin at a value, or ends at it; nil in between.
  private func arms(_ value: Double) -> Bool? {
    switch condition {
    case .rising: value < level - hysteresis ? true : value >= level ? false : nil
    case .falling: value > level + hysteresis ? true : value <= level ? false : nil
    default: nil
    }
  }

  private func isComplete(_ time: Int64, _ watched: Lane) -> Bool {
    let end = time.addingSaturating(post)
    guard watched.newest >= end else { return false }
    let patience = max(pre.addingSaturating(post), Self.blocksApart * min(block, .max / Self.blocksApart))
    if watched.newest >= end.addingSaturating(patience) { return true }
    return lanes.allSatisfy { !$0.counts(like: watched) || $0.isSparse || $0.newest >= end }
  }

  private mutating func window(_ time: Int64) -> Frame {
    defer { dropped = 0 }
    let watched = lanes.first { $0.name == channel }
    let parts = lanes.filter { lane in watched.map(lane.counts) ?? false }
    let from = time.subtractingSaturating(pre)
    let end = time.addingSaturating(post).addingSaturating(1)
    return Frame(parts.map { $0.part(from, end) }.filter { !$0.isEmpty }, dropped: dropped)
  }

  /// Samples up to that time cannot be a hit; the last of them that says anything may be where an edge begins.
  private mutating func rearm(behind end: Int64, _ watched: Lane) {
    let window = watched.part(.min, end.addingSaturating(1))
    let next = window.first + Int64(window.count)
    quietUntil = end
    guard next > seen else { return }
    let skipped = stride(from: window.count - 1, through: max(0, window.count - Int(next - seen)), by: -1)
    isArmed = skipped.lazy.compactMap { window[$0].number.flatMap(arms) }.first ?? isArmed
    seen = next
  }

  private struct Lane: Sendable {
    var buffer: SampleBuffer
    let hasNoTimes: Bool

    init(_ series: Series) {
      buffer = SampleBuffer(channel: series.channel, capacity: .samples(Trigger.keptMax))
      hasNoTimes = series.time(0) == nil
    }

    var name: String { buffer.channel.name }
    var isSparse: Bool { buffer.channel.mode == .sparse }
    var newest: Int64 { time(buffer.numbers.upperBound - 1) }

    func counts(like other: Lane) -> Bool {
      buffer.channel.clock.name == other.buffer.channel.clock.name && hasNoTimes == other.hasNoTimes
    }

    /// By absolute number; those without time count themselves.
    func time(_ number: Int64) -> Int64 {
      guard !hasNoTimes else { return number }
      let series = buffer.series(number..<number + 1)
      return series.isEmpty ? .min : series.time(0) ?? number
    }

    /// The samples from a time on and before another.
    func part(_ from: Int64, _ end: Int64) -> Series {
      let all = buffer.snapshot()
      let numbers = buffer.numbers
      if hasNoTimes {
        return buffer.series(max(from, numbers.lowerBound)..<max(from, end, numbers.lowerBound))
      }
      let low = all.position(from: from)
      return all[low..<max(low, all.position(from: end))]
    }

    /// Returns how many older ones had to go.
    mutating func append(_ series: Series) -> Int64 {
      let before = buffer.numbers.lowerBound
      buffer.append(series)
      return buffer.numbers.lowerBound - before
    }

    mutating func drop(before time: Int64) {
      let kept = part(time, .max).count
      guard kept < buffer.count else { return }
      buffer.setCapacity(.samples(kept))
      buffer.setCapacity(.samples(Trigger.keptMax))
    }
  }
}
