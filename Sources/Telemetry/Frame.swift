/// What arrived together: samples of some of a stream's channels.
public struct Frame: Sendable {
  private enum Content: Sendable {
    case own([Series])
    case part(FrameBatch, Int)
    /// Of a file that holds single values beside its samples.
    case described([Series], FrameMeta)
  }

  private var content: Content
  /// Samples of these channels that this reader should have seen before this frame and that fell out of the buffer.
  public var dropped: Int64

  public init(_ series: [Series], dropped: Int64 = 0) {
    content = .own(series)
    self.dropped = dropped
  }

  public init(_ series: [Series], dropped: Int64 = 0, meta: FrameMeta) {
    content = .described(series, meta)
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
      case .own(let series), .described(let series, _): series
      case .part(let batch, let number):
        (0..<batch.seriesCount(number)).map { batch.series(number, at: $0) }
      }
    }
    set { content = meta.map { .described(newValue, $0) } ?? .own(newValue) }
  }

  /// Single values that a file held beside its samples; nil for most frames.
  public var meta: FrameMeta? { if case .described(_, let meta) = content { meta } else { nil } }

  /// How many series there are.
  public var seriesCount: Int {
    switch content {
    case .own(let series), .described(let series, _): series.count
    case .part(let batch, let number): batch.seriesCount(number)
    }
  }

  public var isEmpty: Bool { sampleCount == 0 }
  public var names: [String] { series.map(\.channel.name) }

  /// The same cost for any number of channels where a reader gave the frame.
  public subscript(name: String) -> Series? {
    switch content {
    case .own(let series), .described(let series, _):
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
    case .own(let series), .described(let series, _): series.reduce(0) { $0 + $1.count }
    case .part(let batch, let number): batch.sampleCount(number)
    }
  }
}

// MARK: - By place

/// Frames of one pattern have the same names at the same places, so a table of names serves them all. A place may be
/// empty in one of them.
extension Frame {
  /// Nil where the frame has series of its own, whose places are theirs.
  package var pattern: FramePattern? {
    if case .part(let batch, _) = content { batch.pattern } else { nil }
  }

  package var placeCount: Int {
    switch content {
    case .own(let series), .described(let series, _): series.count
    case .part(let batch, _): batch.series.count
    }
  }

  package func channel(at place: Int) -> Channel {
    switch content {
    case .own(let series), .described(let series, _): series[place].channel
    case .part(let batch, _): batch.series[place].channel
    }
  }

  /// The series at a place; nil when this frame has none there.
  package func series(at place: Int) -> Series? {
    switch content {
    case .own(let series), .described(let series, _): place < series.count ? series[place] : nil
    case .part(let batch, let number): batch.range(number, at: place).map { batch.series[place][$0] }
    }
  }

  /// The series at a place, as what there is to read of it.
  package func view(at place: Int) -> SampleView? {
    switch content {
    case .own(let series), .described(let series, _):
      guard place < series.count else { return nil }
      return series[place].view(0..<series[place].count)
    case .part(let batch, let number):
      guard let range = batch.range(number, at: place) else { return nil }
      return batch.series[place].view(range)
    }
  }

  /// The runs of the series at a place.
  package func forEachRun(at place: Int, _ body: (SampleRun) -> Void) {
    switch content {
    case .own(let series), .described(let series, _):
      guard place < series.count else { return }
      series[place].forEachRun(0..<series[place].count, body)
    case .part(let batch, let number):
      guard let range = batch.range(number, at: place) else { return }
      batch.series[place].forEachRun(range, body)
    }
  }

  /// It has the very same channels, in this order.
  package func has(_ channels: [Channel]) -> Bool {
    guard case .own(let series) = content, series.count == channels.count else { return false }
    for place in channels.indices where !series[place].channel.isIdentical(to: channels[place]) {
      return false
    }
    return true
  }

  /// Bytes of all samples and their stamps.
  package var byteCount: Int {
    switch content {
    case .own(let series), .described(let series, _):
      var bytes = 0
      for place in series.indices { bytes += series[place].byteCount }
      return bytes
    case .part(let batch, let number): return batch.byteCount(number)
    }
  }
}

/// Named values without a time, in the order of their file.
public final class FrameMeta: Sendable {
  public let values: [(name: String, value: Sample)]

  public init(_ values: [(name: String, value: Sample)]) { self.values = values }
}
