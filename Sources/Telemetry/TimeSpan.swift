/// A length of time in whole nanoseconds.
public struct TimeSpan: Sendable, Hashable, Comparable {
  public var nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  /// Nil when the number is not finite or does not fit (292 years).
  public init?(seconds: Double) {
    guard let nanoseconds = Int64(exactly: (seconds * 1e9).rounded()) else { return nil }
    self.nanoseconds = nanoseconds
  }

  public static let zero = TimeSpan(nanoseconds: 0)
  public static let nanosecond = TimeSpan(nanoseconds: 1)
  public static let microsecond = TimeSpan(nanoseconds: 1_000)
  public static let millisecond = TimeSpan(nanoseconds: 1_000_000)
  public static let second = TimeSpan(nanoseconds: 1_000_000_000)
  public static let minute = TimeSpan(nanoseconds: 60_000_000_000)
  public static let hour = TimeSpan(nanoseconds: 3_600_000_000_000)
  public static let day = TimeSpan(nanoseconds: 86_400_000_000_000)

  public var seconds: Double { Double(nanoseconds) / 1e9 }
  public var duration: Duration { .nanoseconds(nanoseconds) }

  public init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carried) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
    nanoseconds = overflow || carried ? (seconds < 0 ? .min : .max) : sum
  }

  public static func < (a: TimeSpan, b: TimeSpan) -> Bool { a.nanoseconds < b.nanoseconds }

  /// Sum that sticks to the ends of the range instead of trapping.
  public static func + (a: TimeSpan, b: TimeSpan) -> TimeSpan {
    TimeSpan(nanoseconds: a.nanoseconds.addingSaturating(b.nanoseconds))
  }

  public static func - (a: TimeSpan, b: TimeSpan) -> TimeSpan {
    TimeSpan(nanoseconds: a.nanoseconds.subtractingSaturating(b.nanoseconds))
  }

  /// Reads `"250ms"`, `"5s"`, `"1m30s"`, `"1.5h"`, `"2us"`, `"100ns"`, `"1d"`. Nil for anything else, a bare number included.
  public init?(_ text: some StringProtocol) {
    var rest = Substring(text).drop { $0 == " " }
    var sign = 1.0
    if rest.first == "-" {
      sign = -1
      rest.removeFirst()
    }
    var total = 0.0
    var parts = 0
    while let first = rest.first, first.isASCII, first.isNumber || first == "." {
      let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(unit.count).drop { $0 == " " }
      guard let value = Double(digits), let scale = Self.units[String(unit)] else { return nil }
      total += value * scale
      parts += 1
    }
    guard parts > 0, rest.isEmpty, let nanoseconds = Int64(exactly: (sign * total).rounded()) else {
      return nil
    }
    self.nanoseconds = nanoseconds
  }

  private static let units: [String: Double] = [
    "ns": 1, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "min": 60e9, "h": 3600e9,
    "d": 86400e9,
  ]
}

extension TimeSpan: CustomStringConvertible {
  /// The way people write it: `1m30s`, `250ms`, `1.5s`.
  public var description: String {
    if nanoseconds == 0 { return "0s" }
    let sign = nanoseconds < 0 ? "-" : ""
    let size = nanoseconds.magnitude
    if size < 1_000 { return "\(sign)\(size)ns" }
    if size < 1_000_000 { return sign + Self.decimal(size, 1_000) + "us" }
    if size < 1_000_000_000 { return sign + Self.decimal(size, 1_000_000) + "ms" }
    var text = sign
    var rest = size
    for (unit, name) in [(Self.day, "d"), (Self.hour, "h"), (Self.minute, "m")] {
      let whole = rest / UInt64(unit.nanoseconds)
      if whole > 0 { text += "\(whole)\(name)" }
      rest %= UInt64(unit.nanoseconds)
    }
    return rest == 0 ? text : text + Self.decimal(rest, 1_000_000_000) + "s"
  }

  private static func decimal(_ value: UInt64, _ unit: UInt64) -> String {
    let (whole, rest) = value.quotientAndRemainder(dividingBy: unit)
    if rest == 0 { return "\(whole)" }
    var digits = "\(unit + rest)".dropFirst()
    while digits.last == "0" { digits.removeLast() }
    return "\(whole).\(digits)"
  }
}

/// A moment: nanoseconds since the Unix epoch.
public struct TimeStamp: Sendable, Hashable, Comparable {
  public var nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  public static func < (a: TimeStamp, b: TimeStamp) -> Bool { a.nanoseconds < b.nanoseconds }

  public static func + (a: TimeStamp, b: TimeSpan) -> TimeStamp {
    TimeStamp(nanoseconds: a.nanoseconds.addingSaturating(b.nanoseconds))
  }

  public static func - (a: TimeStamp, b: TimeStamp) -> TimeSpan {
    TimeSpan(nanoseconds: a.nanoseconds.subtractingSaturating(b.nanoseconds))
  }
}

extension FixedWidthInteger {
  /// The whole part of any number: the ends of the range beyond it, 0 for what is no number. Where a number comes from a
  /// script, a file or a device, `Int(…)` would end the program.
  package init(saturating value: Double) {
    self = Self(exactly: value.rounded(.towardZero)) ?? (value.isNaN ? 0 : value < 0 ? .min : .max)
  }
}

extension Int64 {
  /// What is left of a division, never negative. - Precondition: `divisor` is above zero.
  package func flooredRemainder(_ divisor: Int64) -> Int64 {
    let rest = self % divisor
    return rest < 0 ? rest + divisor : rest
  }

  /// - Precondition: `divisor` is above zero.
  package func flooredQuotient(_ divisor: Int64) -> Int64 {
    let (quotient, rest) = quotientAndRemainder(dividingBy: divisor)
    return rest < 0 ? quotient - 1 : quotient
  }

  package func addingSaturating(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other < 0 ? .min : .max) : sum
  }

  package func subtractingSaturating(_ other: Int64) -> Int64 {
    let (difference, overflow) = subtractingReportingOverflow(other)
    return overflow ? (other < 0 ? .max : .min) : difference
  }
}
