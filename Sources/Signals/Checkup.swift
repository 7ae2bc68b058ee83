public import Telemetry

/// Looks at a stream for a while and says what is well and what is not: rates, pauses, channels that are stuck, clipped
/// or silent, losses. A value without a clock of its own.
public struct Checkup: Sendable {
  public struct Finding: Sendable, Hashable {
    public let isProblem: Bool
    public let sentence: String

    public init(isProblem: Bool, sentence: String) {
      self.isProblem = isProblem
      self.sentence = sentence
    }
  }

  /// Samples of a channel that are looked at, its newest: more than a second of audio.
  static let samplesMax = 100_000
  /// A pause is a stall from so many usual pauses on, and never below a fifth of a second.
  static let stallPauses = 8.0
  static let stallMin = 0.2
  /// What a rate may be off; blocks make short looks inexact by as much.
  static let rateTolerance = 0.05
  /// How often an extreme has to be met in rows of three and more to be where a signal is cut off.
  static let clippedShare = 0.005
  /// Signals with fewer different values are switches and counters, which do not clip.
  static let valuesMin = 16

  private struct Lane: Sendable {
    var buffer: SampleBuffer
    var first: TimeSpan?
    var last = TimeSpan.zero
    // Those of the first frame were gathered before the look began.
    var later = 0
  }

  private var lanes: [Lane]
  private var arrivals: [TimeSpan] = []

  public init(_ channels: [Channel]) {
    lanes = channels.map {
      Lane(buffer: SampleBuffer(channel: $0, capacity: .samples(Self.samplesMax)))
    }
  }

  /// - Parameter now: when it came, by a clock that only goes forward.
  public mutating func add(_ frame: Frame, at now: TimeSpan) {
    arrivals.append(now)
    for series in frame.series where !series.isEmpty {
      guard let place = lanes.firstIndex(where: { $0.buffer.channel.name == series.channel.name }) else {
        continue
      }
      if series.type != lanes[place].buffer.channel.type {
        // Another program under the same name: what came before cannot be looked at with it.
        lanes[place].buffer = SampleBuffer(channel: series.channel, capacity: .samples(Self.samplesMax))
      }
      lanes[place].buffer.append(series)
      if lanes[place].first == nil { lanes[place].first = now } else { lanes[place].later += series.count }
      lanes[place].last = now
    }
  }

  /// - Parameters:
  ///   - span: how long it was looked at; nil for a buffer that was just looked into.
  ///   - lag: unread frames of a reader that is in use.
  public func findings(_ stats: StreamStats, over span: TimeSpan?, lag: Int = 0) -> [Finding] {
    var found: [Finding] = []
    for lane in lanes { found += findings(of: lane, span) }
    if span != nil { found += pauses }
    if stats.lost > 0 || stats.gaps > 0 {
      found.append(problem("\(stats.lost) samples were lost, at \(Self.count(Int(stats.gaps), "gap"))"))
    }
    if stats.reconnects > 0 {
      found.append(problem("the connection was away \(Self.count(Int(stats.reconnects), "time"))"))
    }
    if stats.stray > 0 { found.append(problem("\(stats.stray) samples came for no channel of the stream")) }
    if lag > 0, let usual = usualPause, Double(lag) * usual > 1 {
      let behind = TimeSpan(seconds: (Double(lag) * usual * 10).rounded() / 10) ?? .zero
      found.append(problem("its reader is slow: \(behind) behind, \(lag) frames"))
    }
    if stats.dropped > 0 {
      found.append(
        Finding(
          isProblem: lag > 0,
          sentence: "\(stats.dropped) samples fell out of the buffer before they were read"))
    }
    return found
  }

  // MARK: - Channels

  private func findings(of lane: Lane, _ span: TimeSpan?) -> [Finding] {
    let series = lane.buffer.snapshot()
    let name = series.channel.name
    guard !series.isEmpty else {
      let isRare = series.channel.mode == .sparse
      return [
        Finding(isProblem: !isRare, sentence: "\(name): nothing came" + (span.map { " in \($0)" } ?? ""))
      ]
    }
    var found: [Finding] = []
    if span != nil { found += rate(of: lane, series) }
    found += leaps(of: series)
    guard series.type.isNumeric, series.type != .timestamp, let values = try? series.doubles() else {
      return found
    }
    let numbers = values.filter(\.isFinite)
    if numbers.count < values.count {
      found.append(
        problem("\(name): \(values.count - numbers.count) of \(values.count) samples are no numbers"))
    }
    guard let low = numbers.min(), let high = numbers.max(), numbers.count >= 100 else { return found }
    if low == high {
      found.append(problem("\(name): stuck at \(Self.number(low)), all \(numbers.count) samples"))
    } else if Set(numbers.lazy.prefix(10_000)).count >= Self.valuesMin {
      for limit in [low, high] {
        let share = Double(Self.samplesInRows(of: limit, numbers)) / Double(numbers.count)
        guard share >= Self.clippedShare else { continue }
        let percent = (share * 1000).rounded() / 10
        found.append(
          problem("\(name): clipped at \(Self.number(limit)), \(Self.number(percent)) % of its samples"))
      }
    }
    return found
  }

  /// Holes that nothing but the times tells of.
  private func leaps(of series: Series) -> [Finding] {
    let told = Set(series.gaps.map(\.at))
    let gaps = series.gapsWithTimes.filter { !told.contains($0.at) }
    let holes = gaps.compactMap(\.samples)
    var found: [Finding] = []
    if !holes.isEmpty {
      let missing = holes.reduce(Int64(0)) { $0.addingSaturating($1) }
      found.append(
        problem(
          "\(series.channel.name): by its times \(missing) samples are missing, at \(Self.count(holes.count, "gap")) (time)"
        ))
    }
    if holes.count < gaps.count {
      found.append(
        problem(
          "\(series.channel.name): its times step back \(Self.count(gaps.count - holes.count, "time")) (time)"
        ))
    }
    return found
  }

  private func rate(of lane: Lane, _ series: Series) -> [Finding] {
    let name = series.channel.name
    guard let first = lane.first, lane.last > first, lane.later > 0 else { return [] }
    let measured = Double(lane.later) / (lane.last - first).seconds
    guard series.channel.mode == .dense, let nominal = series.channel.rate ?? series.measuredRate, nominal > 0
    else {
      return [fine("\(name): \(Self.frequency(measured))")]
    }
    if abs(measured / nominal - 1) <= Self.rateTolerance {
      return [fine("\(name): \(Self.frequency(measured)), as it should be")]
    }
    return [problem("\(name): \(Self.frequency(measured)) measured, \(Self.frequency(nominal)) expected")]
  }

  /// Samples at a limit in rows of at least three.
  private static func samplesInRows(of limit: Double, _ values: [Double]) -> Int {
    var (total, row) = (0, 0)
    for value in values {
      if value == limit {
        row += 1
      } else {
        if row >= 3 { total += row }
        row = 0
      }
    }
    return row >= 3 ? total + row : total
  }

  // MARK: - Pauses

  private var sortedPauses: [Double] {
    zip(arrivals, arrivals.dropFirst()).map { ($1 - $0).seconds }.sorted()
  }

  private var usualPause: Double? {
    let pauses = sortedPauses
    return pauses.isEmpty ? nil : pauses[pauses.count / 2]
  }

  private var pauses: [Finding] {
    let pauses = sortedPauses
    guard let longest = pauses.last, let usual = usualPause else { return [] }
    // The middle nine tenths, so that a single stall is not called jitter.
    let spread = (pauses[pauses.count * 19 / 20] - pauses[pauses.count / 20]) / 2
    let stalls = pauses.filter { $0 > max(Self.stallMin, usual * Self.stallPauses) }.count
    let text =
      "frames come every \(Self.time(usual)), ± \(Self.time(spread)); the longest pause was \(Self.time(longest))"
    return [fine(text)] + (stalls > 0 ? [problem("it stalled \(Self.count(stalls, "time"))")] : [])
  }

  // MARK: - Words

  private func problem(_ sentence: String) -> Finding { Finding(isProblem: true, sentence: sentence) }
  private func fine(_ sentence: String) -> Finding { Finding(isProblem: false, sentence: sentence) }

  private static func count(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
  }

  private static func frequency(_ value: Double) -> String {
    value >= 1000 ? "\(rounded(value / 1000)) kHz" : "\(rounded(value)) Hz"
  }

  private static func time(_ seconds: Double) -> String {
    seconds >= 1 ? "\(rounded(seconds)) s" : "\(rounded(seconds * 1000)) ms"
  }

  private static func number(_ value: Double) -> String {
    if value == value.rounded(), value.magnitude < 1e15 { return "\(Int64(value))" }
    // Most samples are no doubles: 0.05, not 0.05000000074505806.
    return Double(Float(value)) == value ? "\(Float(value))" : "\(value)"
  }

  /// Three digits, or all before the point.
  private static func rounded(_ value: Double) -> String {
    let scale = value >= 100 ? 1.0 : value >= 10 ? 10 : 100
    return number((value * scale).rounded() / scale)
  }
}
