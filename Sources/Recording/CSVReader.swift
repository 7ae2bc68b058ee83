import Telemetry

/// Tables: our own by what their sidecar says, others by what their cells look like.
enum CSVReader {
  static func read(
    _ path: String, _ options: LoadOptions = LoadOptions(), _ watch: LoadWatch? = nil, head: Int? = nil
  ) throws(RecordingError) -> LoadedRecording {
    if options.isEmpty, head == nil, let sidecar = Sidecar.of(path),
      let own = try OwnTable.read(path, sidecar)
    {
      return own
    }
    var source = try source(path, options)
    if let head { source = HeadSource(source, most: head) }
    var reader = try TableReader(path, source, options, watch)
    return try reader.read()
  }

  /// The bytes of a table as UTF-8, or what is near to it.
  private static func source(_ path: String, _ options: LoadOptions) throws(RecordingError) -> any ByteSource
  {
    var source: any ByteSource = try FileSource(path)
    if path.lowercased().hasSuffix(".gz") { source = try GzipSource(path, source) }
    return try decoded(source, path, options)
  }

  /// - Parameter name: for errors.
  static func read(
    bytes: [UInt8], name: String, _ options: LoadOptions = LoadOptions()
  ) throws(RecordingError) -> LoadedRecording {
    var reader = try TableReader(name, decoded(MemorySource(bytes), name, options), options, nil)
    return try reader.read()
  }

  private static func decoded(_ source: any ByteSource, _ path: String, _ options: LoadOptions)
    throws(RecordingError)
    -> any ByteSource
  {
    var encoding = options.encoding
    if encoding == nil {
      var mark: [UInt8] = [0, 0, 0, 0]
      let got = try mark.fill(from: source)
      try source.rewind()
      encoding = guess(mark[..<got])
    }
    guard let encoding, !Encoding.isUTF8(encoding) else { return source }
    guard source.size <= Limits.loadBytes else {
      throw RecordingError(
        "too_large",
        "\(path) has \(source.size >> 20) MiB of \(encoding), and a load takes \(Limits.loadBytes >> 20) at most"
      )
    }
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let got = try chunk.fill(from: source)
      guard got > 0 else { break }
      all += chunk[..<got]
      guard all.count <= Limits.loadBytes else { throw .tooManySamples(path) }
    }
    guard let (text, bad) = all.withUnsafeBufferPointer({ Encoding.decode($0, as: encoding) }) else {
      throw .argument("nobody knows the encoding \(encoding)")
    }
    guard bad == 0 || bad < text.count / 100 else {
      throw RecordingError(
        "format", "\(path): it is no text in \(encoding)", hint: "encoding says what it is")
    }
    return MemorySource(text)
  }

  /// By its mark, or by the zeros that ASCII has in it.
  private static func guess(_ bytes: ArraySlice<UInt8>) -> String? {
    if bytes.starts(with: [0xFF, 0xFE, 0, 0]) || bytes.starts(with: [0, 0, 0xFE, 0xFF]) { return "UTF-32" }
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) { return "UTF-16" }
    guard bytes.count == 4 else { return nil }
    let zeros = bytes.map { $0 == 0 }
    if zeros == [false, true, false, true] { return "UTF-16LE" }
    if zeros == [true, false, true, false] { return "UTF-16BE" }
    return nil
  }

  /// `temp [degC]` or `temp (degC)` are a name and a unit.
  static func split(_ title: String) -> (name: String, unit: String?) {
    guard let last = title.last, last == "]" || last == ")",
      let open = title.lastIndex(of: last == "]" ? "[" : "("), open > title.startIndex
    else { return (title, nil) }
    let name = title[..<open].reversed().drop { $0 == " " }.reversed()
    return (String(name), String(title[title.index(after: open)...].dropLast()))
  }
}

/// Tables that `save` wrote: their sidecar knows what the columns are.
enum OwnTable {
  /// Nil for a table that has other columns than its sidecar.
  static func read(_ path: String, _ sidecar: Sidecar) throws(RecordingError) -> LoadedRecording? {
    let input = try InputFile(path)
    var lines = Cells(input)
    guard let head = lines.row() else { throw .format(path, "it is empty") }
    let titles = head.map { String(decoding: $0.bytes, as: UTF8.self) }
    guard let time = TimeColumn(titles[0]) else { return nil }
    let found = titles.dropFirst().map { sidecar[CSVReader.split($0).name] ?? sidecar[$0] }
    let entries = found.compactMap(\.self)
    guard entries.count == found.count, Set(entries.map(\.channel.name)).count == entries.count else {
      return nil
    }
    let channels = entries.map(\.channel)
    var builders = entries.map { SeriesBuilder($0.channel, gaps: $0.gaps) }
    let weights = builders.map { $0.channel.type.width == nil ? Limits.textWeight : 1 }
    var number = 1
    var weight = 0
    var notes: [String] = []
    while let row = lines.row() {
      number += 1
      if row.count == 1, row[0].bytes.isEmpty { continue }
      guard lines.isEnded else {
        // Cut off by a crash or a full disk: what looks like a number may be a part of one.
        notes.append("the last row, which has no line end, left out")
        break
      }
      var moment: Int64?
      if !row[0].bytes.isEmpty {
        guard let read = time.read(row[0].bytes) else {
          throw .format(path, "line \(number) has no time at its beginning")
        }
        moment = read
      }
      for place in builders.indices where place + 1 < row.count {
        let cell = row[place + 1]
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
    return LoadedRecording(
      frame: Frame(builders.map { $0.series() }, dropped: sidecar.dropped), notes: notes)
  }
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
  /// A line end stood behind the row read last.
  private(set) var isEnded = false
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
      isEnded = position < input.count
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
