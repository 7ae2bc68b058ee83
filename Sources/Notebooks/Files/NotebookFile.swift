/// A Lua file in cells: jupytext's percent format, kept byte for byte. Also any other Lua file: one cell.
package struct NotebookFile: Equatable, Sendable {
  /// Shebang, jupytext's YAML header and blank lines before the first cell, as they are.
  package var header: [UInt8]
  package var cells: [NotebookCell]

  package init(header: [UInt8] = [], cells: [NotebookCell] = []) {
    self.header = header
    self.cells = cells
  }

  /// Any bytes are a notebook. A marker inside a long string or comment is none, unless that never ends.
  package init(_ bytes: [UInt8]) {
    let lines = Self.lines(of: bytes)
    let covered = Self.linesInsideLongBrackets(bytes)
    var starts: [(offset: Int, line: Int, marker: CellMarker?)] = []
    for (number, range) in lines.enumerated() where !covered.contains(number + 1) {
      if let marker = CellMarker(line: bytes[range].withoutLineEnd) {
        starts.append((range.lowerBound, number + 1, marker))
      }
    }
    let firstMarker = starts.first?.line ?? lines.count + 1
    let headerLines = Self.headerLines(bytes, lines, before: firstMarker)
    let headerEnd = headerLines == 0 ? 0 : lines[headerLines - 1].upperBound
    header = Array(bytes[..<headerEnd])
    let beforeFirst = starts.first?.offset ?? bytes.count
    if headerEnd < beforeFirst { starts.insert((headerEnd, headerLines + 1, nil), at: 0) }
    cells = starts.indices.map { index in
      let start = starts[index]
      let end = index + 1 < starts.count ? starts[index + 1].offset : bytes.count
      let bodyStart = start.marker == nil ? start.offset : lines[start.line - 1].upperBound
      return NotebookCell(
        marker: start.marker ?? CellMarker(), markerLine: Array(bytes[start.offset..<bodyStart]),
        body: Array(bytes[bodyStart..<end]), firstLine: start.marker == nil ? start.line : start.line + 1)
    }
  }

  /// What there is to run in a file: Lua without a byte order mark, and that of a Jupyter notebook, which no Lua
  /// looks like. A notebook that cannot be read is left as it is.
  package static func source(_ bytes: [UInt8]) -> [UInt8] {
    let plain = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes[3...]) : bytes
    guard plain.first(where: { !$0.isLuaBlank }) == UInt8(ascii: "{"),
      let file = try? JupyterNotebook.decode(plain)
    else { return plain }
    return file.bytes
  }

  /// The file. Equal to what was read when nothing was changed.
  package var bytes: [UInt8] { cells.reduce(header) { $0 + $1.markerLine + $1.body } }

  /// Adds a cell as a person would write it; a blank line separates it from the next.
  package mutating func append(_ marker: CellMarker, text: [UInt8]) {
    if let last = cells.last, !last.body.endsBlankLine {
      cells[cells.count - 1].body += last.body.isEmpty || last.body.last!.isLineEnd ? [0x0A] : [0x0A, 0x0A]
    }
    let markerLine = Array((marker.line + "\n").utf8)
    let before =
      cells.last.map { $0.firstLine + Self.lines(of: $0.body).count } ?? Self.lines(of: header).count + 1
    cells.append(
      NotebookCell(
        marker: marker, markerLine: markerLine, body: NotebookCell.body(of: text, kind: marker.kind),
        firstLine: before + 1))
  }

  /// Ranges with their line ends; `\r\n` is one.
  static func lines(of bytes: [UInt8]) -> [Range<Int>] {
    var lines: [Range<Int>] = []
    var start = 0
    while start < bytes.count {
      let end = bytes[start...].firstIndex(of: 0x0A).map { $0 + 1 } ?? bytes.count
      lines.append(start..<end)
      start = end
    }
    return lines
  }

  /// Numbers, from 1, of the lines that begin inside a long string or comment.
  static func linesInsideLongBrackets(_ bytes: [UInt8]) -> Set<Int> {
    let long = LuaLexer.tokens(bytes, trivia: true).filter {
      ($0.kind == .string || $0.kind == .comment) && $0.lastLine > $0.line
    }
    guard !long.isEmpty else { return [] }
    var covered: Set<Int> = []
    var next = 0
    for (number, range) in lines(of: bytes).enumerated() {
      while next < long.count, long[next].range.upperBound <= range.lowerBound { next += 1 }
      if next < long.count, long[next].range.lowerBound < range.lowerBound { covered.insert(number + 1) }
    }
    return covered
  }

  /// Shebang, YAML header, then blank lines.
  private static func headerLines(_ bytes: [UInt8], _ lines: [Range<Int>], before firstMarker: Int) -> Int {
    var count = 0
    func line(_ index: Int) -> ArraySlice<UInt8>? {
      index < min(lines.count, firstMarker - 1) ? bytes[lines[index]].withoutLineEnd : nil
    }
    if let first = line(0), first.starts(with: [0x23, 0x21]) { count = 1 }
    if line(count)?.elementsEqual("-- ---".utf8) == true {
      var end = count + 1
      while let text = line(end), text.starts(with: [0x2D, 0x2D]) {
        end += 1
        if text.elementsEqual("-- ---".utf8) {
          count = end
          break
        }
      }
    }
    while let text = line(count), text.trimmed.isEmpty { count += 1 }
    return count
  }
}

extension ArraySlice<UInt8> {
  var withoutLineEnd: ArraySlice<UInt8> {
    var text = self
    if text.last == 0x0A { text = text.dropLast() }
    if text.last == 0x0D { text = text.dropLast() }
    return text
  }
}

extension [UInt8] {
  fileprivate var endsBlankLine: Bool {
    let text = self[...].withoutLineEnd
    return text.count < count && (text.isEmpty || text.last == 0x0A)
  }
}
