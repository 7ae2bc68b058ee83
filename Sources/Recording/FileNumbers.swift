import Telemetry

/// Numbers as files have them, brought into the range in which everybody can calculate with them.
enum FileNumbers {
  /// Units or samples a second; nil for what is none (0, negative, not a number) and what no clock has.
  static func rate(_ value: Double?) -> Double? {
    value.flatMap { Limits.rates.contains($0) ? $0 : nil }
  }

  /// How many samples there are, or are missing.
  static func count(_ value: Int64) -> Int64 { min(max(0, value), Limits.countMax) }

  static func count(_ value: Double) -> Int64 {
    // Not a number counts nothing.
    value > 0 ? Int64(exactly: min(value, Double(Limits.countMax)).rounded()) ?? Limits.countMax : 0
  }

  /// A count that makes no sense is not known.
  static func missing(_ value: Int64?) -> Int64? { value.flatMap { $0 < 0 ? nil : count($0) } }

  static func clock(_ clock: ClockDomain) -> ClockDomain {
    if case .ticks(let rate) = clock { .ticks(rate: self.rate(rate)) } else { clock }
  }

  static func channel(_ channel: Channel) -> Channel {
    var channel = channel
    channel.clock = clock(channel.clock)
    channel.rate = rate(channel.rate)
    return channel
  }

  /// Places in order, within so many samples, no more than a file may have; the oldest go first.
  static func gaps(_ gaps: [Gap], samples: Int) -> [Gap] {
    let fitting = gaps.filter { $0.at >= 0 && ($0.at < samples || $0.at == 0 && samples == 0) }
    return fitting.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
      .suffix(Limits.gaps).map {
        Gap(at: $0.element.at, samples: missing($0.element.samples), reason: $0.element.reason)
      }
  }
}
