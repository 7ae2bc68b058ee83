/// What of the edited text is on the screen, and the bytes that bring the screen up to date.
///
/// A plain value that knows only what it drew itself: it never asks the terminal. Rows are broken by the
/// view, not by the terminal, so where the cursor stands is known at any width.
package struct LineView {
  package private(set) var isShown = false
  private var rows: [TextLayout.Row] = []
  private var row = 0
  private var column = 0
  private var columns = 80
  private var top = 0

  package init() {}

  /// Draws the layout, only what changed; a text taller than the screen shows the rows around its cursor. All of it on
  /// a screen that has another width by now, whether or not anybody has told of that.
  package mutating func draw(_ layout: TextLayout, height: Int) -> String {
    let height = max(1, height)
    var out = layout.columns == columns ? "" : erase(columns: layout.columns)
    if layout.cursorRow < top { top = layout.cursorRow }
    if layout.cursorRow >= top + height { top = layout.cursorRow - height + 1 }
    top = max(0, min(top, layout.rows.count - height))
    let visible = Array(layout.rows[top..<min(layout.rows.count, top + height)])
    columns = layout.columns
    isShown = true

    for (index, wanted) in visible.enumerated() {
      let present = index < rows.count ? rows[index] : nil
      if present == wanted { continue }
      replace(present ?? [], with: wanted, at: index, into: &out)
    }
    if visible.count < rows.count {
      move(toRow: visible.count, column: 0, into: &out)
      out += "\u{1b}[J"
    }
    rows = visible
    move(toRow: layout.cursorRow - top, column: layout.cursorColumn, into: &out)
    return out
  }

  /// Takes the text off a screen that is so wide now; the cursor stands where its first character was. Terminals wrap
  /// what was drawn anew at another width, row by row, and the cursor goes with its character.
  package mutating func erase(columns newColumns: Int) -> String {
    guard isShown else { return "" }
    if newColumns != columns { rewrap(max(1, newColumns)) }
    return erase()
  }

  private mutating func rewrap(_ newColumns: Int) {
    let above = rows.prefix(row).reduce(0) { total, row in
      total + max(1, (TextLayout.columns(of: row) + newColumns - 1) / newColumns)
    }
    row = above + (newColumns < columns ? column / newColumns : 0)
  }

  private mutating func erase() -> String {
    var out = ""
    move(toRow: 0, column: 0, into: &out)
    out += "\u{1b}[J"
    self = LineView()
    return out
  }

  /// Leaves all of the text on the screen, in the scroll-back too, and goes to a fresh row below it.
  package mutating func finish(_ layout: TextLayout, height: Int) -> String {
    var out = layout.rows.count > height ? erase(columns: layout.columns) : ""
    out += draw(layout, height: max(height, layout.rows.count))
    move(toRow: rows.count - 1, column: 0, into: &out)
    out += "\n"
    self = LineView()
    return out
  }

  /// Forgets what was drawn: somebody else had the screen.
  package mutating func forget() { self = LineView() }

  private mutating func replace(
    _ present: TextLayout.Row, with wanted: TextLayout.Row, at index: Int, into out: inout String
  ) {
    var same = 0
    var start = 0
    while same < present.count, same < wanted.count, present[same] == wanted[same] {
      start += wanted[same].columns
      same += 1
    }
    move(toRow: index, column: start, into: &out)
    var style = ""
    for glyph in wanted[same...] {
      if glyph.style != style {
        if !style.isEmpty { out += "\u{1b}[0m" }
        out += glyph.style
        style = glyph.style
      }
      guard glyph.isUncertain, column + glyph.columns < columns else {
        out += glyph.text
        column += glyph.columns
        continue
      }
      // On an empty place, whatever was there; and what follows stands where it should, however wide this turned out.
      out += String(repeating: " ", count: glyph.columns) + Self.goTo(column) + glyph.text
      column += glyph.columns
      out += Self.goTo(column)
    }
    if !style.isEmpty { out += "\u{1b}[0m" }
    // In a full row the cursor hangs over its last character, which an erase would take.
    let reached = present.contains(where: \.isUncertain) ? columns : TextLayout.columns(of: present)
    if column < columns, reached > column { out += "\u{1b}[K" }
  }

  private static func goTo(_ column: Int) -> String { column == 0 ? "\r" : "\r\u{1b}[\(column)C" }

  /// A line feed goes down everywhere and scrolls at the bottom, which a cursor movement would not.
  private mutating func move(toRow target: Int, column wanted: Int, into out: inout String) {
    if target > row {
      out += String(repeating: "\n", count: target - row) + "\r"
      column = 0
    } else if target < row {
      out += "\u{1b}[\(row - target)A"
    }
    row = target
    if wanted == column, column < columns { return }
    if wanted == 0 || column >= columns || wanted < column {
      out += "\r"
      column = 0
    }
    if wanted > column { out += "\u{1b}[\(wanted - column)C" }
    column = wanted
  }
}
