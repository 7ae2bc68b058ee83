/// The screen of a small xterm: what a person would see of the bytes that a program wrote.
///
/// Knows cursor movement, erasing, insertion and deletion, scrolling, wrapping with the pending column, wide
/// and combining characters; records modes and unknown sequences, so that a test can see them.
package struct ScreenModel {
  package private(set) var columns: Int
  package private(set) var height: Int
  package private(set) var row = 0
  package private(set) var column = 0
  /// Rows that scrolled off the top, oldest first.
  package private(set) var scrollback: [String] = []
  /// Private modes that are set, as 2004 for bracketed paste.
  package private(set) var modes: Set<Int> = [25]
  package private(set) var bells = 0
  /// Draws emoji that are joined as one picture of two columns, as newer terminals and tmux do; else each by itself.
  package var joinsEmoji = false
  private var lastPut: Unicode.Scalar = " "
  /// Control sequences that the model does not know; a test should find none.
  package private(set) var unknown: [String] = []

  /// A cell: its character with what joins it; empty for the right half of a wide one.
  private typealias Cell = String
  private var cells: [[Cell]]
  private var wrapIsPending = false
  private var saved = (row: 0, column: 0)
  private var state = State.ground
  private var bytes: [UInt8] = []

  private enum State {
    case ground, escape, charset
    case control([UInt8])
    case command(String)
  }

  package init(columns: Int = 80, rows: Int = 24) {
    self.columns = columns
    height = rows
    cells = Array(repeating: Array(repeating: " ", count: columns), count: rows)
  }

  /// The rows as text, blanks at their ends left out.
  package var rows: [String] { cells.map(Self.text) }

  /// All rows that have text, with a newline between; blank rows at the end left out.
  package var text: String { joined(rows) }

  /// The same with what scrolled away before it.
  package var history: String { joined(scrollback + rows) }

  package func contains(_ text: String) -> Bool { history.contains(text) }

  /// The last row with text.
  package var lastRow: String { rows.last { !$0.isEmpty } ?? "" }

  /// Another size. Rows keep their text as far as there is room, and wrap as terminals do that reflow.
  package mutating func resize(columns newColumns: Int, rows newRows: Int) {
    var flowed: [[Cell]] = []
    var cursor = (row: 0, column: 0)
    let used = max(row + 1, (cells.lastIndex { !Self.text($0).isEmpty } ?? 0) + 1)
    for (index, line) in cells.prefix(used).enumerated() {
      let length = max(
        line.lastIndex { $0 != " " }.map { $0 + 1 } ?? 0, index == row ? min(column, columns) : 0)
      let content = Array(line.prefix(length))
      var start = 0
      if index == row {
        cursor = (flowed.count + column / newColumns, column % newColumns)
      }
      repeat {
        let part = Array(content.dropFirst(start).prefix(newColumns))
        flowed.append(part + Array(repeating: " ", count: newColumns - part.count))
        start += newColumns
      } while start < content.count
      while flowed.count <= cursor.row, index == row {
        flowed.append(Array(repeating: " ", count: newColumns))
      }
    }
    while flowed.count > newRows, cursor.row > 0 {
      scrollback.append(Self.text(flowed.removeFirst()))
      cursor.row -= 1
    }
    cells = Array(flowed.prefix(newRows))
    while cells.count < newRows { cells.append(Array(repeating: " ", count: newColumns)) }
    (columns, height) = (newColumns, newRows)
    (row, column) = (min(cursor.row, newRows - 1), cursor.column)
    wrapIsPending = false
  }

  package mutating func feed(_ text: String) { feed(Array(text.utf8)) }

  /// Takes bytes in any pieces.
  package mutating func feed(_ new: some Sequence<UInt8>) {
    for byte in new { feed(byte) }
  }

  private mutating func feed(_ byte: UInt8) {
    switch state {
    case .ground:
      if byte >= 0x80 || !bytes.isEmpty {
        bytes.append(byte)
        if let scalar = completeScalar() { put(scalar) }
      } else if byte >= 0x20 && byte != 0x7f {
        put(Unicode.Scalar(byte))
      } else {
        control(byte)
      }
    case .escape: escape(byte)
    case .charset: state = .ground
    case .control(let parameters):
      if 0x40...0x7e ~= byte {
        state = .ground
        sequence(parameters, final: byte)
      } else if byte == 0x1b {
        state = .escape
      } else {
        state = .control(parameters + [byte])
      }
    case .command(let text):
      if byte == 0x07 || (byte == 0x5c && text.hasSuffix("\u{1b}")) {
        state = .ground
      } else {
        state = .command(text + String(Unicode.Scalar(byte)))
      }
    }
  }

  private mutating func completeScalar() -> Unicode.Scalar? {
    let length =
      switch bytes[0] {
      case 0xc2..<0xe0: 2
      case 0xe0..<0xf0: 3
      case 0xf0..<0xf5: 4
      default: 1
      }
    guard bytes.count >= length else { return nil }
    defer { bytes = [] }
    return String(decoding: bytes, as: UTF8.self).unicodeScalars.first
  }

  private mutating func control(_ byte: UInt8) {
    // Only what was written right before it is joined.
    lastPut = " "
    switch byte {
    case 0x07: bells += 1
    case 0x08:
      column = max(0, column - 1)
      wrapIsPending = false
    case 0x09:
      column = min(columns - 1, (column / 8 + 1) * 8)
      wrapIsPending = false
    case 0x0a, 0x0b, 0x0c: lineFeed()
    case 0x0d:
      column = 0
      wrapIsPending = false
    case 0x1b: state = .escape
    default: break
    }
  }

  private mutating func escape(_ byte: UInt8) {
    state = .ground
    switch byte {
    case UInt8(ascii: "["): state = .control([])
    case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "_"): state = .command("")
    case UInt8(ascii: "("), UInt8(ascii: ")"): state = .charset
    case UInt8(ascii: "7"): saved = (row, column)
    case UInt8(ascii: "8"): move(to: saved.row, saved.column)
    case UInt8(ascii: "D"): lineFeed()
    case UInt8(ascii: "E"):
      column = 0
      lineFeed()
    case UInt8(ascii: "M"):
      if row > 0 { row -= 1 } else { insertRows(1, at: 0) }
      wrapIsPending = false
    case UInt8(ascii: "="), UInt8(ascii: ">"): break
    default: unknown.append("ESC \(Unicode.Scalar(byte))")
    }
  }

  private mutating func sequence(_ raw: [UInt8], final: UInt8) {
    let text = String(decoding: raw, as: UTF8.self)
    let isPrivate = text.hasPrefix("?")
    let numbers = text.drop { $0 == "?" || $0 == ">" }.split(separator: ";", omittingEmptySubsequences: false)
      .map { Int($0) ?? 0 }
    func number(_ index: Int, or fallback: Int = 1) -> Int {
      index < numbers.count && numbers[index] > 0 ? numbers[index] : fallback
    }
    let count = number(0)
    switch (Character(Unicode.Scalar(final)), isPrivate) {
    case ("A", false): move(to: row - count, column)
    case ("B", false): move(to: row + count, column)
    case ("C", false): move(to: row, column + count)
    case ("D", false): move(to: row, column - count)
    case ("G", false): move(to: row, count - 1)
    case ("d", false): move(to: count - 1, column)
    case ("H", false), ("f", false): move(to: count - 1, number(1) - 1)
    case ("J", false): eraseDisplay(numbers.first ?? 0)
    case ("K", false): eraseLine(numbers.first ?? 0)
    case ("@", false):
      cells[row].insert(contentsOf: Array(repeating: " ", count: min(count, columns)), at: column)
      cells[row].removeLast(cells[row].count - columns)
    case ("P", false):
      cells[row].removeSubrange(column..<min(columns, column + count))
      cells[row] += Array(repeating: " ", count: columns - cells[row].count)
    case ("X", false): blank(row, column..<min(columns, column + count))
    case ("L", false): insertRows(count, at: row)
    case ("M", false):
      for _ in 0..<min(count, height - row) {
        cells.remove(at: row)
        cells.append(Array(repeating: " ", count: columns))
      }
    case ("m", false): break
    case ("h", true): modes.formUnion(numbers)
    case ("l", true): modes.subtract(numbers)
    default: unknown.append("CSI \(text)\(Unicode.Scalar(final))")
    }
  }

  private mutating func move(to row: Int, _ column: Int) {
    lastPut = " "
    self.row = max(0, min(height - 1, row))
    self.column = max(0, min(columns - 1, column))
    wrapIsPending = false
  }

  private mutating func lineFeed() {
    wrapIsPending = false
    if row < height - 1 {
      row += 1
    } else {
      scrollback.append(Self.text(cells.removeFirst()))
      cells.append(Array(repeating: " ", count: columns))
    }
  }

  private mutating func put(_ scalar: Unicode.Scalar) {
    let isFlag = Self.isFlagLetter(scalar) && Self.isFlagLetter(lastPut)
    let width = joinsEmoji && (isFlag || joins(scalar)) ? 0 : Int(Self.columns(of: scalar))
    // A third letter begins another flag.
    lastPut = isFlag ? " " : scalar
    if width == 0 {
      let base = wrapIsPending ? column : column - 1
      guard base >= 0 else { return }
      let target = cells[row][base].isEmpty && base > 0 ? base - 1 : base
      cells[row][target].unicodeScalars.append(scalar)
      return
    }
    if wrapIsPending || column + width > columns {
      column = 0
      lineFeed()
    }
    clearHalves(at: column)
    if width == 2 { clearHalves(at: column + 1) }
    cells[row][column] = String(scalar)
    if width == 2 { cells[row][column + 1] = "" }
    column += width
    if column >= columns {
      column = columns - 1
      wrapIsPending = true
    }
  }

  private func joins(_ scalar: Unicode.Scalar) -> Bool {
    lastPut == "\u{200d}" && scalar.value > 0xa0 && scalar.properties.isEmoji
      || scalar.properties.isEmojiModifier && lastPut.properties.isEmojiModifierBase
  }

  private static func isFlagLetter(_ scalar: Unicode.Scalar) -> Bool { 0x1f1e6...0x1f1ff ~= scalar.value }

  /// Writing on one half of a wide character takes the other half away.
  private mutating func clearHalves(at column: Int) {
    if cells[row][column].isEmpty, column > 0 { cells[row][column - 1] = " " }
    if column + 1 < columns, cells[row][column + 1].isEmpty { cells[row][column + 1] = " " }
    cells[row][column] = " "
  }

  private mutating func blank(_ row: Int, _ range: Range<Int>) {
    for index in range { cells[row][index] = " " }
  }

  private mutating func eraseLine(_ mode: Int) {
    wrapIsPending = false
    blank(row, mode == 1 ? 0..<column + 1 : mode == 2 ? 0..<columns : column..<columns)
  }

  private mutating func eraseDisplay(_ mode: Int) {
    let whole = 0..<columns
    if mode == 3 { return scrollback = [] }
    eraseLine(mode)
    for index in (mode == 0 ? row + 1..<height : mode == 1 ? 0..<row : 0..<height) { blank(index, whole) }
  }

  private mutating func insertRows(_ count: Int, at index: Int) {
    for _ in 0..<min(count, height - index) {
      cells.removeLast()
      cells.insert(Array(repeating: " ", count: columns), at: index)
    }
  }

  private static func columns(of scalar: Unicode.Scalar) -> Int {
    if scalar.value < 0x300 { return 1 }
    let isWide =
      switch scalar.value {
      case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff,
        0xfe30...0xfe6f,
        0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1f64f, 0x1f900...0x1f9ff, 0x20000...0x3fffd:
        true
      default: false
      }
    if isWide { return 2 }
    let joins: Set<Unicode.GeneralCategory> = [.nonspacingMark, .enclosingMark, .format]
    return joins.contains(scalar.properties.generalCategory) ? 0 : 1
  }

  private static func text(_ cells: [Cell]) -> String {
    var line = cells.joined()
    while line.last == " " { line.removeLast() }
    return line
  }

  private func joined(_ rows: [String]) -> String {
    var rows = rows
    while rows.last?.isEmpty == true { rows.removeLast() }
    return rows.joined(separator: "\n")
  }
}
