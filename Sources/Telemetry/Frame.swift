/// What arrived together: samples of some of a stream's channels.
public struct Frame: Sendable {
  /// One series a channel that is present, in the stream's order.
  public var series: [Series]
  /// Samples of these channels that this reader should have seen before this frame and that fell out of the buffer.
  public var dropped: Int64

  public init(_ series: [Series], dropped: Int64 = 0) {
    self.series = series
    self.dropped = dropped
  }

  public var isEmpty: Bool { series.allSatisfy(\.isEmpty) }
  public var names: [String] { series.map(\.channel.name) }

  public subscript(name: String) -> Series? {
    for one in series where one.channel.name == name { return one }
    return nil
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

  public var sampleCount: Int { series.reduce(0) { $0 + $1.count } }
}
