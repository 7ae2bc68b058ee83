/// One cell of a file: the bytes as they are, and what they mean.
package struct NotebookCell: Equatable, Sendable {
  package let marker: CellMarker
  /// Empty for the text before the first marker.
  package let markerLine: [UInt8]
  /// Everything up to the next marker, blank lines at its end included. What a run compiles.
  package internal(set) var body: [UInt8]
  /// The file's line, from 1, on which the body begins.
  package let firstLine: Int

  package var isCode: Bool { marker.kind == .code }
  package var isParameters: Bool { isCode && marker.tags.contains("parameters") }

  /// What other notebook formats hold: line ends are `\n`, without the blank line that separates cells; text cells
  /// without their `-- `.
  package var text: [UInt8] {
    var lines = NotebookFile.lines(of: body).map { body[$0].withoutLineEnd }
    if let last = lines.last, last.isEmpty { lines.removeLast() }
    let covered = isCode ? NotebookFile.linesInsideLongBrackets(body) : []
    let plain = lines.enumerated().map { number, line in
      covered.contains(number + 1) ? line : Self.unescaped(line)
    }
    return Array((isCode ? plain : plain.map(Self.uncommented)).joined(separator: [0x0A]))
  }

  /// The inverse of `text`.
  static func body(of text: [UInt8], kind: CellMarker.Kind) -> [UInt8] {
    guard !text.isEmpty else { return [] }
    let covered = kind == .code ? NotebookFile.linesInsideLongBrackets(text) : []
    var body: [UInt8] = []
    let lines = text.split(separator: 0x0A, omittingEmptySubsequences: false)
    for (number, line) in lines.enumerated() {
      let plain = kind == .code ? line : commented(line)
      body += covered.contains(number + 1) ? plain : escaped(plain)
      body.append(0x0A)
    }
    // Else the last empty line would count as the one between cells.
    if kind == .code, lines.last?.isEmpty ?? false { body.append(0x0A) }
    return body
  }

  private static func commented(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    line.isEmpty ? [0x2D, 0x2D] : [0x2D, 0x2D, 0x20] + line
  }

  private static func uncommented(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard line.starts(with: [0x2D, 0x2D]) else { return line }
    let text = line.dropFirst(2)
    return text.first == 0x20 ? text.dropFirst() : text
  }

  /// A comment that would read as a marker gets a backslash before its `%%`; one that has backslashes there gets
  /// one more. Markdown shows `\%` as `%`.
  private static func escaped(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard let (index, _) = percent(in: line) else { return line }
    return line[..<index] + [0x5C] + line[index...]
  }

  private static func unescaped(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard let (index, backslashes) = percent(in: line), backslashes > 0 else { return line }
    return line[..<index] + line[(index + 1)...]
  }

  /// Where backslashes and `%%` of what may be a marker begin.
  private static func percent(in line: ArraySlice<UInt8>) -> (index: Int, backslashes: Int)? {
    var rest = line.drop(while: \.isLuaBlank)
    guard rest.starts(with: [0x2D, 0x2D]) else { return nil }
    rest = rest.dropFirst(2).drop(while: \.isLuaBlank)
    let backslashes = rest.prefix { $0 == 0x5C }.count
    guard CellMarker.matches([0x2D, 0x2D] + rest.dropFirst(backslashes)) else { return nil }
    return (rest.startIndex, backslashes)
  }
}
