import Telemetry

/// How a column, or two, say when a row was taken; nanoseconds come out of it without a detour through doubles.
struct TableTime {
  enum Form {
    /// A number times a power of ten in nanoseconds, so many decimal digits.
    case number(digits: Int)
    case ticks
    case dates(DateText.Order)
  }

  /// Where the time stands, and for dates and times apart, where the time of day does.
  var column: Int
  var timeOfDay: Int?
  var form: Form
  var clock: ClockDomain
  /// For the note.
  var text: String
  var decimal: UInt8 = 0x2E

  /// Nil for what is no time in this form.
  func read(_ cell: UnsafeBufferPointer<UInt8>) -> Int64? {
    switch form {
    case .number(let digits): Self.nanoseconds(cell, digits: digits, decimal: decimal)
    case .ticks: Self.nanoseconds(cell, digits: 0, decimal: decimal)
    case .dates(let order): DateText.read(cell, order: order).map(\.nanoseconds)
    }
  }

  /// A decimal number times ten to the `digits`, rounded to a whole one.
  static func nanoseconds(_ cell: UnsafeBufferPointer<UInt8>, digits: Int, decimal: UInt8) -> Int64? {
    var position = 0
    let isNegative = cell.first == 0x2D
    if isNegative || cell.first == 0x2B { position = 1 }
    var mantissa: UInt64 = 0
    var (shift, count, roundsUp, isCut) = (digits, 0, false, false)
    var isFraction = false
    while position < cell.count {
      let byte = cell[position]
      if byte >= 0x30, byte <= 0x39 {
        count += 1
        if isFraction, shift <= 0 {
          // Finer than a nanosecond: the first of these digits rounds.
          if !isCut { roundsUp = byte >= 0x35 }
          isCut = true
        } else {
          let (scaled, overflow) = mantissa.multipliedReportingOverflow(by: 10)
          let (sum, carry) = scaled.addingReportingOverflow(UInt64(byte - 0x30))
          guard !overflow, !carry else { return nil }
          mantissa = sum
          if isFraction { shift -= 1 }
        }
      } else if byte == decimal, !isFraction {
        isFraction = true
      } else {
        break
      }
      position += 1
    }
    guard count > 0 else { return nil }
    if position < cell.count {
      guard cell[position] | 0x20 == 0x65 else { return nil }
      return exponential(cell, digits: digits, decimal: decimal)
    }
    while shift > 0, mantissa > 0 {
      let (scaled, overflow) = mantissa.multipliedReportingOverflow(by: 10)
      guard !overflow else { return nil }
      mantissa = scaled
      shift -= 1
    }
    if roundsUp { mantissa &+= 1 }
    if isNegative {
      return mantissa <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- mantissa) : nil
    }
    return Int64(exactly: mantissa)
  }

  /// `1.5e-3`: digits and a power, put together as one number without an exponent.
  private static func exponential(_ cell: UnsafeBufferPointer<UInt8>, digits: Int, decimal: UInt8) -> Int64? {
    guard let mark = cell.firstIndex(where: { $0 | 0x20 == 0x65 }), mark > 0,
      let power = Int(String(decoding: cell[(mark + 1)...], as: UTF8.self)), (-400...400).contains(power)
    else { return nil }
    var text = Array(cell[..<mark])
    let sign = text.first == 0x2D || text.first == 0x2B ? [text.removeFirst()] : []
    let point = text.firstIndex(of: decimal) ?? text.count
    text.removeAll { $0 == decimal }
    let place = point + power
    if place < 0 { text.insert(contentsOf: [UInt8](repeating: 0x30, count: -place), at: 0) }
    if place > text.count { text += [UInt8](repeating: 0x30, count: place - text.count) }
    text.insert(decimal, at: max(0, place))
    return (sign + text).withUnsafeBufferPointer { nanoseconds($0, digits: digits, decimal: decimal) }
  }
}

/// Finds out which column is the time.
struct TableTimeSearch {
  let names: [(name: String, unit: String?)]
  let rows: [[TableHead.Cell]]
  let lines: [Int]
  let decimal: UInt8
  let options: LoadOptions

  /// Whole names, as people call such columns; the first that a table has counts.
  private static let words = [
    "timestamp", "timestamps", "time_stamp", "datetime", "date_time", "date/time", "date time", "time",
    "times", "t",
    "ts", "epoch", "unix", "unix_time", "unixtime", "utc", "utc_time", "elapsed", "elapsed_time",
    "time_elapsed",
    "zeit", "zeitstempel", "date", "datum",
  ]
  private static let units: [String: LoadOptions.TimeUnit] = [
    "s": .seconds, "sec": .seconds, "secs": .seconds, "second": .seconds, "seconds": .seconds,
    "ms": .milliseconds, "msec": .milliseconds, "millis": .milliseconds, "milliseconds": .milliseconds,
    "us": .microseconds, "µs": .microseconds, "μs": .microseconds, "usec": .microseconds,
    "micros": .microseconds,
    "microseconds": .microseconds, "ns": .nanoseconds, "nsec": .nanoseconds, "nanos": .nanoseconds,
    "nanoseconds": .nanoseconds, "ticks": .ticks, "unix_ns": .unix,
  ]
  private static let dateWords: Set<String> = ["date", "datum", "day"]
  private static let timeWords: Set<String> = [
    "time", "zeit", "uhrzeit", "clock", "time of day", "time_of_day",
  ]

  private struct Name {
    var word: String
    var unit: LoadOptions.TimeUnit?
  }

  private func name(_ place: Int) -> Name {
    let lower = names[place].name.lowercased()
    let unit = names[place].unit.map { $0.lowercased() }
    if let unit, let known = Self.units[unit] { return Name(word: lower, unit: known) }
    for (ending, known) in Self.units where lower.hasSuffix("_" + ending) {
      let word = String(lower.dropLast(ending.utf8.count + 1))
      if ending == "ns", word.hasSuffix("_unix") { return Name(word: String(word.dropLast(5)), unit: .unix) }
      return Name(word: word, unit: known)
    }
    return Name(word: lower, unit: nil)
  }

  /// Nil where nothing is a time.
  /// - Throws: `format` where a column is called so and holds something else, or a caller named one that is not there.
  func find(_ path: String) throws(RecordingError) -> TableTime? {
    switch options.time {
    case .some(.none): return nil
    case .named(let wanted):
      let exact = names.indices.first { names[$0].name == wanted }
      guard
        let place = exact
          ?? names.indices.first(where: { names[$0].name.lowercased() == wanted.lowercased() })
      else {
        let all = names.map { "\"\($0.name)\"" }.prefix(20).joined(separator: ", ")
        throw RecordingError(
          "argument", "\(path): no column is called \"\(wanted)\"", hint: "it has \(all)")
      }
      return try column(place, name(place).unit, path)
    case nil: break
    }
    let all = names.indices.map(name)
    // A date and a time of day side by side.
    if let date = all.firstIndex(where: { Self.dateWords.contains($0.word) }),
      let clock = all.indices.first(where: {
        $0 != date && Self.timeWords.contains(all[$0].word) && kind($0) == .timeOfDay
      }), kind(date) == .date
    {
      let form = try dates(date, path)
      let zone = hasOffset(clock) ? "with offset" : "local time as UTC"
      return TableTime(
        column: date, timeOfDay: clock, form: form, clock: .unix,
        text: "time columns \"\(names[date].name)\" + \"\(names[clock].name)\" (date and time, \(zone))",
        decimal: decimal)
    }
    var refused: RecordingError?
    for word in Self.words {
      for place in all.indices where all[place].word == word {
        let isKnown = kind(place) != .other
        // A column of nothing but dates, words or numbers called "date" or "t" may be anything.
        if ["date", "datum"].contains(word), kind(place) != .date, kind(place) != .moment { continue }
        if word == "t" || word == "utc" || word == "unix" || word == "elapsed", !isKnown { continue }
        do throws(RecordingError) {
          return try column(place, all[place].unit, path)
        } catch {
          if refused == nil { refused = error }
        }
      }
    }
    if let refused { throw refused }
    return nil
  }

  private enum Kind { case none, number, date, moment, timeOfDay, other }

  private func filled(_ place: Int) -> [(row: Int, cell: TableHead.Cell)] {
    rows.indices.compactMap { row in
      guard place < rows[row].count, !rows[row][place].bytes.isEmpty else { return nil }
      return (row, rows[row][place])
    }
  }

  private func kind(_ place: Int) -> Kind {
    guard let first = filled(place).first?.cell else { return .none }
    return kind(first)
  }

  private func kind(_ cell: TableHead.Cell) -> Kind {
    if cell.isNumber(decimal) { return .number }
    guard
      let moment = cell.bytes.withUnsafeBufferPointer({
        DateText.read($0) ?? DateText.read($0, order: .monthFirst)
      })
    else { return .other }
    return moment.hasDate ? (moment.hasTime ? .moment : .date) : .timeOfDay
  }

  private func hasOffset(_ place: Int) -> Bool {
    filled(place).first?.cell.bytes.withUnsafeBufferPointer { DateText.read($0)?.hasOffset } ?? false
  }

  private func column(_ place: Int, _ named: LoadOptions.TimeUnit?, _ path: String) throws(RecordingError)
    -> TableTime
  {
    let title = names[place].name
    let known = options.timeUnit ?? named
    let cells = filled(place)
    let first = cells.first(where: { kind($0.cell) != .other })?.cell ?? cells.first?.cell
    func made(_ form: TableTime.Form, _ clock: ClockDomain, _ text: String) -> TableTime {
      TableTime(
        column: place, timeOfDay: nil, form: form, clock: clock, text: "time column \"\(title)\" (\(text))",
        decimal: decimal)
    }
    guard let first else { return made(.number(digits: 9), .ticks(rate: 1e9), "seconds") }
    switch kind(first) {
    case .moment, .date:
      return made(
        try dates(place, path), .unix, hasOffset(place) ? "date and time" : "date and time, local time as UTC"
      )
    case .timeOfDay:
      return made(.dates(.dayFirst), .ticks(rate: 1e9), "time of day, seconds since midnight")
    case .number: break
    case .other, .none:
      let line = cells.first.map { lines[$0.row] } ?? 1
      throw RecordingError(
        "format",
        "\(path): line \(line): \"\(Foreign.text(first.bytes))\" in the column \"\(title)\" is no time: neither a number, "
          + "nor a date and time",
        hint: "time = false reads it as any other column, time = \"name\" says which one holds the times")
    }
    if known == .ticks { return made(.ticks, .ticks(rate: nil), "ticks") }
    if known == .unix { return made(.number(digits: 0), .unix, "ns since 1970") }
    let scales: [(unit: LoadOptions.TimeUnit, digits: Int, name: String)] = [
      (.seconds, 9, "seconds"), (.milliseconds, 6, "ms"), (.microseconds, 3, "us"), (.nanoseconds, 0, "ns"),
    ]
    // Of the years 2001 to 2286, in each unit.
    func isUnix(_ digits: Int) -> Bool {
      first.bytes.withUnsafeBufferPointer {
        guard let value = TableTime.nanoseconds($0, digits: digits, decimal: decimal) else { return false }
        return value >= 1_000_000_000_000_000_000
      }
    }
    if let known, let scale = scales.first(where: { $0.unit == known }) {
      let unix = isUnix(scale.digits)
      return made(
        .number(digits: scale.digits), unix ? .unix : .ticks(rate: 1e9),
        unix ? "\(scale.name) since 1970" : scale.name)
    }
    if let scale = scales.first(where: { isUnix($0.digits) }) {
      return made(.number(digits: scale.digits), .unix, "\(scale.name) since 1970")
    }
    let fits = first.bytes.withUnsafeBufferPointer {
      TableTime.nanoseconds($0, digits: 9, decimal: decimal) != nil
    }
    guard fits else {
      throw RecordingError(
        "format",
        "\(path): line \(cells.first.map { lines[$0.row] } ?? 1): \(Foreign.text(first.bytes)) in the column \"\(title)\" is no "
          + "number of seconds, ms, us or ns that a time has",
        hint:
          "time_unit = \"us\" (s, ms, us, ns, ticks) says what it is; time = false reads it as any other column"
      )
    }
    return made(.number(digits: 9), .ticks(rate: 1e9), "seconds")
  }

  /// Which of two numbers is the day: the first row that says so, or the caller.
  private func dates(_ place: Int, _ path: String) throws(RecordingError) -> TableTime.Form {
    if options.timeUnit == .dayFirst { return .dates(.dayFirst) }
    if options.timeUnit == .monthFirst { return .dates(.monthFirst) }
    var isOpen = false
    for (_, cell) in filled(place) {
      switch cell.bytes.withUnsafeBufferPointer({ DateText.hint($0) }) {
      case .dayFirst: return .dates(.dayFirst)
      case .monthFirst: return .dates(.monthFirst)
      case .either: isOpen = true
      case .none: break
      }
    }
    guard isOpen else { return .dates(.dayFirst) }
    throw RecordingError(
      "format",
      "\(path): in the column \"\(names[place].name)\" nothing tells whether dates begin with the day or the month",
      hint: "time_unit = \"dmy\" or time_unit = \"mdy\" says it")
  }
}
