/// A grid of characters with dots in them: braille has 2 × 4 a cell, ASCII one.
struct TerminalCanvas {
  private struct Cell {
    var dots: UInt8 = 0
    var glyph: Character?
    /// Columns that the glyph takes: 0 behind a wide one.
    var width = 1
    var colour: Int?
  }

  let columns: Int
  let rows: Int
  let style: TerminalStyle
  private var cells: [Cell]

  init(columns: Int, rows: Int, style: TerminalStyle) {
    self.columns = columns
    self.rows = rows
    self.style = style
    cells = Array(repeating: Cell(), count: columns * rows)
  }

  var dotsAcross: Int { style.glyphs == .braille ? 2 : 1 }
  var dotsDown: Int { style.glyphs == .braille ? 4 : 1 }

  /// Sets dots of one column, rows counted from the top; what is outside is left out.
  mutating func fill(dotColumn: Int, dotRows: ClosedRange<Int>, colour: Int?, symbol: Character) {
    guard dotColumn >= 0, dotColumn < columns * dotsAcross, rows > 0 else { return }
    let part = dotRows.clamped(to: 0...rows * dotsDown - 1)
    guard dotRows.overlaps(0...rows * dotsDown - 1) else { return }
    for dotRow in part {
      let place = dotRow / dotsDown * columns + dotColumn / dotsAcross
      if style.glyphs == .braille {
        cells[place].dots |= Self.bit(dotColumn % 2, dotRow % 4)
      } else {
        cells[place].glyph = symbol
      }
      cells[place].colour = colour
    }
  }

  /// Writes text; where `overData` is false only into cells that have no dots.
  mutating func write(_ text: String, column: Int, row: Int, colour: Int? = nil, overData: Bool = true) {
    var column = column
    for character in text {
      let width = PlainText.width(String(character))
      guard width > 0 else { continue }
      guard row >= 0, row < rows, column >= 0, column + width <= columns else { return }
      let place = row * columns + column
      if overData || cells[place].dots == 0 && cells[place].glyph == nil {
        cells[place] = Cell(glyph: character, width: width, colour: colour)
        if width == 2 { cells[place + 1] = Cell(glyph: " ", width: 0) }
      }
      column += width
    }
  }

  /// Copies all cells of another canvas that have something in them.
  mutating func paste(_ other: TerminalCanvas, column: Int, row: Int) {
    for from in 0..<other.rows where row + from < rows {
      for across in 0..<other.columns where column + across < columns {
        let cell = other.cells[from * other.columns + across]
        if cell.dots != 0 || cell.glyph != nil { cells[(row + from) * columns + column + across] = cell }
      }
    }
  }

  /// The rows as text, colours switched where they change, without blanks at the end.
  func lines() -> [String] {
    (0..<rows).map { row in
      var line = ""
      var current: Int?
      let cells = cells[row * columns..<(row + 1) * columns]
      let last = cells.lastIndex { $0.dots != 0 || $0.glyph ?? " " != " " }
      for cell in cells.prefix(through: last ?? cells.startIndex - 1) where cell.width > 0 {
        let isBlank = cell.dots == 0 && cell.glyph ?? " " == " "
        if style.hasColours, !isBlank, cell.colour != current {
          line += cell.colour.map { "\u{1B}[38;5;\($0)m" } ?? "\u{1B}[39m"
          current = cell.colour
        }
        line.append(cell.glyph ?? (cell.dots == 0 ? " " : Self.braille(cell.dots)))
      }
      return current == nil ? line : line + "\u{1B}[39m"
    }
  }

  private static func bit(_ column: Int, _ row: Int) -> UInt8 {
    // Unicode numbers the six upper dots by columns, the lowest row came later.
    row < 3 ? 1 << UInt8(column * 3 + row) : 1 << UInt8(6 + column)
  }

  private static func braille(_ dots: UInt8) -> Character {
    Character(Unicode.Scalar(0x2800 + UInt32(dots))!)
  }
}
