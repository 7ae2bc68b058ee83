public import Telemetry

/// Gathers frames until every channel has a number of samples, or a span of them by the time in the data.
///
/// A value without a clock of its own: who waits for devices that may stay silent ends it with `finish()`.
public struct Collector {
  private var lanes: [Lane]
  private let amount: BufferCapacity
  private var dropped: Int64 = 0
  private var bytes = 0

  /// - Parameter channels: those to wait for, in the order of the result. Others are left out.
  public init(channels: [Channel], amount: BufferCapacity) {
    self.amount = amount
    lanes = channels.map { Lane($0, amount) }
  }

  /// The result once everything is there: of each channel exactly the first n samples, or the first ones up to and
  /// with that which completes the span. Channels without times, or whose clock's rate is unknown, do not hold up
  /// a span. A result that would outgrow `Telemetry.Limits.bufferBytesMax` ends early.
  public mutating func add(_ frame: Frame) -> Frame? {
    dropped = dropped.addingSaturating(frame.dropped)
    for index in lanes.indices {
      guard let series = frame[lanes[index].channel.name] else { continue }
      if series.type != lanes[index].channel.type {
        // Another device under the same name: what came before cannot be joined with it.
        dropped = dropped.addingSaturating(Int64(lanes[index].buffer.count))
        lanes[index] = Lane(series.channel, amount)
      }
      bytes += lanes[index].add(series)
    }
    let waiting = lanes.filter { !$0.isOpen }
    guard !waiting.isEmpty && waiting.allSatisfy(\.isDone) || bytes >= Telemetry.Limits.bufferBytesMax else {
      return nil
    }
    return finish()
  }

  /// What came so far, without channels that never did.
  public func finish() -> Frame {
    Frame(lanes.lazy.map { $0.buffer.snapshot() }.filter { !$0.isEmpty }, dropped: dropped)
  }

  /// How far the slowest channel is: `pot1 600 of 1000 samples`, `pot1 1.2s of 2s`. Empty without channels.
  public var progress: String { slowest.map { "\($0.channel.name) \($0.progress)" } ?? "" }

  /// The same from 0 to 1.
  public var share: Double { slowest?.share ?? 0 }

  private var slowest: Lane? {
    let waiting = lanes.filter { !$0.isOpen }
    return (waiting.isEmpty ? lanes : waiting).min { $0.share < $1.share }
  }

  private struct Lane {
    let channel: Channel
    let amount: BufferCapacity
    var buffer: SampleBuffer
    /// Units of the clock to reach; nil when samples are counted or the rate is unknown.
    let goal: Int64?
    // The time that counts as the first one's: moved when a device starts its clock anew.
    var origin: Int64?
    var elapsed: Int64 = 0
    var hasNoTimes = false

    init(_ channel: Channel, _ amount: BufferCapacity) {
      self.channel = channel
      self.amount = amount
      buffer = SampleBuffer(channel: channel, capacity: .samples(.max))
      if case .span(let span) = amount { goal = channel.clock.units(span) } else { goal = nil }
    }

    /// True where nobody can tell when it is done.
    var isOpen: Bool {
      if case .samples = amount { return false }
      return goal == nil || hasNoTimes
    }

    var isDone: Bool { share >= 1 }

    /// From 0 to 1.
    var share: Double {
      switch amount {
      case .samples(let wanted): wanted <= buffer.count ? 1 : Double(buffer.count) / Double(wanted)
      case .span:
        if let goal, buffer.count > 0 { elapsed >= goal ? 1 : Double(elapsed) / Double(goal) } else { 0 }
      }
    }

    var progress: String {
      if case .samples(let wanted) = amount { return "\(buffer.count) of \(wanted) samples" }
      guard case .span(let span) = amount, !isOpen, let seconds = channel.clock.seconds(elapsed),
        let milliseconds = Int64(exactly: (seconds * 1e3).rounded()),
        let reached = TimeSpan(seconds: Double(milliseconds) / 1e3)
      else { return "\(buffer.count) samples" }
      return "\(reached) of \(span)"
    }

    /// Takes what is still wanted; returns its bytes.
    mutating func add(_ series: Series) -> Int {
      guard !series.isEmpty, isOpen || !isDone else { return 0 }
      var wanted = series
      switch amount {
      case .samples(let most): wanted = series[0..<min(series.count, most - buffer.count)]
      case .span:
        guard let from = series.time(0), let to = series.time(series.count - 1) else {
          hasNoTimes = true
          break
        }
        var start = origin ?? from
        if from < start.addingSaturating(elapsed) { start = from.subtractingSaturating(elapsed) }
        origin = start
        let end = goal.map { start.addingSaturating($0) } ?? .max
        if to >= end { wanted = series[0..<min(series.count, series.position(from: end) + 1)] }
        elapsed = max(elapsed, (wanted.time(wanted.count - 1) ?? to).subtractingSaturating(start))
      }
      buffer.append(wanted)
      return wanted.byteCount
    }
  }
}
