/// Dates and times of day as text, exact to the nanosecond.
///
/// Dates: `2024-01-31`, `2024/01/31`, and by `order` those that begin with the day or the month (`31.01.2024`, `1/31/24`).
/// Times: `21:00`, `21:00:05`, `9:00:05.123456789 PM`, with `.` or `,` before the fraction. Offsets: `Z`, `+01`, `+0100`, `+01:00`.
package struct DateText {
  /// Which of two numbers before the year is the day.
  package enum Order: Sendable { case dayFirst, monthFirst }

  package struct Moment {
    /// Nanoseconds since the beginning of 1970, or of the day where there is no date.
    package var nanoseconds: Int64
    package var hasDate: Bool
    package var hasTime: Bool
    package var hasOffset: Bool
  }

  /// What a date says of the order that others of its column must have.
  package enum Hint { case none, dayFirst, monthFirst, either }

  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0
  private let order: Order
  private(set) package var hint = Hint.none

  package init(_ bytes: UnsafeBufferPointer<UInt8>, order: Order = .dayFirst) {
    self.bytes = bytes
    self.order = order
  }

  /// Nil for what is no moment, or one that 64 bits of nanoseconds do not reach.
  package static func read(_ bytes: UnsafeBufferPointer<UInt8>, order: Order = .dayFirst) -> Moment? {
    var text = DateText(bytes, order: order)
    return text.moment()
  }

  package static func read(_ text: String, order: Order = .dayFirst) -> Moment? {
    var text = text
    return text.withUTF8 { read($0, order: order) }
  }

  package static func hint(_ bytes: UnsafeBufferPointer<UInt8>) -> Hint {
    var text = DateText(bytes)
    _ = text.date()
    return text.hint
  }

  private var next: UInt8 { position < bytes.count ? bytes[position] : 0 }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    position += 1
    return true
  }

  /// Digits and how many they are.
  private mutating func number(_ most: Int) -> (value: Int64, digits: Int)? {
    var value: Int64 = 0
    let begin = position
    while position < bytes.count, position - begin < most, case 0x30...0x39 = bytes[position] {
      value = value * 10 + Int64(bytes[position] - 0x30)
      position += 1
    }
    return position > begin ? (value, position - begin) : nil
  }

  package mutating func moment() -> Moment? {
    let begin = position
    var result = Moment(nanoseconds: 0, hasDate: false, hasTime: false, hasOffset: false)
    var days: Int64 = 0
    if let found = date() {
      days = found
      result.hasDate = true
      if position < bytes.count {
        guard take(0x54) || take(0x74) || take(0x20) || take(0x5F) else { return nil }
        while take(0x20) {}
      }
    } else {
      position = begin
    }
    var clock: Int64 = 0
    if position < bytes.count || !result.hasDate {
      guard let found = timeOfDay() else { return nil }
      clock = found
      result.hasTime = true
      if let offset = offset() {
        clock = clock.subtractingSaturating(offset)
        result.hasOffset = true
      }
    }
    guard position == bytes.count else { return nil }
    let (span, overflow) = days.multipliedReportingOverflow(by: 86_400_000_000_000)
    let (sum, carried) = span.addingReportingOverflow(clock)
    guard !overflow, !carried else { return nil }
    result.nanoseconds = sum
    return result
  }

  /// Days since 1970-01-01.
  private mutating func date() -> Int64? {
    guard let first = number(4) else { return nil }
    let separator = next
    guard separator == 0x2D || separator == 0x2F || separator == 0x2E else { return nil }
    position += 1
    guard let second = number(2), take(separator), let third = number(4) else { return nil }
    if case 0x30...0x39 = next { return nil }
    var (year, month, day) = (first.value, second.value, third.value)
    if first.digits <= 2 {
      guard third.digits == 4 || third.digits == 2 else { return nil }
      year = third.digits == 4 ? third.value : third.value + (third.value < 70 ? 2000 : 1900)
      if separator == 0x2E {
        (day, month) = (first.value, second.value)
      } else {
        hint = first.value > 12 ? .dayFirst : second.value > 12 ? .monthFirst : .either
        (day, month) =
          order == .dayFirst ? (first.value, second.value) : (second.value, first.value)
      }
    } else if first.digits != 4 || third.digits > 2 {
      return nil
    }
    return Self.days(year, month, day)
  }

  /// Nil for days that no month has.
  package static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64? {
    guard (1...12).contains(month), (0...9999).contains(year) else { return nil }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard day >= 1, day <= lengths[Int(month) - 1] else { return nil }
    let shifted = month <= 2 ? year - 1 : year
    let cycle = shifted.flooredQuotient(400)
    let yearOfCycle = shifted - cycle * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return cycle * 146_097 + yearOfCycle * 365 + yearOfCycle / 4 - yearOfCycle / 100 + dayOfYear - 719_468
  }

  private mutating func timeOfDay() -> Int64? {
    guard let hour = number(2), take(0x3A), let minute = number(2), minute.digits == 2 else { return nil }
    var (second, fraction): (Int64, Int64) = (0, 0)
    if take(0x3A) {
      guard let seconds = number(2), seconds.digits == 2 else { return nil }
      second = seconds.value
      if take(0x2E) || take(0x2C) {
        var scale: Int64 = 100_000_000
        let begin = position
        while position < bytes.count, case 0x30...0x39 = bytes[position] {
          // What is finer than a nanosecond is cut.
          fraction += Int64(bytes[position] - 0x30) * scale
          scale /= 10
          position += 1
        }
        guard position > begin else { return nil }
      }
    }
    var hours = hour.value
    if let half = half() {
      guard (1...12).contains(hours) else { return nil }
      hours = hours % 12 + half
    }
    // A leap second is the first of the next minute.
    guard hours < 24, minute.value < 60, second <= 60 else { return nil }
    return ((hours * 60 + minute.value) * 60 + second) * 1_000_000_000 + fraction
  }

  /// `AM` or `PM`, as hours.
  private mutating func half() -> Int64? {
    let begin = position
    while take(0x20) {}
    let letter = next & 0xDF
    guard letter == 0x41 || letter == 0x50, position + 1 < bytes.count, bytes[position + 1] & 0xDF == 0x4D
    else {
      position = begin
      return nil
    }
    position += 2
    return letter == 0x50 ? 12 : 0
  }

  /// Nanoseconds that a zone is ahead.
  private mutating func offset() -> Int64? {
    if take(0x5A) || take(0x7A) { return 0 }
    let begin = position
    while take(0x20) {}
    if bytes.count - position == 3, bytes[position...].elementsEqual("UTC".utf8) {
      position += 3
      return 0
    }
    let sign = next
    guard sign == 0x2B || sign == 0x2D else {
      position = begin
      return nil
    }
    position += 1
    guard let hours = number(2), hours.digits == 2 else { return nil }
    var minutes: Int64 = 0
    if take(0x3A) || position < bytes.count {
      guard let found = number(2), found.digits == 2 else { return nil }
      minutes = found.value
    }
    guard hours.value <= 18, minutes < 60 else {
      position = begin
      return nil
    }
    return (sign == 0x2B ? 1 : -1) * (hours.value * 60 + minutes) * 60_000_000_000
  }
}

extension DateText {
  /// `2024-01-31T09:30:00.5Z` of nanoseconds since 1970.
  package static func text(_ nanoseconds: Int64) -> String {
    let seconds = nanoseconds.flooredQuotient(1_000_000_000)
    let day = seconds.flooredQuotient(86_400)
    let second = seconds - day * 86_400
    // By the 400-year cycle that starts on a first of March.
    let shifted = day + 719_468
    let cycle = shifted.flooredQuotient(146_097)
    let dayOfCycle = shifted - cycle * 146_097
    let yearOfCycle = (dayOfCycle - dayOfCycle / 1460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
    let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
    let march = (5 * dayOfYear + 2) / 153
    let month = march < 10 ? march + 3 : march - 9
    let year = yearOfCycle + cycle * 400 + (month <= 2 ? 1 : 0)
    func padded(_ value: Int64, _ width: Int) -> String {
      let text = "\(value)"
      return String(repeating: "0", count: max(0, width - text.count)) + text
    }
    var text = "\(padded(year, 4))-\(padded(month, 2))-\(padded(dayOfYear - (153 * march + 2) / 5 + 1, 2))T"
    text += [second / 3600, second / 60 % 60, second % 60].map { padded($0, 2) }.joined(separator: ":")
    let fraction = nanoseconds.flooredRemainder(1_000_000_000)
    if fraction > 0 {
      var digits = padded(fraction, 9)
      while digits.last == "0" { digits.removeLast() }
      text += ".\(digits)"
    }
    return text + "Z"
  }
}

extension TimeStamp {
  /// `2024-01-01T00:00:00+01:00`; without an offset the time is UTC, without a time it is midnight. Nil for anything else.
  public init?(iso8601 text: String) {
    guard let moment = DateText.read(text), moment.hasDate,
      text.utf8.prefix(4).allSatisfy({ $0 >= 0x30 && $0 <= 0x39 })
    else { return nil }
    nanoseconds = moment.nanoseconds
  }
}
