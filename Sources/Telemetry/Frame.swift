/// What arrived together: samples of some of a stream's channels.
public struct Frame: Sendable {
  private enum Content: Sendable {
    case own([Series])
    case part(FrameBatch, Int)
  }

  private var content: Content
  /// Samples of these channels that this reader should have seen before this frame and that fell out of the buffer.
  public var dropped: Int64

  public init(_ series: [Series], dropped: Int64 = 0) {
    content = .own(series)
    self.dropped = dropped
  }

  init(_ batch: FrameBatch, _ number: Int, dropped: Int64) {
    content = .part(batch, number)
    self.dropped = dropped
  }

  /// One series a channel that is present, in the order in which they came. Made anew at each call where a reader's
  /// batch holds the samples: ask once, or for a single one by name.
  public var series: [Series] {
    get {
      switch content {
      case .own(let series): series
      case .part(let batch, let number):
        (0..<batch.seriesCount(number)).map { batch.series(number, at: $0) }
      }
    }
    set { content = .own(newValue) }
  }

  /// How many series there are.
  public var seriesCount: Int {
    switch content {
    case .own(let series): series.count
    case .part(let batch, let number): batch.seriesCount(number)
    }
  }

  public var isEmpty: Bool { sampleCount == 0 }
  public var names: [String] { series.map(\.channel.name) }

  /// The same cost for any number of channels where a reader gave the frame.
  public subscript(name: String) -> Series? {
    switch content {
    case .own(let series):
      for one in series where one.channel.name == name { return one }
      return nil
    case .part(let batch, let number):
      return batch.position(number, of: name).map { batch.series(number, at: $0) }
    }
  }

  /// The oldest time of any sample within; nil when unknown or when the channels do not share a clock.
  public var startTime: Int64? { bounds?.lowerBound }

  /// The time from the oldest to the newest sample, in units of the channels' common clock.
  public var bounds: ClosedRange<Int64>? {
    var result: ClosedRange<Int64>?
    var clock: ClockDomain?
    for one in series where !one.isEmpty {
      guard let from = one.time(0), let to = one.time(one.count - 1), from <= to else { return nil }
      if clock == nil { clock = one.clock }
      guard clock == one.clock else { return nil }
      result = result.map { min($0.lowerBound, from)...max($0.upperBound, to) } ?? from...to
    }
    return result
  }

  public var sampleCount: Int {
    switch content {
    case .own(let series): series.reduce(0) { $0 + $1.count }
    case .part(let batch, let number): batch.sampleCount(number)
    }
  }
}
