public import Telemetry

/// Watches one channel for a span of its time and judges what it does: what stands behind signal checks.
///
/// A value without a clock of its own: who waits for devices that may stay silent ends it with `finish()`.
public struct SignalCheck {
  public enum Condition: Sendable, Hashable {
    /// From the level or below it to above it; one that is above from the beginning has not risen.
    case risesAbove(Double)
    case fallsBelow(Double)
    /// Each sample of the span; NaN is nowhere.
    case staysBetween(Double, Double)
    case staysAbove(Double)
    case staysBelow(Double)
    /// No sample is missing.
    case hasNoGap

    /// What a picture of the window draws as lines.
    public var levels: [Double] {
      switch self {
      case .risesAbove(let level), .fallsBelow(let level), .staysAbove(let level), .staysBelow(let level):
        [level]
      case .staysBetween(let low, let high): [low, high]
      case .hasNoGap: []
      }
    }
  }

  /// How it ended.
  public struct Verdict: Sendable {
    public let passed: Bool
    /// What happened, in one sentence: `fsr did not rise above 0.5 within 5s: from 0.02 to 0.31`.
    public let sentence: String
    public let condition: Condition
    /// What was judged, from the beginning of the span to where it was decided.
    public let window: Frame
  }

  public let channel: Channel
  public let condition: Condition
  public let span: TimeSpan

  private var collector: Collector
  private var judged = 0
  private var hasBegun = false

  public init(_ channel: Channel, _ condition: Condition, within span: TimeSpan) {
    self.channel = channel
    self.condition = condition
    self.span = span
    collector = Collector(channels: [channel], amount: .span(span))
  }

  /// The verdict as soon as it is certain.
  public mutating func add(_ frame: Frame) -> Verdict? {
    guard frame[channel.name] != nil || frame.dropped > 0 else { return nil }
    let whole = collector.add(frame)
    let window = whole ?? collector.finish()
    if let verdict = judge(window) { return verdict }
    return whole.map { _ in over(window) }
  }

  /// The verdict when nothing more will come: what has to last for the span has not.
  public func finish() -> Verdict {
    let window = collector.finish()
    guard let series = window[channel.name] else {
      return verdict(false, "no sample of \(channel.name) came within \(span)", window)
    }
    // Values that come now and then stay what they are in between.
    if channel.mode == .sparse { return over(window) }
    if isLasting { return verdict(false, "only \(collector.progress) came", window) }
    return verdict(
      false, "\(text) within \(span): \(Self.range(series)), and only \(collector.progress) came", window)
  }

  // MARK: - Judging

  private var isLasting: Bool {
    switch condition {
    case .risesAbove, .fallsBelow: false
    default: true
    }
  }

  /// Looks at what was not looked at; nil while it may still go either way.
  private mutating func judge(_ window: Frame) -> Verdict? {
    guard let series = window[channel.name] else { return nil }
    if case .hasNoGap = condition {
      guard let gap = series.gaps.first(where: { $0.at > series.first && $0.reason != .paused }) else {
        return window.dropped > 0
          ? verdict(false, "\(window.dropped) samples fell out of the buffer unread", window) : nil
      }
      let count = gap.samples.map { "\($0) samples are missing" } ?? "samples are missing"
      return verdict(
        false,
        "\(channel.name) has a gap at sample \(gap.at - series.first + 1): \(count) (\(gap.reason.rawValue))",
        window)
    }
    defer { judged = series.count }
    guard judged < series.count, let values = try? series[judged..<series.count].numbersOrTruth() else {
      return nil
    }
    for (offset, value) in values.enumerated() {
      if let passed = decide(value) {
        let position = judged + offset
        let part = Frame([series[0..<position + 1]], dropped: window.dropped)
        return verdict(passed, passed ? pass(position, value) : fault(position, value), part)
      }
    }
    return nil
  }

  private mutating func decide(_ value: Double) -> Bool? {
    switch condition {
    case .risesAbove(let level):
      if value <= level { hasBegun = true }
      return hasBegun && value > level ? true : nil
    case .fallsBelow(let level):
      if value >= level { hasBegun = true }
      return hasBegun && value < level ? true : nil
    case .staysBetween(let low, let high): return value >= low && value <= high ? nil : false
    case .staysAbove(let level): return value > level ? nil : false
    case .staysBelow(let level): return value < level ? nil : false
    case .hasNoGap: return nil
    }
  }

  /// The span is over and nothing decided it before.
  private func over(_ window: Frame) -> Verdict {
    guard let series = window[channel.name] else { return finish() }
    guard series.type.isNumeric || series.type == .bool || condition == .hasNoGap else {
      return verdict(false, "\(channel.name) is \(series.type.rawValue), no number", window)
    }
    if isLasting { return verdict(true, "\(channel.name) \(wish) for \(span)", window) }
    let begin = hasBegun || series.isEmpty ? "" : ", and that from the beginning"
    return verdict(false, "\(text) within \(span): \(Self.range(series))\(begin)", window)
  }

  private func verdict(_ passed: Bool, _ sentence: String, _ window: Frame) -> Verdict {
    Verdict(passed: passed, sentence: sentence, condition: condition, window: window)
  }
}

// MARK: - Words

extension SignalCheck {
  private var wish: String {
    switch condition {
    case .risesAbove(let level): "rose above \(Self.number(level))"
    case .fallsBelow(let level): "fell below \(Self.number(level))"
    case .staysBetween(let low, let high): "stayed between \(Self.number(low)) and \(Self.number(high))"
    case .staysAbove(let level): "stayed above \(Self.number(level))"
    case .staysBelow(let level): "stayed below \(Self.number(level))"
    case .hasNoGap: "had no gap"
    }
  }

  private var text: String {
    switch condition {
    case .risesAbove(let level): "\(channel.name) did not rise above \(Self.number(level))"
    case .fallsBelow(let level): "\(channel.name) did not fall below \(Self.number(level))"
    default: "\(channel.name) was not seen long enough"
    }
  }

  private func pass(_ position: Int, _ value: Double) -> String {
    "\(channel.name) \(wish) at sample \(position + 1) (\(Self.number(value)))"
  }

  private func fault(_ position: Int, _ value: Double) -> String {
    let limits = condition.levels.map(Self.number).joined(separator: " and ")
    let side =
      switch condition {
      case .staysBetween: "not between"
      case .staysAbove: "not above"
      default: "not below"
      }
    return "\(channel.name) was \(Self.number(value)) at sample \(position + 1), \(side) \(limits)"
  }

  private static func range(_ series: Series) -> String {
    guard let low = try? series.min().number, let high = try? series.max().number else { return "no numbers" }
    return "from \(number(low)) to \(number(high))"
  }

  /// Four digits are enough to understand a sentence; a whole number shows none behind the point.
  private static func number(_ value: Double) -> String {
    if value == value.rounded(), value.magnitude < 1e15 { return "\(Int64(value))" }
    guard value.isFinite, value.magnitude >= 1e-4, value.magnitude < 1e6 else { return "\(value)" }
    var scale = 1e4
    while value.magnitude * scale < 1000 { scale *= 10 }
    while value.magnitude * scale >= 10_000, scale > 1 { scale /= 10 }
    return "\((value * scale).rounded() / scale)"
  }
}
