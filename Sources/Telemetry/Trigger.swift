/// Watches a channel for a level and cuts out what happened around it.
///
/// Times count in units of the channel's clock; where samples have no times, in samples. The window of a hit goes
/// from `pre` before it to `post` behind it, both ends included, and holds all channels that count time alike.
/// Behind a window it is armed anew, so windows overlap in their `pre` at most.
public struct Trigger: Sendable {
  public enum Condition: String, Sendable {
    /// From below the level to the level or higher; `falling` is the mirror image.
    case rising, falling
    /// Higher than the level, from the first sample on; `below` is the mirror image.
    case above, below
  }

  /// Samples of a channel that are kept for a window, its newest: five minutes of 16 kHz.
  static let keptMax = 5_000_000

  public let channel: String
  public let condition: Condition
  public let level: Double
  public let pre: Int64
  public let post: Int64

  private var lanes: [Lane] = []
  // The last number seen on the channel, and the number of the first sample not looked at.
  private var previous: Double?
  private var seen: Int64 = 0
  private var hit: Int64?
  private var dropped: Int64 = 0

  /// - Precondition: `pre` and `post` are not negative.
  public init(channel: String, condition: Condition, level: Double, pre: Int64, post: Int64) {
    precondition(pre >= 0 && post >= 0)
    self.channel = channel
    self.condition = condition
    self.level = level
    self.pre = pre
    self.post = post
  }

  /// True from a hit until its window is complete.
  public var isFiring: Bool { hit != nil }

  /// The windows that this frame completes, oldest first. One is complete when every dense channel has reached its
  /// end, or when the watched one is as far behind that end as the window is long. A device that starts its clock
  /// anew ends the window. `dropped` counts what frames missed and what did not fit since the window before.
  public mutating func add(_ frame: Frame) -> [Frame] {
    dropped = dropped.addingSaturating(frame.dropped)
    var windows: [Frame] = []
    if frame.series.contains(where: restarts) {
      if let hit { windows.append(window(hit)) }
      (lanes, hit, previous, seen) = ([], nil, nil, 0)
    }
    for series in frame.series where !series.isEmpty { keep(series) }
    guard let watched = lanes.first(where: { $0.name == channel }) else {
      for index in lanes.indices { lanes[index].drop(before: lanes[index].newest.subtractingSaturating(pre)) }
      return windows
    }
    while let time = hit ?? nextHit(watched) {
      hit = time
      guard isComplete(time, watched) else { break }
      windows.append(window(time))
      hit = nil
      rearm(behind: time.addingSaturating(post), watched)
    }
    lanes.removeAll { !$0.counts(like: watched) }
    let needed = (hit ?? watched.newest).subtractingSaturating(pre)
    for index in lanes.indices { lanes[index].drop(before: needed) }
    return windows
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
    if hit != nil { dropped = dropped.addingSaturating(lost) }
  }

  private mutating func nextHit(_ watched: Lane) -> Int64? {
    seen = max(seen, watched.buffer.numbers.lowerBound)
    // In blocks: a frame with many hits must not be read as a whole for each of them.
    while seen < watched.buffer.numbers.upperBound {
      let series = watched.buffer.series(seen..<min(seen + 1024, watched.buffer.numbers.upperBound))
      guard !series.isEmpty, let values = try? series.numbersOrTruth() else { return nil }
      for (position, value) in values.enumerated() where !value.isNaN {
        let before = previous
        previous = value
        guard fires(before, value) else { continue }
        seen = series.first + Int64(position) + 1
        return watched.time(seen - 1)
      }
      seen = series.first + Int64(series.count)
    }
    return nil
  }

  private func fires(_ before: Double?, _ value: Double) -> Bool {
    switch condition {
    case .rising: before.map { $0 < level && value >= level } ?? false
    case .falling: before.map { $0 > level && value <= level } ?? false
    case .above: value > level
    case .below: value < level
    }
  }

  private func isComplete(_ time: Int64, _ watched: Lane) -> Bool {
    let end = time.addingSaturating(post)
    guard watched.newest >= end else { return false }
    if watched.newest >= end.addingSaturating(pre).addingSaturating(post) { return true }
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

  /// Samples up to the end of a window cannot start another; the last number among them may be where an edge begins.
  private mutating func rearm(behind end: Int64, _ watched: Lane) {
    let window = watched.part(.min, end.addingSaturating(1))
    let next = window.first + Int64(window.count)
    guard next > seen else { return }
    let skipped = stride(from: window.count - 1, through: max(0, window.count - Int(next - seen)), by: -1)
    previous = skipped.lazy.compactMap { window[$0].number }.first { !$0.isNaN } ?? previous
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
