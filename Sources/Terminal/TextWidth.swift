import CShims
import Glibc

/// Columns that text takes on a terminal, as the C library's tables have it; needs ``useUTF8Locale()`` first.
package enum TextWidth {
  /// Sets the character type of the process: the user's locale when it is UTF-8, else C.UTF-8.
  ///
  /// Call once at the start, before any other thread; Foundation does not do it. False when the system has
  /// neither, and then wide characters count as one column.
  @discardableResult
  package static func useUTF8Locale() -> Bool {
    for name in ["", "C.UTF-8"] {
      guard setlocale(LC_CTYPE, name) != nil, let codeset = nl_langinfo(Int32(CODESET)) else { continue }
      if String(cString: codeset) == "UTF-8" { return true }
    }
    return false
  }

  /// 0 for what joins the character before it, 1 or 2 else; nil when the scalar has no picture of its own.
  package static func columns(of scalar: Unicode.Scalar) -> Int? {
    if scalar.value >= 0x20, scalar.value < 0x7f { return 1 }
    let width = Int(moon_character_columns(scalar.value))
    return width < 0 ? nil : width
  }

  /// Columns of one line of text; control sequences (colours) take none.
  package static func columns(of text: String) -> Int {
    if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return text.utf8.count }
    var sequence = ControlSequence()
    return columns(of: text.unicodeScalars.filter { !sequence.swallows($0) }, ofControl: 0)
  }

  /// Columns of text without control sequences; a control that it holds all the same counts as told.
  package static func columns(of text: some Collection<Unicode.Scalar>, ofControl width: Int) -> Int {
    var total = 0
    var scan = GlyphScan()
    var isFirst = true
    func size(_ scan: GlyphScan, _ first: Unicode.Scalar) -> Int {
      columns(of: first) == nil ? width : scan.columns
    }
    var first: Unicode.Scalar = " "
    for scalar in text {
      if !isFirst, scan.take(scalar) { continue }
      if !isFirst { total += size(scan, first) }
      scan = GlyphScan()
      _ = scan.take(scalar)
      (first, isFirst) = (scalar, false)
    }
    return isFirst ? 0 : total + size(scan, first)
  }

  /// A continuation prompt as wide as the last line of the prompt, its text at the right.
  package static func padded(_ continuation: String, like prompt: String) -> String {
    let last = prompt.split(separator: "\n", omittingEmptySubsequences: false).last.map(String.init) ?? ""
    let missing = columns(of: last) - columns(of: continuation)
    return String(repeating: " ", count: max(0, missing)) + continuation
  }

  /// The longest beginning that fits, with `…` in place of what had to go.
  package static func truncated(_ text: String, to limit: Int) -> String {
    guard columns(of: text) > limit else { return text }
    guard limit > 0 else { return "" }
    var result = String.UnicodeScalarView()
    var sequence = ControlSequence()
    var total = 0
    var coloured = false
    var scan: GlyphScan?
    for scalar in text.unicodeScalars {
      if sequence.swallows(scalar) {
        coloured = true
      } else if scan?.take(scalar) != true {
        var next = GlyphScan()
        _ = next.take(scalar)
        let width = columns(of: scalar) ?? 0
        if total + width > limit - 1 { break }
        total += width
        scan = next
      }
      result.append(scalar)
    }
    return String(result) + "…" + (coloured ? "\u{1b}[0m" : "")
  }

  /// Names in columns, read downwards as `ls` does; each row ends in a newline.
  package static func columnList(_ names: [String], width: Int) -> String {
    let widths = names.map { columns(of: $0) }
    let cell = (widths.max() ?? 0) + 2
    let across = max(1, (width + 2) / cell)
    let rows = (names.count + across - 1) / across
    var result = ""
    for row in 0..<rows {
      for index in stride(from: row, to: names.count, by: rows) {
        result += names[index]
        if index + rows < names.count { result += String(repeating: " ", count: cell - widths[index]) }
      }
      result += "\n"
    }
    return result
  }
}

extension TextWidth {
  /// Text with its lines broken at blanks; what goes on keeps the margin of its line and a little more.
  package static func wrapped(_ text: String, to width: Int) -> String {
    let width = max(20, width)
    return text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      guard columns(of: String(line)) > width else { return String(line) }
      let margin = String(repeating: " ", count: min(width / 2, line.prefix { $0 == " " }.count))
      var rows: [String] = []
      var row = margin
      var isEmpty = true
      for word in line.dropFirst(margin.count).split(separator: " ", omittingEmptySubsequences: false) {
        if !isEmpty, columns(of: row) + 1 + columns(of: String(word)) > width {
          while row.last == " " { row.removeLast() }
          rows.append(row)
          row = margin + "  "
          isEmpty = true
        }
        // Blanks between two rows are neither's.
        if isEmpty, word.isEmpty, !rows.isEmpty { continue }
        row += isEmpty ? String(word) : " " + word
        isEmpty = false
      }
      return (rows + [row]).joined(separator: "\n")
    }.joined(separator: "\n")
  }
}

/// Finds the extent of ECMA-48 control sequences in text, one scalar at a time.
package struct ControlSequence {
  private enum State { case text, escape, control, command, commandEscape }
  private var state = State.text

  package init() {}

  /// Whether the scalar belongs to a control sequence and so has no place on the screen.
  package mutating func swallows(_ scalar: Unicode.Scalar) -> Bool {
    switch (state, scalar.value) {
    case (.text, 0x1b): state = .escape
    case (.text, _): return false
    case (.escape, 0x5b): state = .control
    case (.escape, 0x5d), (.escape, 0x50), (.escape, 0x5f): state = .command
    case (.escape, 0x20...0x2f): break
    case (.escape, _): state = .text
    case (.control, 0x40...0x7e): state = .text
    case (.control, _): break
    case (.command, 0x07): state = .text
    case (.command, 0x1b): state = .commandEscape
    case (.command, _): break
    case (.commandEscape, _): state = .text
    }
    return true
  }
}
