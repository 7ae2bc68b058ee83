/// The edited text as rows of the screen: prompt, text, continuation prompts, wrapped at the last column.
///
/// A plain value: the same text at the same width is the same rows, on any thread.
package struct TextLayout: Equatable {
  /// One character with what joins it, its columns, and the colours in force.
  package struct Glyph: Equatable {
    package var text: String
    package let columns: Int
    package let style: String
    /// Terminals do not agree how many columns it takes.
    package var isUncertain = false
  }

  package typealias Row = [Glyph]

  package private(set) var rows: [Row] = [[]]
  package private(set) var cursorRow = 0
  package private(set) var cursorColumn = 0
  package let columns: Int

  private var column = 0
  private var cursorIsNext = false

  /// - Parameters:
  ///   - prompt: shown before the first line; colours take no room.
  ///   - continuation: shown before each further line.
  ///   - cursor: counts scalars of `text`.
  ///   - note: shown on rows of its own under the text.
  ///   - columns: the width of the terminal.
  package init(
    prompt: String, continuation: String, text: [Unicode.Scalar], cursor: Int, note: String? = nil,
    columns: Int
  ) {
    self.columns = max(2, columns)
    place(prompt: prompt)
    var lineStart = column
    var index = 0
    while index < text.count {
      if index == cursor { cursorIsNext = true }
      switch text[index] {
      case "\n":
        markCursor(at: min(column, self.columns - 1))
        beginRow()
        place(prompt: continuation)
        lineStart = column
        index += 1
      case "\t":
        let room = column < self.columns ? self.columns - column : self.columns
        let stop = 8 - max(0, column - lineStart) % 8
        for _ in 0..<min(room, stop) { place(" ", columns: 1) }
        index += 1
      default:
        let (end, scan) = GlyphScan.end(of: text, from: index)
        place(text[index..<end], scan)
        if cursor > index, cursor < end {
          cursorIsNext = true
          markCursor(at: min(column, self.columns - 1))
        }
        index = end
      }
    }
    if cursor >= text.count || cursorIsNext {
      if column >= self.columns { beginRow() }
      cursorIsNext = true
      markCursor(at: column)
    }
    if let note {
      beginRow()
      place(prompt: note)
    }
  }

  /// Columns of a row, up to its last character.
  package static func columns(of row: Row) -> Int { row.reduce(0) { $0 + $1.columns } }

  private mutating func place(prompt: String) {
    var sequence = ControlSequence()
    var pending = String.UnicodeScalarView()
    var style = ""
    var glyph: [Unicode.Scalar] = []
    var scan = GlyphScan()
    for scalar in prompt.unicodeScalars {
      if sequence.swallows(scalar) {
        pending.append(scalar)
        continue
      }
      if pending.isEmpty, !glyph.isEmpty, scan.take(scalar) {
        glyph.append(scalar)
        continue
      }
      place(glyph[...], scan, style: style)
      (glyph, scan) = ([], GlyphScan())
      style = Self.style(after: style, sequences: String(pending))
      pending = .init()
      if scalar == "\n" {
        beginRow()
      } else {
        _ = scan.take(scalar)
        glyph = [scalar]
      }
    }
    place(glyph[...], scan, style: style)
  }

  /// Colours add up until a reset.
  private static func style(after style: String, sequences: String) -> String {
    guard !sequences.isEmpty else { return style }
    var result = style
    for part in sequences.split(separator: "\u{1b}") where part.last == "m" {
      result = part == "[0m" || part == "[m" ? "" : result + "\u{1b}" + part
    }
    return result
  }

  private mutating func place(_ glyph: ArraySlice<Unicode.Scalar>, _ scan: GlyphScan, style: String = "") {
    guard let first = glyph.first else { return }
    var view = String.UnicodeScalarView()
    view.append(contentsOf: glyph)
    switch TextWidth.columns(of: first) {
    case 0? where rows[rows.count - 1].isEmpty: place("◌" + String(view), columns: 1, style: style)
    case 0?:
      markCursor(at: min(column, columns - 1))
      rows[rows.count - 1][rows[rows.count - 1].count - 1].text.unicodeScalars.append(contentsOf: glyph)
    case .some:
      // Where it may turn out wider it must not reach the edge, behind which nobody knows where the cursor is.
      if scan.isUncertain, column + scan.most > columns, scan.most <= columns { beginRow() }
      place(String(view), columns: scan.columns, style: style, isUncertain: scan.isUncertain)
    case nil where first.value < 0x20:
      place("^", columns: 1, style: style)
      place(String(Unicode.Scalar(UInt8(first.value) + 0x40)), columns: 1, style: style)
    case nil where first.value == 0x7f:
      place("^", columns: 1, style: style)
      place("?", columns: 1, style: style)
    case nil: place("\u{fffd}", columns: 1, style: style)
    }
  }

  private mutating func place(
    _ text: String, columns width: Int, style: String = "", isUncertain: Bool = false
  ) {
    if column + width > columns { beginRow() }
    markCursor(at: column)
    rows[rows.count - 1].append(Glyph(text: text, columns: width, style: style, isUncertain: isUncertain))
    column += width
  }

  private mutating func markCursor(at column: Int) {
    guard cursorIsNext else { return }
    cursorRow = rows.count - 1
    cursorColumn = column
    cursorIsNext = false
  }

  private mutating func beginRow() {
    rows.append([])
    column = 0
  }
}
