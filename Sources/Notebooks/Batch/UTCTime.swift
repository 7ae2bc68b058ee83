/// Nanoseconds since the Unix epoch as ISO 8601 text in UTC.
package enum UTCTime {
  /// `2026-11-21T07:36:38.123456Z`
  package static func text(_ nanoseconds: Int64) -> String {
    let (seconds, rest) = floorDivide(nanoseconds, 1_000_000_000)
    let (days, inDay) = floorDivide(seconds, 86400)
    let (year, month, day) = civil(days)
    let time = "\(two(inDay / 3600)):\(two(inDay / 60 % 60)):\(two(inDay % 60))"
    let digits = "\(rest / 1000)"
    return "\(year)-\(two(month))-\(two(day))T\(time)." + String(repeating: "0", count: 6 - digits.count)
      + digits + "Z"
  }

  private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }

  private static func floorDivide(_ value: Int64, _ by: Int64) -> (Int64, Int64) {
    let rest = value % by
    return rest < 0 ? (value / by - 1, rest + by) : (value / by, rest)
  }

  /// The Gregorian date of a day counted from 1970-01-01. Years are taken to begin in March, so that the leap day
  /// comes last, and counted in eras of 400 years, which all have 146 097 days.
  private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, dayOfEra) = floorDivide(days + 719_468, 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let march = (5 * dayOfYear + 2) / 153
    let month = march < 10 ? march + 3 : march - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * march + 2) / 5 + 1)
  }
}
