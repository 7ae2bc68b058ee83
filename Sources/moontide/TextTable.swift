import Terminal

/// Rows as aligned columns, for answers of commands.
struct TextTable {
  private var rows: [[String]]
  /// Columns that are numbers stand at the right.
  private let numeric: Set<Int>

  init(_ head: [String], numeric: Set<Int> = []) {
    rows = [head]
    self.numeric = numeric
  }

  var isEmpty: Bool { rows.count == 1 }

  mutating func add(_ row: [String]) { rows.append(row) }

  /// - Parameter width: the last column is cut there.
  func text(width: Int) -> String {
    let widths = rows[0].indices.map { column in rows.map { TextWidth.columns(of: $0[column]) }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        if column > 0 { line += "  " }
        let missing = String(repeating: " ", count: widths[column] - TextWidth.columns(of: cell))
        let isLast = column == row.count - 1
        line += numeric.contains(column) ? missing + cell : cell + (isLast ? "" : missing)
      }
      while line.last == " " { line.removeLast() }
      return TextWidth.truncated(line, to: max(20, width))
    }.joined(separator: "\n")
  }
}

/// `1234567` as `1,234,567`.
func grouped(_ number: some BinaryInteger) -> String {
  let digits = String(number.magnitude)
  var text = ""
  for (position, digit) in digits.enumerated() {
    if position > 0, (digits.count - position) % 3 == 0 { text += "," }
    text.append(digit)
  }
  return number < 0 ? "-" + text : text
}
