/// Counts of a stream since it was made. All losses are in here.
public struct StreamStats: Sendable, Hashable {
  public var frames: Int64 = 0
  public var samples: Int64 = 0
  public var bytes: Int64 = 0
  /// Samples that the source or the link lost, as far as anybody counted.
  public var lost: Int64 = 0
  /// Places where samples are missing that should have come; pauses are in the data only.
  public var gaps: Int64 = 0
  /// Samples that readers did not read before they fell out of the buffer.
  public var dropped: Int64 = 0
  /// Samples that came for no channel of the stream, or of another kind than that channel's, and were left out.
  public var stray: Int64 = 0
  public var reconnects: Int64 = 0
  /// Time from the newest sample of the last frame to its arrival, by two machines' clocks; nil on other clocks than
  /// the wall's.
  public var latency: TimeSpan?
  /// Samples a second over the last seconds, all channels together.
  public var rate: Double = 0
  /// Time since the last frame came; nil before the first.
  public var idle: TimeSpan?
  /// Unread frames of the slowest reader.
  public var lagFrames: Int = 0
  /// Samples and bytes buffered now.
  public var bufferedSamples: Int = 0
  public var bufferedBytes: Int = 0

  public init() {}
}

/// Counts over a sliding window of whole seconds, for rates that settle soon and fall to zero.
struct RateMeter: Sendable {
  private static let window = 5
  private var second: Int64 = .min
  private var counts = [Int64](repeating: 0, count: window)
  private var started: TimeSpan?

  mutating func add(_ count: Int, now: TimeSpan) {
    if started == nil { started = now }
    advance(to: now)
    counts[0] += Int64(count)
  }

  func rate(now: TimeSpan) -> Double {
    guard let started else { return 0 }
    var copy = self
    copy.advance(to: now)
    let part = Double(now.nanoseconds % 1_000_000_000) / 1e9
    let covered = min(Double(Self.window - 1) + part, (now - started).seconds)
    guard covered > 0.01 else { return 0 }
    return Double(copy.counts.reduce(0, +)) / covered
  }

  private mutating func advance(to now: TimeSpan) {
    let current = now.nanoseconds / 1_000_000_000
    guard second != current else { return }
    let steps = second == .min ? Int64(Self.window) : min(Int64(Self.window), current - second)
    for _ in 0..<max(0, steps) {
      counts.removeLast()
      counts.insert(0, at: 0)
    }
    second = current
  }
}
