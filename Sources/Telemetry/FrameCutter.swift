/// Cuts what comes into frames of exactly so many samples of each channel, as audio and FFT users want them.
///
/// Channels of one rate come together in a frame: a block of one that is here waits for the block of the other. A
/// channel that is slower by far does not hold up the others: it is in a frame whenever it has enough of its own.
/// What is left at the end of the stream comes as one frame, shorter.
public struct FrameCutter {
  private struct Lane {
    let name: String
    var waiting = SeriesQueue()
    /// The longest run that came at once: so far may another channel be behind without being slower.
    var longest = 0
    var total = 0
    var isGone = false
    /// It was waited for in vain: that once is enough, until it has come up with the others.
    var isSlow = false

    var isWaitedFor: Bool { !isGone && !isSlow }
  }

  private let samples: Int
  private var lanes: [Lane] = []
  private var channels: [String] = []
  private var dropped: Int64 = 0

  /// - Precondition: `samples` is at least 1.
  public init(samples: Int) {
    precondition(samples > 0)
    self.samples = samples
  }

  /// The channels of the stream. Those that have left it hold up nobody; their rest comes at the end.
  public mutating func update(channels: [String]) {
    guard channels != self.channels else { return }
    self.channels = channels
    let names = Set(channels)
    for place in lanes.indices { lanes[place].isGone = !names.contains(lanes[place].name) }
    let known = Set(lanes.map(\.name))
    for name in channels where !known.contains(name) { lanes.append(Lane(name: name)) }
  }

  public mutating func add(_ frame: Frame) {
    dropped = dropped.addingSaturating(frame.dropped)
    for series in frame.series where !series.isEmpty {
      let place = lanes.firstIndex { $0.name == series.channel.name } ?? lanes.count
      if place == lanes.count { lanes.append(Lane(name: series.channel.name)) }
      dropped = dropped.addingSaturating(Int64(lanes[place].waiting.append(series)))
      lanes[place].longest = max(lanes[place].longest, series.count)
      lanes[place].total += series.count
    }
  }

  /// The next whole frame, if there is one.
  public mutating func next() -> Frame? {
    let ready = lanes.indices.filter { lanes[$0].waiting.count >= samples }
    guard !ready.isEmpty else { return nil }
    if lanes.contains(where: { $0.isWaitedFor && $0.waiting.count < samples }) {
      let isFarAhead = ready.contains { place in
        lanes[place].waiting.count >= samples + Self.framesAhead * max(samples, lanes[place].longest)
      }
      guard isFarAhead else { return nil }
      for place in lanes.indices where lanes[place].waiting.count < samples { lanes[place].isSlow = true }
    }
    let most = lanes.map(\.total).max() ?? 0
    for place in ready where lanes[place].total > most / 2 { lanes[place].isSlow = false }
    return take(ready)
  }

  /// What is left of all channels; nil for nothing.
  public mutating func finish() -> Frame? { take(Array(lanes.indices)) }

  private static let framesAhead = 4

  private mutating func take(_ places: [Int]) -> Frame? {
    let series = places.compactMap { lanes[$0].waiting.take(samples) }.filter { !$0.isEmpty }
    guard !series.isEmpty else { return nil }
    defer { dropped = 0 }
    return Frame(series, dropped: dropped)
  }
}

extension Frame {
  /// Two frames one behind the other as one; nil where a channel has become one of another kind, and cannot be joined.
  public func joined(with next: Frame) -> Frame? {
    var result = series
    for series in next.series {
      guard let place = result.firstIndex(where: { $0.channel.name == series.channel.name }) else {
        result.append(series)
        continue
      }
      guard result[place].type == series.type, result[place].clock.name == series.clock.name else {
        return nil
      }
      result[place] = Series(joining: [result[place], series], as: series.channel)
    }
    return Frame(result, dropped: dropped.addingSaturating(next.dropped))
  }
}
