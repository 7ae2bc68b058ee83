import Telemetry

/// Reads tables: our own by what their sidecar says, others by what their cells look like.
enum CSVReader {
  static func read(_ path: String) throws(RecordingError) -> Frame {
    let input = try InputFile(path)
    let sidecar = Sidecar.of(path)
    var lines = Cells(input)
    guard let head = lines.row() else { throw .format(path, "it is empty") }
    let titles = head.map { String(decoding: $0.bytes, as: UTF8.self) }
    guard titles.count > 1 || !titles[0].isEmpty, titles.count <= Limits.channels else {
      throw .format(path, "it has no columns")
    }
    let time = TimeColumn(titles[0])
    let first = time == nil ? 0 : 1
    let begin = lines.position
    let channels = try channels(titles, from: first, time, sidecar, &lines, path)
    var builders = channels.map { SeriesBuilder($0, gaps: sidecar?[$0.name]?.gaps ?? []) }
    let weights = builders.map { $0.channel.type.width == nil ? Limits.textWeight : 1 }
    lines.position = begin
    var number = 1
    var weight = 0
    while let row = lines.row() {
      number += 1
      if row.count == 1, row[0].bytes.isEmpty { continue }
      var moment: Int64?
      if let time, !row[0].bytes.isEmpty {
        guard let read = time.read(row[0].bytes) else {
          throw .format(path, "line \(number) has no time at its beginning")
        }
        moment = read
      }
      for place in builders.indices where place + first < row.count {
        let cell = row[place + first]
        guard !cell.bytes.isEmpty || cell.isQuoted else { continue }
        guard builders[place].append(cell: cell.bytes) else {
          throw .format(
            path,
            "line \(number): \"\(String(decoding: cell.bytes, as: UTF8.self))\" is no "
              + "\(channels[place].type.rawValue) of \(channels[place].name)")
        }
        builders[place].append(time: moment)
        weight += weights[place]
      }
      guard weight <= Limits.loadSamples else { throw .tooManySamples(path) }
    }
    return Frame(builders.map { $0.series() }, dropped: sidecar?.dropped ?? 0)
  }

  /// What the columns are. Without a sidecar their cells tell: whole numbers, numbers, or text.
  private static func channels(
    _ titles: [String], from first: Int, _ time: TimeColumn?, _ sidecar: Sidecar?, _ lines: inout Cells,
    _ path: String
  ) throws(RecordingError) -> [Channel] {
    let names = titles[first...].map { split($0) }
    var types = [DataType](repeating: .int64, count: names.count)
    var known: [Channel?] = names.indices.map { place in
      sidecar?[names[place].name]?.channel ?? sidecar?[titles[first + place]]?.channel
    }
    var seen: Set<String> = []
    for (name, _) in names where !seen.insert(name).inserted {
      throw .format(path, "two columns are called \"\(name)\"")
    }
    if known.contains(where: { $0 == nil }) {
      while let row = lines.row() {
        for place in names.indices where known[place] == nil && place + first < row.count {
          types[place] = wider(types[place], row[place + first])
        }
      }
    }
    for place in names.indices where known[place] == nil {
      known[place] = Channel(
        name: names[place].name, type: types[place], clock: time?.clock ?? .ticks(rate: nil),
        unit: names[place].unit)
    }
    return known.map { $0! }
  }

  private static func wider(_ type: DataType, _ cell: Cell) -> DataType {
    if cell.bytes.isEmpty, !cell.isQuoted { return type }
    if type == .string || cell.isQuoted { return .string }
    if type == .int64, NumberText.integer(cell.bytes) != nil { return .int64 }
    if type == .int64 || type == .uint64, NumberText.unsigned(cell.bytes) != nil { return .uint64 }
    return NumberText.double(cell.bytes) == nil ? .string : .float64
  }

  /// `temp [degC]` or `temp (degC)` are a name and a unit.
  static func split(_ title: String) -> (name: String, unit: String?) {
    guard let last = title.last, last == "]" || last == ")",
      let open = title.lastIndex(of: last == "]" ? "[" : "("), open > title.startIndex
    else { return (title, nil) }
    let name = title[..<open].reversed().drop { $0 == " " }.reversed()
    return (String(name), String(title[title.index(after: open)...].dropLast()))
  }

  typealias Cell = Cells.Cell
}

/// The first column, where it holds times.
struct TimeColumn {
  let clock: ClockDomain
  /// Units of the clock for one of the column.
  private let scale: Double

  /// Nil for a title that says nothing of time. Plain times are seconds.
  init?(_ title: String) {
    let (name, unit) = CSVReader.split(title)
    let word = name.lowercased()
    guard word == "t" || word.hasPrefix("time") else { return nil }
    switch (unit ?? String(word.split(separator: "_").dropFirst().last ?? "s")).lowercased() {
    case "ticks": (clock, scale) = (.ticks(rate: nil), 1)
    case "unix_ns": (clock, scale) = (.unix, 1)
    case "ns": (clock, scale) = (.ticks(rate: 1e9), 1)
    case "us", "µs": (clock, scale) = (.ticks(rate: 1e9), 1e3)
    case "ms": (clock, scale) = (.ticks(rate: 1e9), 1e6)
    default: (clock, scale) = (.ticks(rate: 1e9), 1e9)
    }
  }

  func read(_ cell: UnsafeBufferPointer<UInt8>) -> Int64? {
    if scale == 1, let whole = NumberText.integer(cell) { return whole }
    return NumberText.double(cell).flatMap { Int64(exactly: ($0 * scale).rounded()) }
  }
}

/// Rows of comma-separated values, quotes undone. What a row refers to is there until the next one.
struct Cells {
  struct Cell {
    let bytes: UnsafeBufferPointer<UInt8>
    let isQuoted: Bool
  }

  /// Text whose quotes are undone.
  private final class Undone {
    let bytes: UnsafeMutableBufferPointer<UInt8>

    init(_ text: [UInt8]) {
      bytes = .allocate(capacity: text.count + 1)
      _ = bytes.initialize(from: text + [0])
    }

    deinit { bytes.deallocate() }
  }

  private let input: InputFile
  /// Of the row read last.
  private var undone: [Undone] = []
  var position = 0

  init(_ input: InputFile) { self.input = input }

  /// The next row; nil at the end.
  mutating func row() -> [Cell]? {
    undone = []
    guard position < input.count else { return nil }
    var cells: [Cell] = []
    while true {
      cells.append(cell())
      let separator = input.bytes[position]
      if position < input.count { position += 1 }
      if separator == UInt8(ascii: ",") { continue }
      if separator == 0x0D, position < input.count, input.bytes[position] == 0x0A { position += 1 }
      return cells
    }
  }

  /// Up to the comma or the end of the line.
  private mutating func cell() -> Cell {
    if input.bytes[position] == 0x22 { return quoted() }
    let begin = position
    while position < input.count {
      let byte = input.bytes[position]
      if byte == UInt8(ascii: ",") || byte == 0x0A || byte == 0x0D { break }
      position += 1
    }
    return Cell(bytes: UnsafeBufferPointer(rebasing: input.bytes[begin..<position]), isQuoted: false)
  }

  private mutating func quoted() -> Cell {
    var text: [UInt8] = []
    position += 1
    while position < input.count {
      let byte = input.bytes[position]
      position += 1
      if byte == 0x22 {
        guard position < input.count, input.bytes[position] == 0x22 else { break }
        position += 1
      }
      text.append(byte)
    }
    while position < input.count, ![UInt8(ascii: ","), 0x0A, 0x0D].contains(input.bytes[position]) {
      position += 1
    }
    let copy = Undone(text)
    undone.append(copy)
    return Cell(bytes: UnsafeBufferPointer(rebasing: copy.bytes[..<text.count]), isQuoted: true)
  }
}
