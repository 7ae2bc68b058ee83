import Glibc
import Telemetry

/// The bytes of a table, as much of them at once as a window holds; a zero byte stands behind.
struct TableWindow {
  private let source: any ByteSource
  private let path: String
  private(set) var base: UnsafeMutablePointer<UInt8>
  private(set) var count = 0
  private(set) var isAtEnd = false
  /// Bytes before the window.
  private(set) var offset = 0
  private var capacity = Limits.tableBytes

  init(_ source: any ByteSource, _ path: String) {
    (self.source, self.path) = (source, path)
    base = .allocate(capacity: capacity + 1)
    base[0] = 0
  }

  func deallocate() { base.deallocate() }

  mutating func rewind() throws(RecordingError) {
    try source.rewind()
    (count, offset, isAtEnd) = (0, 0, false)
    base[0] = 0
  }

  /// Reads on; bytes from a place on stay, and are at the beginning then.
  mutating func refill(keeping from: Int, _ watch: LoadWatch?) throws(RecordingError) {
    let left = count - from
    if left > capacity / 2 {
      guard capacity < Limits.rowBytes else {
        throw RecordingError("format", "\(path): a row of it is longer than \(Limits.rowBytes >> 20) MiB")
      }
      let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: 2 * capacity + 1)
      larger.update(from: base + from, count: left)
      base.deallocate()
      base = larger
      capacity *= 2
    } else if left > 0, from > 0 {
      memmove(base, base + from, left)
    }
    offset += from
    count = left
    while count < capacity, !isAtEnd {
      let got = try source.read(UnsafeMutableRawBufferPointer(start: base + count, count: capacity - count))
      if got == 0 { isAtEnd = true }
      count += got
    }
    base[count] = 0
    try watch?.report(source.taken, of: source.size)
  }
}

/// Values of one column while a table is read: eight bytes each, or texts.
struct TableColumn {
  enum Kind: UInt8 { case integer, unsigned, float, text, skipped }

  var kind = Kind.integer
  private(set) var values: UnsafeMutablePointer<UInt64>
  private var capacity: Int
  private(set) var count = 0
  var texts: [[UInt8]] = []
  /// Rows of the samples, once one has none.
  var rows: [UInt32] = []
  var isSparse = false
  var hasNegative = false
  /// The row that brought its last value.
  var lastRow = -1
  /// Cells with something in them.
  var filled = 0
  /// A cell that is no number, in a column that was taken for numbers.
  var odd: (line: Int, text: String)?
  var oddCount = 0
  var oddRow = -1
  var missing = 0
  var missingRow = -1

  init(capacity: Int) {
    self.capacity = capacity
    values = UnsafeMutableRawPointer(malloc(capacity * 8)!).assumingMemoryBound(to: UInt64.self)
  }

  func deallocate() { free(values) }

  /// Gives the memory back; what was copied from it is elsewhere.
  mutating func release() {
    free(values)
    values = UnsafeMutableRawPointer(malloc(8)!).assumingMemoryBound(to: UInt64.self)
    (capacity, count, texts, rows) = (1, 0, [], [])
  }

  @inline(__always)
  mutating func append(_ bits: UInt64) {
    if count == capacity { grow() }
    values[count] = bits
    count &+= 1
  }

  /// The system moves pages instead of copying them, and those that were never written are none.
  private mutating func grow() {
    capacity *= 2
    values = UnsafeMutableRawPointer(realloc(values, capacity * 8)!).assumingMemoryBound(to: UInt64.self)
  }

  mutating func removeLast() {
    if kind == .text { texts.removeLast() } else { count -= 1 }
    if isSparse { rows.removeLast() }
  }

  var length: Int { kind == .text ? texts.count : count }

  mutating func reset() {
    count = 0
    texts = []
    rows = []
    (isSparse, lastRow, filled, missing) = (false, -1, 0, 0)
  }

  /// From here on some rows have no value.
  mutating func becomeSparse() {
    guard !isSparse else { return }
    isSparse = true
    rows = (0..<UInt32(length)).map { $0 }
  }

  mutating func widen(to wider: Kind) {
    if wider == .float {
      for place in 0..<count {
        let bits = values[place]
        values[place] = (kind == .unsigned ? Double(bits) : Double(Int64(bitPattern: bits))).bitPattern
      }
    }
    kind = wider
  }
}

/// Reads a table that others wrote, in one pass over its bytes, in two where a column turns out to be text.
struct TableReader {
  private let path: String
  private let options: LoadOptions
  private let watch: LoadWatch?
  private let source: any ByteSource
  private var window: TableWindow
  private var head: TableHead
  private var time: TableTime?
  private var notes: [String] = []

  // Of the pass that runs.
  private var columns: UnsafeMutablePointer<TableColumn>
  private let width: Int
  private var times: TableColumn
  private var rows = 0
  private var line = 1
  private var odd: (count: Int, line: Int, cells: Int) = (0, 0, 0)
  private var badTimes: (count: Int, line: Int, text: String) = (0, 0, "")
  private var timeless = 0
  private var comments = 0
  private var zeros = 0
  private var tornRow = false
  private var openEnd = false
  private var weight = 0

  init(_ path: String, _ source: any ByteSource, _ options: LoadOptions, _ watch: LoadWatch?)
    throws(RecordingError)
  {
    (self.path, self.source, self.options, self.watch) = (path, source, options, watch)
    var window = TableWindow(source, path)
    do throws(RecordingError) {
      try window.refill(keeping: 0, watch)
      let mark = Self.mark(window)
      let bytes = UnsafeBufferPointer(start: window.base + mark, count: window.count - mark)
      let head = try TableHead(bytes, isWhole: window.isAtEnd, options, path)
      let search = TableTimeSearch(
        names: head.names, rows: head.rows, lines: head.rowLines, decimal: head.decimal, options: options)
      time = try search.find(path)
      self.head = head
      self.window = window
      width = head.names.count
    } catch {
      window.deallocate()
      throw error
    }
    columns = .allocate(capacity: width)
    let room = min(4096, max(16, (1 << 20) / max(1, width)))
    for place in 0..<width { (columns + place).initialize(to: TableColumn(capacity: room)) }
    times = TableColumn(capacity: room)
    if let time {
      columns[time.column].kind = .skipped
      if let second = time.timeOfDay { columns[second].kind = .skipped }
    }
    // Columns of words are read as such at once.
    for place in 0..<width where columns[place].kind != .skipped {
      let cells = head.rows.compactMap { place < $0.count && !$0[place].bytes.isEmpty ? $0[place] : nil }
      if !cells.isEmpty,
        cells.allSatisfy({ !$0.isNumber(head.decimal) && !TableText.isMissing($0.bytes, options.missing) })
      {
        columns[place].kind = .text
      }
    }
  }

  /// A byte order mark is no part of the text.
  private static func mark(_ window: TableWindow) -> Int {
    window.count >= 3 && window.base[0] == 0xEF && window.base[1] == 0xBB && window.base[2] == 0xBF ? 3 : 0
  }

  mutating func read() throws(RecordingError) -> LoadedRecording {
    defer {
      window.deallocate()
      for place in 0..<width { columns[place].deallocate() }
      columns.deinitialize(count: width)
      columns.deallocate()
      times.deallocate()
    }
    try pass()
    // What was taken for numbers and is text is read once more.
    var again = false
    for place in 0..<width where columns[place].odd != nil && columns[place].kind != .text {
      columns[place].kind = .text
      again = true
    }
    if again {
      for place in 0..<width { columns[place].reset() }
      times.reset()
      (rows, weight, comments, zeros, timeless) = (0, 0, 0, 0, 0)
      (odd.count, badTimes.count, tornRow, openEnd) = (0, 0, false, false)
      try pass()
    }
    try judge()
    return result()
  }

  // MARK: - Rows

  private mutating func pass() throws(RecordingError) {
    try window.rewind()
    try window.refill(keeping: 0, watch)
    var begin = head.start + Self.mark(window)
    while begin > window.count, !window.isAtEnd {
      begin -= window.count
      try window.refill(keeping: window.count, watch)
    }
    line = head.line
    var keep = min(begin, window.count)
    while true {
      keep = try scan(from: keep)
      if window.isAtEnd, keep >= window.count { break }
      guard weight <= Limits.loadSamples else { throw .tooManySamples(path) }
      if window.isAtEnd { break }
      try window.refill(keeping: keep, watch)
      keep = 0
    }
    guard weight <= Limits.loadSamples else { throw .tooManySamples(path) }
  }

  /// All rows of the window that are whole; answers where the first one begins that is not.
  private mutating func scan(from: Int) throws(RecordingError) -> Int {
    let base = UnsafePointer(window.base)
    let end = base + window.count
    let isAtEnd = window.isAtEnd
    // Where the comma is both, decimal commas stand in quotes: outside them it is the delimiter.
    let numbers = NumberScanner(decimal: head.decimal == head.delimiter ? 0x2E : head.decimal)
    // Numbers may stand for a missing value, too.
    let isPlain = options.missing.isEmpty
    let delimiter = head.delimiter
    let spaced = delimiter == 0x20
    let (timeColumn, clockColumn) = (time?.column ?? -1, time?.timeOfDay ?? -1)
    var p = base + from
    while p < end {
      let byte = p.pointee
      if byte == 0x0A {
        p += 1
        line &+= 1
        continue
      }
      if byte == 0x0D {
        if p + 1 == end, !isAtEnd { break }
        p += 1
        if p < end, p.pointee == 0x0A { p += 1 }
        line &+= 1
        continue
      }
      if byte == 0x20 || byte == 0x09 {
        var q = p
        while q.pointee == 0x20 || q.pointee == 0x09 { q += 1 }
        if q == end, !isAtEnd { break }
        if q == end || q.pointee == 0x0A || q.pointee == 0x0D, !(byte == delimiter && width > 1) || spaced {
          p = q
          continue
        }
      }
      if byte == 0 {
        // Left by a device that lost its power.
        let start = p
        while p < end, p.pointee == 0 { p += 1 }
        zeros += p - start
        continue
      }
      let start = p
      let row = rows
      var place = 0
      var hasMore = false
      var isBlankRow = true
      var moment: Int64?
      var day: Int64?
      var isBadTime = false
      var lines = 1
      cells: while true {
        while p.pointee == 0x20 || p.pointee == 0x09 && delimiter != 0x09 { p += 1 }
        if spaced, p.pointee == 0x0A || p.pointee == 0x0D || p == end {
          if place > 0 { place -= 1 }
        } else if isPlain, place < width, columns[place].kind.rawValue <= TableColumn.Kind.float.rawValue {
          let number = numbers.scan(p)
          var q = number.end
          let found = number.kind
          if found != .none {
            while q.pointee == 0x20 || q.pointee == 0x09 && delimiter != 0x09 { q += 1 }
          }
          let byte = q.pointee
          let isEnd =
            found != .none
            && (byte == delimiter || byte == 0x0A || byte == 0x0D || q == end && isAtEnd
              || spaced && q > number.end)
          if isEnd {
            p = spaced && q > number.end && byte != 0x0A && byte != 0x0D && q != end ? q - 1 : q
            isBlankRow = false
            let column = columns + place
            switch (column.pointee.kind, found) {
            case (.float, .double): column.pointee.append(number.bits)
            case (.float, .integer): column.pointee.append(Double(Int64(bitPattern: number.bits)).bitPattern)
            case (.integer, .integer):
              if Int64(bitPattern: number.bits) < 0 { column.pointee.hasNegative = true }
              column.pointee.append(number.bits)
            default: append(number, to: column)
            }
            if column.pointee.isSparse { column.pointee.rows.append(UInt32(row)) }
            column.pointee.lastRow = row
            column.pointee.filled &+= 1
          } else {
            guard let cell = try cell(p, end, isAtEnd, lines), isAtEnd || cell.next < end else {
              undo(row)
              return start - base
            }
            p = cell.next
            lines += cell.lines
            if !cell.isEmpty { isBlankRow = false }
            take(cell, place, row)
          }
        } else {
          guard let cell = try cell(p, end, isAtEnd, lines), isAtEnd || cell.next < end else {
            undo(row)
            return start - base
          }
          p = cell.next
          lines += cell.lines
          if !cell.isEmpty { isBlankRow = false }
          if place == timeColumn || place == clockColumn {
            if !cell.bytes.isEmpty {
              if let read = time!.read(cell.bytes) {
                if place == timeColumn { moment = read } else { day = read }
              } else if !TableText.isMissing(cell.bytes, options.missing) {
                isBadTime = true
                if badTimes.count == 0 { badTimes = (0, line + lines - 1, Foreign.text(cell.bytes)) }
              }
            }
          } else if place < width {
            take(cell, place, row)
          } else if !cell.bytes.isEmpty {
            hasMore = true
          }
        }
        place += 1
        let byte = p.pointee
        if byte == delimiter, p < end {
          p += 1
          continue cells
        }
        if byte == 0x0A {
          p += 1
        } else if byte == 0x0D {
          if p + 1 == end, !isAtEnd {
            undo(row)
            return start - base
          }
          p += 1
          if p < end, p.pointee == 0x0A { p += 1 }
        } else if p == end, isAtEnd {
          openEnd = true
        } else if p == end {
          undo(row)
          return start - base
        } else {
          // Nothing but a line end or a delimiter stands behind a cell; a zero byte that does makes the row an odd one.
          while p < end, p.pointee != 0x0A, p.pointee != 0x0D { p += 1 }
          if p == end, !isAtEnd {
            undo(row)
            return start - base
          }
          hasMore = true
          continue cells
        }
        break cells
      }
      let isTorn = openEnd && p == end
      if isTorn, place < width || isUnfinished(p[-1]) {
        undo(row)
        tornRow = true
        break
      }
      if isBlankRow, place == 1 || place < width {
        undo(row)
      } else if place < width || hasMore {
        undo(row)
        if start.pointee == 0x23 || start.pointee == 0x25 {
          comments += 1
        } else {
          if odd.count == 0 { (odd.line, odd.cells) = (line, place) }
          odd.count += 1
        }
      } else if let time {
        if time.timeOfDay != nil {
          moment = moment.flatMap { date in day.map { date.addingSaturating($0) } }
        }
        if isBadTime {
          undo(row)
          badTimes.count += 1
        } else if let moment {
          times.append(UInt64(bitPattern: moment))
          rows += 1
        } else {
          undo(row)
          timeless += 1
        }
      } else {
        rows += 1
      }
      line &+= lines
      if rows & 0xFFF == 0 {
        weigh()
        guard weight <= Limits.loadSamples else { throw .tooManySamples(path) }
      }
    }
    weigh()
    return p - base
  }

  private mutating func weigh() {
    weight = times.count
    for place in 0..<width {
      weight += columns[place].count + columns[place].texts.count * Limits.textWeight
    }
  }

  private func isUnfinished(_ last: UInt8) -> Bool {
    last == head.decimal || last == 0x2D || last == 0x2B
  }

  /// Takes back what a row has brought.
  private mutating func undo(_ row: Int) {
    for place in 0..<width where columns[place].lastRow == row && columns[place].length > 0 {
      columns[place].removeLast()
      if columns[place].filled > 0 { columns[place].filled -= 1 }
      if columns[place].missingRow == row { columns[place].missing -= 1 }
      if columns[place].oddRow == row { columns[place].oddCount -= 1 }
      if columns[place].oddCount == 0, columns[place].kind != .text { columns[place].odd = nil }
      (columns[place].lastRow, columns[place].missingRow, columns[place].oddRow) = (-1, -1, -1)
    }
  }

  // MARK: - Cells

  private struct Cell {
    var bytes: UnsafeBufferPointer<UInt8>
    var next: UnsafePointer<UInt8>
    var isQuoted = false
    var lines = 0
    var isEmpty: Bool { bytes.isEmpty && !isQuoted }
  }

  /// Text whose quotes are undone; of one cell at a time.
  private final class Scratch {
    private(set) var memory = UnsafeMutablePointer<UInt8>.allocate(capacity: 64)
    private var capacity = 64

    deinit { memory.deallocate() }

    func undo(_ raw: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
      if capacity < raw.count {
        memory.deallocate()
        capacity = 2 * raw.count
        memory = .allocate(capacity: capacity)
      }
      var (place, count) = (0, 0)
      while place < raw.count {
        memory[count] = raw[place]
        count += 1
        place += raw[place] == 0x22 ? 2 : 1
      }
      return UnsafeBufferPointer(start: memory, count: count)
    }
  }

  private let scratch = Scratch()

  /// Nil where it goes on behind the window.
  private mutating func cell(
    _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ isAtEnd: Bool, _ lines: Int
  ) throws(RecordingError) -> Cell? {
    var p = start
    let delimiter = head.delimiter
    if p < end, p.pointee == 0x22 { return try quoted(start, end, isAtEnd, lines) }
    while p < end, p.pointee != delimiter, p.pointee != 0x0A, p.pointee != 0x0D {
      if delimiter == 0x20, p.pointee == 0x09 { break }
      p += 1
    }
    var last = p
    while last > start, last[-1] == 0x20 || last[-1] == 0x09 && delimiter != 0x09 { last -= 1 }
    return Cell(bytes: UnsafeBufferPointer(start: start, count: last - start), next: p)
  }

  private mutating func quoted(
    _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ isAtEnd: Bool, _ lines: Int
  ) throws(RecordingError) -> Cell? {
    var p = start + 1
    var breaks = 0
    var hasQuotes = false
    var last = p
    while true {
      guard p < end else {
        guard isAtEnd else { return nil }
        throw RecordingError(
          "format", "\(path): line \(line + lines - 1): a quote is opened and never closed",
          hint: "a \" within a quoted cell is written \"\"")
      }
      let byte = p.pointee
      if byte == 0x22 {
        if p + 1 < end, p[1] == 0x22 {
          hasQuotes = true
          p += 2
          continue
        }
        if p + 1 == end, !isAtEnd { return nil }
        last = p
        p += 1
        break
      }
      if byte == 0x0A || byte == 0x0D && (p + 1 >= end || p[1] != 0x0A) { breaks += 1 }
      p += 1
    }
    while p < end, p.pointee == 0x20 || p.pointee == 0x09 && head.delimiter != 0x09 { p += 1 }
    if p == end, !isAtEnd { return nil }
    guard
      p == end || p.pointee == head.delimiter || p.pointee == 0x0A || p.pointee == 0x0D
        || head.delimiter == 0x20
    else {
      throw RecordingError(
        "format",
        "\(path): line \(line + lines + breaks - 1): text stands between a closing quote and the delimiter",
        hint: "a \" within a quoted cell is written \"\"; delimiter says what is between cells")
    }
    if head.delimiter == 0x20, p > last + 1 { p -= 1 }
    let raw = UnsafeBufferPointer(start: start + 1, count: last - start - 1)
    guard hasQuotes else { return Cell(bytes: raw, next: p, isQuoted: true, lines: breaks) }
    return Cell(bytes: scratch.undo(raw), next: p, isQuoted: true, lines: breaks)
  }

  /// A number that its column has no place for yet.
  private func append(_ number: NumberScanner.Result, to column: UnsafeMutablePointer<TableColumn>) {
    switch (column.pointee.kind, number.kind) {
    case (.integer, .unsigned) where !column.pointee.hasNegative: column.pointee.widen(to: .unsigned)
    case (.integer, .integer): if Int64(bitPattern: number.bits) < 0 { column.pointee.hasNegative = true }
    case (.unsigned, .integer) where Int64(bitPattern: number.bits) >= 0: break
    case (.unsigned, .unsigned): break
    default: if column.pointee.kind != .float { column.pointee.widen(to: .float) }
    }
    guard column.pointee.kind == .float else { return column.pointee.append(number.bits) }
    switch number.kind {
    case .integer: column.pointee.append(Double(Int64(bitPattern: number.bits)).bitPattern)
    case .unsigned: column.pointee.append(Double(number.bits).bitPattern)
    default: column.pointee.append(number.bits)
    }
  }

  /// A cell that is no plain number: quoted, empty, missing, or text.
  private mutating func take(_ cell: Cell, _ place: Int, _ row: Int) {
    let column = columns + place
    if column.pointee.kind == .text {
      if cell.isEmpty, time != nil {
        column.pointee.becomeSparse()
        return
      }
      if !cell.bytes.isEmpty { column.pointee.filled += 1 }
      column.pointee.texts.append(
        Foreign.isUTF8(cell.bytes) ? Array(cell.bytes) : Array(Foreign.text(cell.bytes).utf8))
    } else if cell.bytes.isEmpty {
      // With a time a row says when; without one, only its place does.
      if time != nil {
        column.pointee.becomeSparse()
        return
      }
      column.pointee.missing += 1
      column.pointee.missingRow = row
      append(NumberScanner.Result(kind: .double, bits: Double.nan.bitPattern, end: cell.next), to: column)
    } else if !TableText.isNamed(cell.bytes, options.missing),
      let number = TableText.number(cell.bytes, head.decimal)
    {
      column.pointee.filled += 1
      append(number, to: column)
    } else {
      column.pointee.filled += 1
      if !TableText.isMissing(cell.bytes, options.missing) {
        column.pointee.oddCount += 1
        column.pointee.oddRow = row
        if column.pointee.odd == nil {
          column.pointee.odd = (line, String(Foreign.text(cell.bytes).prefix(40)))
        }
      } else {
        column.pointee.missing += 1
        column.pointee.missingRow = row
      }
      append(NumberScanner.Result(kind: .double, bits: Double.nan.bitPattern, end: cell.next), to: column)
    }
    if column.pointee.isSparse { column.pointee.rows.append(UInt32(row)) }
    column.pointee.lastRow = row
  }

  // MARK: - Result

  /// Few rows may be left out; many say that the table is another than was thought.
  private func judge() throws(RecordingError) {
    let all = rows + odd.count + badTimes.count
    if odd.count * Limits.oddRows > all {
      throw RecordingError(
        "format",
        "\(path): line \(odd.line) has \(odd.cells) cell\(odd.cells == 1 ? "" : "s"), and the table \(width) columns"
          + (odd.count > 1 ? "; so do \(odd.count - 1) others" : ""),
        hint: "delimiter, decimal, skip = 1 or names = {…} say how to read it")
    }
    if badTimes.count * Limits.oddRows > all, let time {
      throw RecordingError(
        "format",
        "\(path): line \(badTimes.line): \"\(badTimes.text)\" is no time of the column \"\(head.names[time.column].name)\"",
        hint:
          "time_unit says how times are written, time = \"name\" which column holds them, time = false that none does"
      )
    }
  }

  private func result() -> LoadedRecording {
    var decided: [String] = []
    let names = [0x2C: ",", 0x3B: ";", 0x09: "tab", 0x7C: "|", 0x20: "blanks"]
    if width > 1, head.delimiter != 0x2C || options.delimiter != nil {
      decided.append(
        "delimiter \(names[Int(head.delimiter)] ?? String(decoding: [head.delimiter], as: UTF8.self))")
    }
    if head.decimal == 0x2C { decided.append("decimal comma") }
    decided.append(time.map(\.text) ?? "no time column")
    var notes = [decided.joined(separator: ", ")] + head.notes
    if let leap = slow() { notes.append(leap) }
    var series: [Series] = []
    var empty = 0
    let shared = sharedTiming()
    for place in 0..<width where columns[place].kind != .skipped {
      if head.isNameless[place], columns[place].filled == 0, options.names == nil {
        empty += 1
        continue
      }
      if head.isNameless[place], head.notes.allSatisfy({ !$0.hasPrefix("no header") }) {
        notes.append("a column without a name is called \(head.names[place].name)")
      }
      if let odd = columns[place].odd, columns[place].oddCount < columns[place].filled {
        notes.append("\(head.names[place].name): text because of \"\(odd.text)\" in line \(odd.line)")
      }
      if columns[place].missing > 0, columns[place].kind != .text {
        notes.append("\(head.names[place].name): \(columns[place].missing) missing (NaN)")
      }
      series.append(made(place, shared))
    }
    if notes.count > 12 {
      let more = notes.count - 11
      notes = Array(notes[..<11]) + ["and \(more) more"]
    }
    func left(_ count: Int, _ what: String, _ more: String = "") {
      if count > 0 { notes.append("\(count) \(what)\(count == 1 ? "" : "s")\(more) left out") }
    }
    left(empty, "empty column")
    left(odd.count, "row", " of another length (line \(odd.line))")
    left(badTimes.count, "row", " without a time that can be read (line \(badTimes.line))")
    left(timeless, "row", " without a time")
    left(comments, "comment")
    left(zeros, "zero byte")
    if tornRow { notes.append("the last row, which is cut off, left out") }
    if let note = source.note { notes.append(note) }
    return LoadedRecording(frame: Frame(series), notes: notes)
  }

  /// Seconds are a guess where nothing says so: rows that are further apart than a day are unlikely.
  private func slow() -> String? {
    guard let time, case .number(digits: 9) = time.form, time.clock != .unix, options.timeUnit == nil,
      times.count > 1
    else { return nil }
    let step = Int64(bitPattern: times.values[1]).subtractingSaturating(Int64(bitPattern: times.values[0]))
    guard step >= 3600 * 1_000_000_000 else { return nil }
    return "a row every \(step / 1_000_000_000) s: time_unit = \"us\" (ms, us, ns) if these are no seconds"
  }

  private enum SharedTiming {
    case none
    case runs([(range: Range<Int>, step: Step)])
    case stamps(SampleStorage)
  }

  /// One for all columns that have a value in each row.
  private func sharedTiming() -> SharedTiming {
    guard time != nil, times.count > 0 else { return .none }
    let all = UnsafeRawBufferPointer(start: times.values, count: times.count * 8)
    return Self.timing(all.assumingMemoryBound(to: Int64.self))
  }

  private static func timing(_ times: UnsafeBufferPointer<Int64>) -> SharedTiming {
    if let runs = SeriesBuilder.fewRuns(times) { return .runs(runs) }
    return .stamps(SampleStorage(type: .timestamp, copying: UnsafeRawBufferPointer(times)))
  }

  private func made(_ place: Int, _ shared: SharedTiming) -> Series {
    let column = columns[place]
    let type: DataType =
      switch column.kind {
      case .integer, .skipped: .int64
      case .unsigned: .uint64
      case .float: .float64
      case .text: .string
      }
    let channel = Channel(
      name: head.names[place].name, type: type, clock: time?.clock ?? .ticks(rate: nil),
      unit: head.names[place].unit)
    let storage =
      column.kind == .text
      ? SampleStorage(type: .string, blobs: column.texts)
      : SampleStorage(
        type: type, copying: UnsafeRawBufferPointer(start: column.values, count: column.count * 8))
    // The copy takes its place: never are all there twice.
    columns[place].release()
    var timing = shared
    var stamps: [Int64] = []
    if column.isSparse, time != nil {
      stamps = column.rows.map { Int64(bitPattern: times.values[Int($0)]) }
      timing = stamps.isEmpty ? .none : stamps.withUnsafeBufferPointer { Self.timing($0) }
    }
    switch timing {
    case .none: return Series(channel, storage)
    case .stamps(let stamps): return Series(channel, storage, timing: .stamped(stamps, offset: 0))
    case .runs(let runs):
      func start(_ row: Int) -> Int64 { stamps.isEmpty ? Int64(bitPattern: times.values[row]) : stamps[row] }
      return Series(
        channel,
        chunks: runs.map {
          Chunk(storage, $0.range, timing: .steady(start: start($0.range.lowerBound), step: $0.step))
        })
    }
  }
}
