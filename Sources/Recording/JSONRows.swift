import JSON
import Telemetry

/// JSON lines that others write: an object a line, with keys of their own; each key is a channel.
enum JSONRows {
  /// Lines of our own have a list of series.
  static func isOwn(_ input: InputFile) throws(RecordingError) -> Bool {
    var result: Bool?
    try input.forEachLine { (_, range) throws(RecordingError) in
      guard result == nil, let json = input.json(range) else { return }
      result = json["series"]?.array != nil
    }
    return result ?? true
  }

  private struct Column {
    var values: [JSON] = []
    var rows: [Int] = []
  }

  static func read(_ input: InputFile, _ options: LoadOptions) throws(RecordingError) -> LoadedRecording {
    let path = input.path
    var columns: [Column] = []
    var names: [String] = []
    var places: [String: Int] = [:]
    var (rows, weight) = (0, 0)
    var bad: (count: Int, line: Int) = (0, 0)
    var isTorn = false
    var lines: [Int] = []
    try input.forEachLine { (number, range) throws(RecordingError) in
      let text = input.bytes[range]
      if text.allSatisfy({ $0 == 0x20 || $0 == 0x0D || $0 == 0x09 || $0 == 0 }) { return }
      guard let json = input.json(range), case .object(let fields) = json else {
        if range.upperBound == input.count, input.bytes[input.count - 1] != 0x0A, rows > 0 {
          isTorn = true
        } else {
          if bad.count == 0 { bad.line = number }
          bad.count += 1
        }
        return
      }
      var flat: [(String, JSON)] = []
      flatten("", fields, &flat)
      for (name, value) in flat {
        if case .null = value { continue }
        let place: Int
        if let known = places[name] {
          place = known
        } else {
          guard columns.count < Limits.channels else { throw .format(path, "it has too many keys") }
          place = columns.count
          places[name] = place
          names.append(name)
          columns.append(Column())
        }
        // The last of two of one name counts, as everywhere.
        if columns[place].rows.last == rows {
          columns[place].values[columns[place].values.count - 1] = value
        } else {
          columns[place].values.append(value)
          columns[place].rows.append(rows)
        }
        weight += Limits.textWeight
      }
      guard weight <= Limits.loadSamples else { throw .tooManySamples(path) }
      rows += 1
      if lines.count < 100 { lines.append(number) }
    }
    guard rows > 0, bad.count * Limits.oddRows <= rows + bad.count else {
      throw .format(path, bad.count > 0 ? "line \(bad.line) is no object of JSON" : "it is empty")
    }
    var notes: [String] = []
    let head = (0..<min(rows, 100)).map { row in
      columns.map { column -> TableHead.Cell in
        guard let place = column.rows.prefix(100).firstIndex(of: row) else {
          return TableHead.Cell(bytes: [], isQuoted: false)
        }
        return TableHead.Cell(bytes: text(column.values[place]), isQuoted: false)
      }
    }
    let search = TableTimeSearch(
      names: names.map { ($0, nil) }, rows: head, lines: lines, decimal: 0x2E, options: options)
    let time = try search.find(path)
    var times: [Int64?] = []
    var timeless = 0
    if let time {
      times = [Int64?](repeating: nil, count: rows)
      var days: [Int: Int64] = [:]
      if let clock = time.timeOfDay {
        for (value, row) in zip(columns[clock].values, columns[clock].rows) { days[row] = read(time, value) }
      }
      for (value, row) in zip(columns[time.column].values, columns[time.column].rows) {
        let moment = read(time, value)
        times[row] =
          time.timeOfDay == nil
          ? moment : moment.flatMap { date in days[row].map { date.addingSaturating($0) } }
      }
      timeless = times.count { $0 == nil }
      guard timeless * Limits.oddRows <= rows else {
        throw RecordingError(
          "format",
          "\(path): \(timeless) of \(rows) lines have no time in \"\(names[time.column])\" that can be read",
          hint: "time = \"name\" says which key holds the times, time = false that none does")
      }
    }
    notes.append(time.map(\.text) ?? "no time column")
    var series: [Series] = []
    for place in columns.indices where place != time?.column && place != time?.timeOfDay {
      if let one = made(names[place], columns[place], rows, time, times, &notes) { series.append(one) }
    }
    if timeless > 0 { notes.append("\(timeless) line\(timeless == 1 ? "" : "s") without a time left out") }
    if bad.count > 0 {
      notes.append(
        "\(bad.count) line\(bad.count == 1 ? "" : "s") that are no JSON left out (line \(bad.line))")
    }
    if isTorn { notes.append("the last line, which is cut off, left out") }
    return LoadedRecording(frame: Frame(series), notes: notes)
  }

  /// Objects in objects: `imu.x`.
  private static func flatten(
    _ prefix: String, _ fields: [JSON.Member], _ result: inout [(String, JSON)]
  ) {
    for field in fields {
      let (key, value) = (field.key, field.value)
      if case .object(let inner) = value {
        flatten(prefix + key + ".", inner, &result)
      } else {
        result.append((prefix + key, value))
      }
    }
  }

  private static func read(_ time: TableTime, _ value: JSON) -> Int64? {
    text(value).withUnsafeBufferPointer { time.read($0) }
  }

  /// As it stood there.
  private static func text(_ value: JSON) -> [UInt8] {
    switch value {
    case .string(let text): Array(text.utf8)
    case .integer(let value): Array("\(value)".utf8)
    case .unsigned(let value): Array("\(value)".utf8)
    case .number(let value): Array("\(value)".utf8)
    case .bool(let value): Array("\(value)".utf8)
    case .null: []
    case .array(let values):
      Array("[".utf8) + Array(values.map { text($0) }.joined(separator: [0x2C])) + Array("]".utf8)
    case .object: Array("{}".utf8)
    }
  }

  private static func made(
    _ name: String, _ column: Column, _ rows: Int, _ time: TableTime?, _ times: [Int64?],
    _ notes: inout [String]
  ) -> Series? {
    var type: DataType?
    for value in column.values {
      let own: DataType =
        switch value {
        case .integer: .int64
        case .unsigned: .uint64
        case .number: .float64
        case .bool: .bool
        default: .string
        }
      switch (type, own) {
      case (nil, _): type = own
      case let (known?, own) where known == own: break
      case (.int64?, .float64), (.float64?, .int64), (.uint64?, .float64), (.float64?, .uint64),
        (.int64?, .uint64),
        (.uint64?, .int64):
        type = .float64
      default:
        if type != .string {
          notes.append(
            "\(name): text because of \"\(String(decoding: text(value).prefix(40), as: UTF8.self))\"")
        }
        type = .string
      }
    }
    guard var type else { return nil }
    // Without a time the place of a row is its number: what is missing is NaN, or an empty text.
    let isWhole = column.rows.count == rows
    if time == nil, !isWhole, type != .string, type != .float64 { type = .float64 }
    let channel = Channel(name: name, type: type, clock: time?.clock ?? .ticks(rate: nil))
    var builder = SeriesBuilder(channel)
    var next = 0
    for (value, row) in zip(column.values, column.rows) {
      if time != nil {
        guard let moment = times[row] else { continue }
        builder.append(time: moment)
      } else {
        while next < row {
          _ = builder.append(type == .string ? .string("") : .null)
          next += 1
        }
        next = row + 1
      }
      if type == .string {
        _ = builder.append(.string(String(decoding: text(value), as: UTF8.self)))
      } else if case .bool(let truth) = value, type == .float64 {
        _ = builder.append(.integer(truth ? 1 : 0))
      } else {
        _ = builder.append(value)
      }
    }
    if time == nil {
      while next < rows {
        _ = builder.append(type == .string ? .string("") : .null)
        next += 1
      }
    }
    return builder.series()
  }
}
