import Glibc
import Telemetry

/// A place on an axis with its text.
package struct Tick: Sendable, Hashable {
  package var value: Double
  package var label: String
}

/// Where axes have their marks: steps of 1, 2 or 5 times a power of ten, clocks in steps that clocks have.
package enum Ticks {
  /// The smallest 1-2-5 step that puts at most `most` steps into a range.
  package static func step(over range: Double, atMost most: Int) -> Double {
    guard range > 0, range.isFinite else { return 1 }
    let least = range / Double(max(1, most))
    let power = pow(10, floor(log10(least)))
    guard power > 0, power.isFinite else { return least }
    for factor in [1.0, 2, 5] where factor * power >= least * (1 - 1e-9) { return factor * power }
    return 10 * power
  }

  /// Multiples of a step within a range, 1000 at most.
  package static func multiples(of step: Double, in range: ClosedRange<Double>) -> [Double] {
    let first = (range.lowerBound / step - 1e-6).rounded(.up)
    let last = (range.upperBound / step + 1e-6).rounded(.down)
    guard first <= last, last - first < 1000 else { return [] }
    return (0...Int(last - first)).map {
      let value = (first + Double($0)) * step
      return value == 0 ? 0 : value
    }
  }

  /// Marks of a scale of values.
  package static func values(_ range: ClosedRange<Double>, atMost most: Int) -> [Tick] {
    // Halves, because the width of the largest range is more than the largest number.
    let half = range.upperBound / 2 - range.lowerBound / 2
    let nice = step(
      over: min(half, .greatestFiniteMagnitude / 4) * 2, atMost: max(1, half > 1e307 ? most / 2 : most))
    guard nice > 0, nice.isFinite else { return [] }
    let marks = multiples(of: nice, in: range)
    let labels = Self.labels(marks, step: nice)
    return zip(marks, labels).map { Tick(value: $0, label: $1) }
  }

  /// Texts just long enough to tell neighbours apart.
  package static func labels(_ values: [Double], step: Double) -> [String] {
    let largest = values.reduce(0) { max($0, $1.magnitude) }
    if largest >= 1e6 || largest > 0 && largest < 1e-3 {
      let decimals = max(0, exponent(largest) - exponent(step))
      return values.map { $0 == 0 ? "0" : NumberText.scientific($0, decimals: min(decimals, 12)) }
    }
    let decimals = decimals(step)
    return values.map { NumberText.fixed($0, decimals: decimals) }
  }

  static func decimals(_ step: Double) -> Int {
    max(0, -exponent(step))
  }

  /// The power of ten that a number begins with; any number has one here, 0 and infinities those of the ends.
  private static func exponent(_ value: Double) -> Int {
    min(400, max(-400, Int(saturating: floor(log10(value) + 1e-9))))
  }
}

/// What runs along the bottom of a picture.
package enum HorizontalAxis: Sendable, Hashable {
  /// Seconds since `origin`, nanoseconds since the Unix epoch; labelled with the time of day.
  case wall(origin: Int64, utcOffset: Int)
  /// Seconds of a device's own clock.
  case seconds
  /// Something counted: `ticks` where no rate is known, `samples` where not even times are.
  case count(String)
  /// Hertz.
  case frequency
  /// Values of a channel.
  case value(name: String, unit: String?)

  /// What stands at the end of the axis.
  package var caption: String {
    switch self {
    case .wall: "time"
    case .seconds: "s"
    case .count(let what): what
    case .frequency: "Hz"
    case .value(let name, let unit): unit.map { "\(name) / \($0)" } ?? name
    }
  }

  /// Marks no closer than their own text and a gap; `width` is the axis' length in the units that `measure` answers in.
  package func ticks(_ range: ClosedRange<Double>, width: Double, gap: Double, measure: (String) -> Double)
    -> [Tick]
  {
    let span = range.upperBound - range.lowerBound
    guard span > 0, span.isFinite else { return [] }
    var most = max(1, Int(saturating: width / (gap + measure("00"))))
    while true {
      let ticks = marks(range, atMost: most)
      let widest = ticks.reduce(0) { max($0, measure($1.label)) }
      let room = ticks.count < 2 ? width : width * (ticks[1].value - ticks[0].value) / span
      if widest + gap <= room { return ticks }
      if most == 1 { return widest <= width ? Array(ticks.prefix(1)) : [] }
      most = max(1, min(most - 1, most * 4 / 5))
    }
  }

  private func marks(_ range: ClosedRange<Double>, atMost most: Int) -> [Tick] {
    guard case .wall(let origin, let utcOffset) = self else { return Ticks.values(range, atMost: most) }
    // Counted from a local midnight, so that steps of minutes and hours fall on full ones.
    let day: Int64 = 86_400_000_000_000
    let local = origin.addingSaturating(Int64(utcOffset) * 1_000_000_000)
    let intoDay = local.flooredRemainder(day)
    let shift = Double(intoDay) / 1e9
    let shifted = range.lowerBound + shift...range.upperBound + shift
    let step = Self.clockStep(over: shifted.upperBound - shifted.lowerBound, atMost: most)
    return Ticks.multiples(of: step, in: shifted).map { seconds in
      Tick(
        value: seconds - shift,
        label: Self.timeOfDay(seconds, days: floorDivide(local, day), step: step))
    }
  }

  /// Steps as clocks have them above a second.
  static func clockStep(over range: Double, atMost most: Int) -> Double {
    let least = range / Double(max(1, most))
    if least <= 1 { return Ticks.step(over: range, atMost: most) }
    for step in [2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200]
      as [Double]
    where step >= least * (1 - 1e-9) { return step }
    return Ticks.step(over: range / 86_400, atMost: most).rounded(.up) * 86_400
  }

  /// `14:03:07.25`: as many digits as the step needs, the date where the step is days.
  static func timeOfDay(_ seconds: Double, days: Int64, step: Double) -> String {
    let decimals = step < 1 ? min(9, Ticks.decimals(step)) : 0
    // Rounded in the last digit shown, lest 59.9999 become 60.
    let unit = pow(10, Double(decimals))
    let scaled = Int64(saturating: (seconds * unit).rounded())
    let whole = floorDivide(scaled, Int64(unit))
    let fraction = scaled.flooredRemainder(Int64(unit))
    let day = floorDivide(whole, 86_400)
    let clock = whole.flooredRemainder(86_400)
    // A day's first mark says which day.
    if step >= 86_400 || step >= 60 && clock == 0 { return date(days + day) }
    func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
    var text = "\(two(clock / 3600)):\(two(clock / 60 % 60))"
    if step < 60 { text += ":\(two(clock % 60))" }
    if decimals > 0 {
      let digits = String(Int64(unit) + fraction).dropFirst()
      text += "." + digits
    }
    return text
  }

  /// `2026-11-21` of days since 1970, by the proleptic Gregorian calendar.
  static func date(_ days: Int64) -> String {
    // Years begin in March here, so that the leap day is the last.
    let shifted = days + 719_468
    let era = floorDivide(shifted, 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * month + 2) / 5 + 1
    let civil = month < 10 ? month + 3 : month - 9
    let year = yearOfEra + era * 400 + (civil <= 2 ? 1 : 0)
    return "\(year)-\(civil < 10 ? "0" : "")\(civil)-\(day < 10 ? "0" : "")\(day)"
  }
}

func floorDivide(_ a: Int64, _ b: Int64) -> Int64 { a.flooredQuotient(b) }
