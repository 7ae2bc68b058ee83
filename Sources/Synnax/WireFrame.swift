public import Telemetry

/// A span of stored or streamed time, start included, end excluded, in nanoseconds since the epoch.
public struct TimeRange: Sendable, Hashable {
  public var start: Int64
  public var end: Int64

  public init(start: Int64, end: Int64) {
    self.start = start
    self.end = end
  }

  /// What live frames carry: the times are in the samples of the index channel.
  public static let zero = TimeRange(start: 0, end: 0)
  public static let all = TimeRange(start: 0, end: .max)
}

/// The place of a sample among all of its channel: a domain (one for each writer) and a number within it.
public struct Alignment: Sendable, Hashable, Comparable {
  public var rawValue: UInt64

  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  public init(domain: UInt32, sample: UInt32) { rawValue = UInt64(domain) << 32 | UInt64(sample) }

  public var domain: UInt32 { UInt32(rawValue >> 32) }
  public var sample: UInt32 { UInt32(truncatingIfNeeded: rawValue) }

  /// Domains from here on are live ones; stored data has small ones.
  public static let firstLiveDomain: UInt32 = 4_293_967_295

  public static func < (a: Alignment, b: Alignment) -> Bool { a.rawValue < b.rawValue }
}

/// Samples of one channel as they are in a frame (protocol, section 10).
public struct WireSeries: Sendable {
  public var key: UInt32
  /// The samples are these positions of the storage.
  public var storage: SampleStorage
  public var range: Range<Int>
  public var timeRange: TimeRange
  public var alignment: Alignment
  /// Sample i stands at `alignment + i * multiple`; never 0.
  public var multiple: UInt32

  public init(
    key: UInt32, _ storage: SampleStorage, _ range: Range<Int>? = nil, timeRange: TimeRange = .zero,
    alignment: Alignment = Alignment(0), multiple: UInt32 = 1
  ) {
    self.key = key
    self.storage = storage
    self.range = range ?? 0..<storage.used
    self.timeRange = timeRange
    self.alignment = alignment
    self.multiple = max(1, multiple)
  }

  public var count: Int { range.count }

  /// The alignment of the sample that would come next.
  public var nextAlignment: Alignment {
    Alignment(alignment.rawValue &+ UInt64(range.count) &* UInt64(multiple))
  }
}

/// A decoded frame.
public struct WireFrame: Sendable {
  /// The number of the state it was encoded with.
  public var sequence: UInt32
  /// In the order of the wire: by key, several of one key when they are from different domains.
  public var series: [WireSeries]
}
