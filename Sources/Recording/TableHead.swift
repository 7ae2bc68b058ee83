import Telemetry

/// What the first lines of a table say about it: delimiter, decimal sign, header, units, where the rows begin.
struct TableHead {
  struct Cell {
    var bytes: [UInt8]
    var isQuoted: Bool
    /// Its quote is not closed before the end of the file.
    var isOpen = false

    func isNumber(_ decimal: UInt8) -> Bool {
      bytes.withUnsafeBufferPointer { TableText.isNumber($0, decimal) }
    }
    var text: String { Foreign.text(bytes) }
  }

  struct Record {
    var line: Int
    /// Where it begins and where the next one does.
    var start: Int
    var end: Int
    var cells: [Cell]
    /// A sign in front of it says that it is no row.
    var isComment = false

    var isBlank: Bool { cells.allSatisfy { $0.bytes.isEmpty && !$0.isQuoted } }
  }

  var delimiter: UInt8 = 0x2C
  var decimal: UInt8 = 0x2E
  var names: [(name: String, unit: String?)] = []
  /// True for columns whose name is not the file's.
  var isNameless: [Bool] = []
  /// Where the rows begin, in bytes and lines.
  var start = 0
  var line = 1
  /// The first rows, for the search for times and types.
  var rows: [[Cell]] = []
  var rowLines: [Int] = []
  var notes: [String] = []

  private let path: String
  private let options: LoadOptions

  private static let delimiters: [UInt8] = [0x2C, 0x3B, 0x09, 0x7C]
  private static let recordsMax = 100

  /// - Parameters:
  ///   - bytes: the beginning of the file, UTF-8 or any extension of ASCII.
  ///   - isWhole: they are all of it.
  init(_ bytes: UnsafeBufferPointer<UInt8>, isWhole: Bool, _ options: LoadOptions, _ path: String)
    throws(RecordingError)
  {
    (self.path, self.options) = (path, options)
    var (begin, line) = (0, 1)
    for _ in 0..<options.skip {
      guard let next = Self.lineEnd(bytes, begin) else {
        throw .format(path, "it has fewer lines than skip says")
      }
      (begin, line) = (next, line + 1)
    }
    // What a spreadsheet leaves for the others of its kind.
    if let next = Self.lineEnd(bytes, begin) {
      let first = bytes[begin..<next].drop { $0 == 0x22 }
      if first.count >= 5, first.prefix(4).elementsEqual("sep=".utf8) {
        delimiter = first[first.startIndex + 4]
        (begin, line) = (next, line + 1)
        if options.delimiter == nil {
          try choose([delimiter], bytes, begin, line, isWhole)
          return
        }
      }
    }
    try choose(options.delimiter.map { [$0] } ?? Self.delimiters, bytes, begin, line, isWhole)
  }

  static func lineEnd(_ bytes: UnsafeBufferPointer<UInt8>, _ from: Int) -> Int? {
    var position = from
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == 0x0A { return position }
      if byte == 0x0D { return position < bytes.count && bytes[position] == 0x0A ? position + 1 : position }
    }
    return position > from ? position : nil
  }

  // MARK: - Delimiter

  private mutating func choose(
    _ candidates: [UInt8], _ bytes: UnsafeBufferPointer<UInt8>, _ begin: Int, _ line: Int, _ isWhole: Bool
  ) throws(RecordingError) {
    var best: (delimiter: UInt8, records: [Record], width: Int, score: Double)?
    func consider(_ candidate: UInt8) {
      let records = Self.records(bytes, begin, line, candidate, isWhole: isWhole)
      let rows = records.filter { !$0.isComment && !$0.isBlank }
      var counts: [Int: Int] = [:]
      for row in rows { counts[row.cells.count, default: 0] += 1 }
      guard let most = counts.max(by: { ($0.value, $0.key) < ($1.value, $1.key) }) else { return }
      let score = most.key > 1 ? Double(most.value) / Double(rows.count) : 0
      // A comma may be a decimal sign: at the same score the others are the delimiter.
      let isBetter =
        best.map { score > $0.score || score == $0.score && score > 0 && $0.delimiter == 0x2C } ?? true
      if isBetter { best = (candidate, records, most.key, score) }
    }
    for candidate in candidates { consider(candidate) }
    // Columns of numbers with blanks between them.
    if candidates.count > 1, best.map({ $0.score < 1 }) ?? false {
      let records = Self.records(bytes, begin, line, 0x20, isWhole: isWhole).filter {
        !$0.isComment && !$0.isBlank
      }
      if let last = records.last, records.count > 1, last.cells.count > 1,
        records.dropFirst().allSatisfy({
          $0.cells.count == last.cells.count && $0.cells.allSatisfy { $0.isNumber(0x2E) }
        })
      {
        consider(0x20)
      }
    }
    guard let best, best.records.contains(where: { !$0.isBlank && !$0.isComment }) else {
      throw .format(path, "it is empty")
    }
    if isWhole, let open = best.records.first(where: { $0.cells.last?.isOpen == true }) {
      throw RecordingError(
        "format", "\(path): line \(open.line): a quote is opened and never closed",
        hint: "a \" within a quoted cell is written \"\"")
    }
    delimiter = best.delimiter
    decimal = options.decimal ?? Self.decimal(best.records, delimiter)
    // Decimal commas in quotes are no delimiters; one that is asked for would be both.
    guard delimiter != decimal || options.decimal == nil else {
      throw RecordingError(
        "format", "\(path): the comma is both its delimiter and its decimal sign",
        hint: "delimiter = \";\" or decimal = \".\" says what it is")
    }
    try lay(best.records, width: best.width)
  }

  /// A comma where cells have one between digits, and none has a point there.
  private static func decimal(_ records: [Record], _ delimiter: UInt8) -> UInt8 {
    var (commas, points) = (0, 0)
    for record in records where !record.isComment {
      for cell in record.cells {
        if cell.bytes.contains(0x2C), cell.isNumber(0x2C) { commas += 1 }
        if cell.bytes.contains(0x2E), cell.isNumber(0x2E) { points += 1 }
      }
    }
    return commas > points && delimiter != 0x2C || commas > 0 && points == 0 && delimiter == 0x2C
      ? 0x2C : 0x2E
  }

  // MARK: - Records

  /// The first ones, quotes undone, blanks around cells left out. The last of a part of a file is not counted.
  private static func records(
    _ bytes: UnsafeBufferPointer<UInt8>, _ begin: Int, _ line: Int, _ delimiter: UInt8, isWhole: Bool
  ) -> [Record] {
    var result: [Record] = []
    var (position, number) = (begin, line)
    while position < bytes.count, result.count < recordsMax {
      let start = position
      // Signs before a header; a `;` may be an empty first cell.
      let isComment =
        bytes[position] == 0x23 || bytes[position] == 0x25 || bytes[position] == 0x3B && delimiter != 0x3B
        || bytes[position] == 0x2F && position + 1 < bytes.count && bytes[position + 1] == 0x2F
      var cells: [Cell] = []
      var isOpen = false
      let from = number
      loop: while true {
        let (cell, next, ends) = cell(bytes, position, delimiter, quotes: !isComment)
        position = next
        if let cell {
          if delimiter != 0x20 || !cell.bytes.isEmpty || cell.isQuoted { cells.append(cell) }
        }
        switch ends {
        case .cell: continue
        case .line:
          number += 1
          break loop
        case .file:
          isOpen = true
          break loop
        }
      }
      for byte in bytes[start..<position].dropLast() where byte == 0x0A { number += 1 }
      if isOpen, !isWhole, result.count > 0 { break }
      // A tail of zeros is no row.
      if bytes[start] == 0 { break }
      result.append(Record(line: from, start: start, end: position, cells: cells, isComment: isComment))
    }
    return result
  }

  private enum Ending { case cell, line, file }

  private static func cell(
    _ bytes: UnsafeBufferPointer<UInt8>, _ from: Int, _ delimiter: UInt8, quotes: Bool
  ) -> (Cell?, Int, Ending) {
    var position = from
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 && delimiter != 0x09 }
    while position < bytes.count, isBlank(bytes[position]) { position += 1 }
    var text: [UInt8] = []
    var isQuoted = false
    var isOpen = false
    if quotes, position < bytes.count, bytes[position] == 0x22 {
      isQuoted = true
      isOpen = true
      position += 1
      while position < bytes.count {
        let byte = bytes[position]
        position += 1
        if byte == 0x22 {
          guard position < bytes.count, bytes[position] == 0x22 else {
            isOpen = false
            break
          }
          position += 1
        }
        text.append(byte)
      }
    }
    while position < bytes.count {
      let byte = bytes[position]
      if byte == delimiter || byte == 0x0A || byte == 0x0D || delimiter == 0x20 && byte == 0x09 { break }
      if !isQuoted { text.append(byte) }
      position += 1
    }
    while !isQuoted, let last = text.last, isBlank(last) { text.removeLast() }
    guard position < bytes.count else {
      return (Cell(bytes: text, isQuoted: isQuoted, isOpen: isOpen), position, .file)
    }
    let byte = bytes[position]
    if byte == 0x0A { return (Cell(bytes: text, isQuoted: isQuoted), position + 1, .line) }
    if byte == 0x0D {
      let next = position + 1 < bytes.count && bytes[position + 1] == 0x0A ? position + 2 : position + 1
      return (Cell(bytes: text, isQuoted: isQuoted), next, .line)
    }
    return (Cell(bytes: text, isQuoted: isQuoted), position + 1, .cell)
  }

  // MARK: - Header

  private mutating func lay(_ records: [Record], width: Int) throws(RecordingError) {
    var width = width
    let rows = records.filter { !$0.isComment && !$0.isBlank }
    var first = rows.firstIndex { $0.cells.count == width } ?? 0
    var hasHeader = !isRow(rows[first])
    if first > 0, !hasHeader {
      let above = rows[first - 1]
      // Rows that end with a delimiter, under a header that does not.
      let isOpen = rows[first...].allSatisfy { $0.cells.count != width || $0.cells.last!.bytes.isEmpty }
      if isOpen, above.cells.count == width - 1, !isRow(above) {
        width -= 1
        first -= 1
        hasHeader = true
      } else if above.cells.count > 1 || delimiter == 0x2C {
        throw RecordingError(
          "format",
          "\(path): line \(rows[first].line) has \(width) cells, and line \(above.line) above it \(above.cells.count)",
          hint: "delimiter, decimal, skip = 1 or names = {…} say how to read it")
      }
    }
    let skipped = rows[..<first]
    if !skipped.isEmpty {
      notes.append("\(skipped.count) line\(skipped.count == 1 ? "" : "s") above the header left out")
    }
    guard width <= Limits.channels else { throw .format(path, "it has too many columns") }
    var header = hasHeader ? rows[first].cells : []
    (start, line) =
      hasHeader
      ? (rows[first].end, rows[first].line + lines(rows[first])) : (rows[first].start, rows[first].line)
    if !hasHeader, let comment = records.last(where: { $0.isComment && $0.end <= rows[first].start }),
      let cells = title(comment, width)
    {
      header = cells
      hasHeader = true
    }
    var body = hasHeader && start == rows[first].end ? Array(rows[(first + 1)...]) : Array(rows[first...])
    name(header, width)
    takeUnits(&body)
    self.rows = body.map(\.cells)
    rowLines = body.map(\.line)
    if let names = options.names {
      guard names.count == width else {
        throw RecordingError(
          "argument", "\(path): it has \(width) columns, and \(names.count) names are given")
      }
      self.names = names.map { CSVReader.split($0) }
      isNameless = [Bool](repeating: false, count: width)
    } else if !hasHeader {
      notes.append("no header: its columns are called column1 to column\(width)")
    }
    unique()
  }

  private func lines(_ record: Record) -> Int {
    1 + record.cells.reduce(0) { $0 + $1.bytes.count { $0 == 0x0A } }
  }

  /// Numbers, dates, and what is missing; at least one of them is there.
  private func isRow(_ record: Record) -> Bool {
    var hasValue = false
    for cell in record.cells where !cell.bytes.isEmpty {
      let isValue =
        cell.isNumber(decimal) || cell.bytes.withUnsafeBufferPointer { DateText.read($0) != nil }
      if !isValue, !TableText.isMissing(cell.bytes, options.missing) { return false }
      hasValue = hasValue || isValue
    }
    return hasValue
  }

  /// A comment that names the columns below it: `# time,a`.
  private func title(_ comment: Record, _ width: Int) -> [Cell]? {
    var text = Array(comment.cells.first?.bytes.drop { [0x23, 0x25, 0x2F, 0x3B, 0x20].contains($0) } ?? [])
    while text.last == 0x20 { text.removeLast() }
    var cells = comment.cells
    if delimiter == 0x20, text.isEmpty { cells.removeFirst() } else { cells[0].bytes = text }
    guard cells.count == width, cells.count > 1 || !text.contains(0x20),
      !isRow(Record(line: 0, start: 0, end: 0, cells: cells))
    else { return nil }
    return cells
  }

  private mutating func name(_ header: [Cell], _ width: Int) {
    for place in 0..<width {
      let title = place < header.count ? header[place].text : ""
      isNameless.append(title.isEmpty)
      names.append(title.isEmpty ? ("column\(place + 1)", nil) : CSVReader.split(title))
    }
  }

  /// A row without any number above rows of numbers gives the units.
  private mutating func takeUnits(_ body: inout [Record]) {
    guard body.count > 1, let units = body.first, units.cells.count == names.count, options.names == nil
    else { return }
    let below = body[1].cells
    var isUnits = false
    for (place, cell) in units.cells.enumerated() where !cell.bytes.isEmpty {
      let isPlain =
        cell.bytes.count <= 24 && !cell.isNumber(decimal)
        && !cell.bytes.withUnsafeBufferPointer { DateText.read($0) != nil }
        && !TableText.isMissing(cell.bytes, options.missing)
      guard isPlain, place < below.count,
        below[place].isNumber(decimal)
          || below[place].bytes.withUnsafeBufferPointer({ DateText.read($0) != nil })
      else { return }
      isUnits = true
    }
    guard isUnits else { return }
    for place in names.indices where names[place].unit == nil && !units.cells[place].bytes.isEmpty {
      var text = units.cells[place].text
      if let first = text.first, let last = text.last,
        first == "[" && last == "]" || first == "(" && last == ")"
      {
        text = String(text.dropFirst().dropLast())
      }
      names[place].unit = text
    }
    notes.append("units from line \(units.line)")
    (start, line) = (units.end, units.line + 1)
    body.removeFirst()
  }

  /// `a`, `a_2`: no two channels of one name.
  private mutating func unique() {
    let originals = Set(names.map(\.name))
    var taken = Set<String>()
    var counts: [String: Int] = [:]
    var renamed: [String] = []
    for place in names.indices {
      let original = names[place].name
      var name = original
      if taken.contains(name) {
        var number = counts[original] ?? 1
        repeat {
          number += 1
          name = "\(original)_\(number)"
        } while originals.contains(name) || taken.contains(name)
        counts[original] = number
        renamed.append(name)
      }
      taken.insert(name)
      names[place].name = name
    }
    if !renamed.isEmpty {
      notes.append(
        "columns of one name: \(renamed.prefix(5).joined(separator: ", "))\(renamed.count > 5 ? ", …" : "")")
    }
  }
}

/// Single cells of tables.
enum TableText {
  private static let missing: Set<String> = [
    "na", "n/a", "#n/a", "#na", "nan", "null", "none", "nil", "-", "--", "?", "#value!", "#div/0!", "missing",
    "(null)",
  ]

  static func isMissing(_ cell: some Collection<UInt8>, _ more: [String]) -> Bool {
    guard cell.count <= 64 else { return false }
    let text = String(decoding: cell, as: UTF8.self)
    return text.isEmpty || missing.contains(text.lowercased()) || more.contains(text)
  }

  /// One of the words for a missing value that a caller gave.
  static func isNamed(_ cell: some Collection<UInt8>, _ words: [String]) -> Bool {
    !words.isEmpty && cell.count <= 64 && words.contains(String(decoding: cell, as: UTF8.self))
  }

  /// A number, `inf` and `nan` among them, that fills the cell.
  static func number(_ cell: UnsafeBufferPointer<UInt8>, _ decimal: UInt8) -> NumberScanner.Result? {
    guard let start = cell.baseAddress, cell.count > 0, cell.count < 512 else { return nil }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: cell.count + 1) { copy in
      _ = copy.initialize(from: cell)
      copy[cell.count] = 0
      let base = UnsafePointer(copy.baseAddress!)
      let result = NumberScanner(decimal: decimal).scan(base)
      if result.kind != .none {
        guard result.end == base + cell.count else { return nil }
        return NumberScanner.Result(kind: result.kind, bits: result.bits, end: start + cell.count)
      }
      let sign: Double = cell[0] == 0x2D ? -1 : 1
      let word = String(decoding: cell[0] == 0x2D || cell[0] == 0x2B ? cell[1...] : cell[0...], as: UTF8.self)
      let value: Double
      switch word.lowercased() {
      case "inf", "infinity": value = sign * .infinity
      case "nan": value = .nan
      default: return nil
      }
      return NumberScanner.Result(kind: .double, bits: value.bitPattern, end: start + cell.count)
    }
  }

  static func isNumber(_ cell: UnsafeBufferPointer<UInt8>, _ decimal: UInt8) -> Bool {
    number(cell, decimal) != nil
  }
}
