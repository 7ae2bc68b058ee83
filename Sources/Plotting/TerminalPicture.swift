import Telemetry

/// Draws a picture with characters.
package struct TerminalPicture {
  private let picture: PlotPicture
  private let style: TerminalStyle
  private let width: Int
  private let height: Int
  private let signs: Signs

  /// Signs that differ between Unicode and ASCII.
  private struct Signs {
    var vertical = "│", tick = "┤", corner = "└", horizontal = "─", mark = "┴", gap = "╳", flag = "┊"
    var swatch = "━", dot = "●", ellipsis = "…"

    static let ascii = Signs(
      vertical: "|", tick: "+", corner: "+", horizontal: "-", mark: "+", gap: "X", flag: ":", swatch: "*",
      dot: "o", ellipsis: "~")
  }

  /// Neutral colours of the 256 and those of states.
  private enum Ink {
    static let axis = 244
    static let faint = 240
    static let red = 203
    static let green = 77
    static let amber = 214
  }

  private static let symbols: [Character] = Array("*o+x#@%=&$")

  /// One band of the picture with a scale of its own.
  private struct Lane {
    var lines: [Int]
    var header: Bool
    var top: Int
    var rows: Int
    var scale: ClosedRange<Double>
    var ticks: [Tick]
  }

  /// Dot columns that a picture of that width has: what to ask the downsampler for.
  package static func columns(width: Int, style: TerminalStyle) -> Int {
    max(1, width * (style.glyphs == .braille ? 2 : 1))
  }

  package init(_ picture: PlotPicture, width: Int, height: Int, style: TerminalStyle) {
    self.picture = picture
    self.style = style
    self.width = min(max(12, width), PlotLimits.terminalColumnsMax)
    self.height = min(max(4, height), PlotLimits.terminalRowsMax)
    signs = style.glyphs == .braille ? Signs() : .ascii
  }

  /// The rows, `height` at most, each with its own colour switches.
  package func lines() -> [String] {
    let hasTitle = height >= 8
    let byLane = usesLanes
    let legend = byLane ? [] : legendRows()
    let plotRows = height - (hasTitle ? 1 : 0) - 2 - legend.count
    var lanes = arrange(byLane: byLane, rows: max(1, plotRows))
    let labelWidth = labelColumns(&lanes)
    let left = labelWidth + 1
    let columns = max(1, width - left)
    var canvas = TerminalCanvas(columns: width, rows: height, style: style)
    let top = hasTitle ? 1 : 0
    if hasTitle { drawTitle(&canvas) }
    for lane in lanes { draw(lane, top: top, left: left, columns: columns, on: &canvas) }
    let bottom = top + (lanes.last.map { $0.top + $0.rows } ?? max(1, plotRows))
    drawAxis(&canvas, row: bottom, left: left, columns: columns)
    for (position, row) in legend.enumerated() {
      var column = 0
      for (text, colour) in row {
        canvas.write(text, column: column, row: bottom + 2 + position, colour: colour)
        column += PlainText.width(text)
      }
    }
    return Array(canvas.lines().prefix(bottom + 2 + legend.count))
  }

  /// Without colours braille lines cannot be told apart, so each gets a lane while there is room.
  private var usesLanes: Bool {
    if picture.lines.count < 2 { return false }
    if picture.layout == .lanes { return true }
    return !style.hasColours && style.glyphs == .braille && picture.lines.count * 4 + 3 <= height
  }

  // MARK: - Layout

  private func arrange(byLane: Bool, rows: Int) -> [Lane] {
    guard byLane else {
      let scale = picture.scale(of: picture.lines)
      let lane = Lane(
        lines: Array(picture.lines.indices), header: false, top: 0, rows: rows, scale: scale,
        ticks: Ticks.values(scale, atMost: max(1, rows / 3)))
      return [lane]
    }
    let count = max(1, min(picture.lines.count, rows / 3))
    return (0..<count).map { index in
      let top = rows * index / count
      let end = rows * (index + 1) / count
      let scale = picture.scale(of: [picture.lines[index]])
      return Lane(
        lines: [index], header: true, top: top, rows: end - top, scale: scale,
        ticks: Ticks.values(scale, atMost: max(1, (end - top - 1) / 2)))
    }
  }

  /// Puts units behind the topmost labels; returns the columns that labels take.
  private func labelColumns(_ lanes: inout [Lane]) -> Int {
    let most = max(3, width / 3)
    var widest = 0
    for position in lanes.indices {
      let unit = picture.unit(of: lanes[position].lines.map { picture.lines[$0] })
      if let unit, !unit.isEmpty, let last = lanes[position].ticks.indices.last {
        lanes[position].ticks[last].label += " " + unit
      }
      for tick in lanes[position].ticks { widest = max(widest, PlainText.width(tick.label)) }
    }
    return min(widest, most)
  }

  private func legendRows() -> [[(String, Int?)]] {
    var rows: [[(String, Int?)]] = []
    var used = 0
    for index in picture.lines.indices {
      let entry = legend(index)
      let length = entry.reduce(0) { $0 + PlainText.width($1.0) }
      if rows.isEmpty || used + 3 + length > width {
        rows.append([])
        used = 0
      } else {
        rows[rows.count - 1].append(("   ", nil))
        used += 3
      }
      rows[rows.count - 1] += entry
      used += length
    }
    // Half of the picture at most; the rest is counted.
    let most = max(1, height / 3)
    guard rows.count > most else { return rows }
    let shown = rows.prefix(most)
    return shown.dropLast() + [[("\(signs.ellipsis) \(picture.lines.count) lines", Ink.axis)]]
  }

  private func legend(_ index: Int) -> [(String, Int?)] {
    let line = picture.lines[index]
    let sign = style.glyphs == .ascii ? String(Self.symbols[index % Self.symbols.count]) : signs.swatch
    let value = line.last.map { NumberText.value($0, isInteger: line.isInteger, unit: line.unit) } ?? "-"
    var parts: [(String, Int?)] = [(sign + " ", line.colour.terminal)]
    let room = max(3, width - 3 - PlainText.width(value))
    parts.append((PlainText.fit(ascii(line.name), columns: room, ellipsis: signs.ellipsis) + " ", nil))
    parts.append((ascii(value), line.colour.terminal))
    if line.lost > 0 || line.lostMore {
      parts.append((" lost " + NumberText.count(line.lost) + (line.lostMore ? "+" : ""), Ink.red))
    }
    return parts
  }

  // MARK: - Drawing

  private func drawTitle(_ canvas: inout TerminalCanvas) {
    let colour =
      switch picture.state.kind {
      case .live: Ink.green
      case .held: Ink.amber
      case .lost: Ink.red
      }
    guard !picture.isLoaded else {
      canvas.write(
        PlainText.fit(ascii(picture.title), columns: width, ellipsis: signs.ellipsis), column: 0, row: 0)
      return
    }
    let state = PlainText.fit(ascii(picture.state.text), columns: max(4, width / 2), ellipsis: signs.ellipsis)
    let column = width - PlainText.width(state) - 2
    let title = PlainText.fit(ascii(picture.title), columns: max(0, column - 2), ellipsis: signs.ellipsis)
    canvas.write(title, column: 0, row: 0)
    canvas.write(signs.dot, column: column, row: 0, colour: colour)
    canvas.write(state, column: column + 2, row: 0, colour: Ink.axis)
  }

  private func draw(_ lane: Lane, top: Int, left: Int, columns: Int, on canvas: inout TerminalCanvas) {
    let header = lane.header ? 1 : 0
    let firstRow = top + lane.top + header
    let rows = max(1, lane.rows - header)
    if lane.header {
      var column = left
      for (text, colour) in legend(lane.lines[0]) {
        canvas.write(text, column: column, row: firstRow - 1, colour: colour)
        column += PlainText.width(text)
      }
    }
    var inside = TerminalCanvas(columns: columns, rows: rows, style: style)
    let stroke = ColumnStroke(
      columns: columns * inside.dotsAcross, view: picture.view, scale: lane.scale,
      rows: rows * inside.dotsDown)
    for row in 0..<rows {
      canvas.write(signs.vertical, column: left - 1, row: firstRow + row, colour: Ink.faint)
    }
    var taken: Set<Int> = []
    for tick in lane.ticks.reversed() {
      let row = stroke.row(tick.value) / inside.dotsDown
      guard taken.insert(row).inserted else { continue }
      let label = PlainText.fit(ascii(tick.label), columns: left - 1, ellipsis: signs.ellipsis)
      canvas.write(label, column: left - 1 - PlainText.width(label), row: firstRow + row, colour: Ink.axis)
      canvas.write(signs.tick, column: left - 1, row: firstRow + row, colour: Ink.faint)
    }
    for index in lane.lines {
      let line = picture.lines[index]
      let symbol = Self.symbols[index % Self.symbols.count]
      stroke.draw(line.trace) { column, dotRows in
        inside.fill(dotColumn: column, dotRows: dotRows, colour: line.colour.terminal, symbol: symbol)
      }
    }
    for flag in picture.flags {
      guard let column = cell(flag.x, columns) else { continue }
      for row in 0..<rows {
        inside.write(signs.flag, column: column, row: row, colour: Ink.amber, overData: false)
      }
      inside.write(ascii(flag.label), column: column + 1, row: 0, colour: Ink.amber)
    }
    canvas.paste(inside, column: left, row: firstRow)
  }

  private func drawAxis(_ canvas: inout TerminalCanvas, row: Int, left: Int, columns: Int) {
    canvas.write(
      signs.corner + String(repeating: signs.horizontal, count: columns), column: left - 1, row: row,
      colour: Ink.faint)
    let caption =
      picture.caption.map { " " + PlainText.fit(ascii($0), columns: columns / 3, ellipsis: signs.ellipsis) }
      ?? ""
    let captionWidth = PlainText.width(caption)
    let ticks = picture.axis.ticks(picture.view, width: Double(columns), gap: 2) {
      Double(PlainText.width($0))
    }
    var free = 0
    for tick in ticks {
      guard let column = cell(tick.value, columns) else { continue }
      canvas.write(signs.mark, column: left + column, row: row, colour: Ink.faint)
      let label = PlainText.width(tick.label)
      let from = min(max(0, left + column - label / 2), width - label)
      guard from >= free, from + label <= width - captionWidth else { continue }
      free = from + label + 1
      canvas.write(tick.label, column: from, row: row + 1, colour: Ink.axis)
    }
    canvas.write(caption, column: width - captionWidth, row: row + 1, colour: Ink.axis)
    for line in picture.lines {
      for gap in line.trace.gaps {
        guard let column = cell(gap.x, columns) else { continue }
        canvas.write(signs.gap, column: left + column, row: row, colour: Ink.red)
      }
    }
  }

  private func cell(_ x: Double, _ columns: Int) -> Int? {
    let part = (x - picture.view.lowerBound) / (picture.view.upperBound - picture.view.lowerBound)
    guard part >= 0, part <= 1 else { return nil }
    return min(columns - 1, Int(saturating: part * Double(columns)))
  }

  /// Names in what the terminal can show.
  private func ascii(_ text: String) -> String {
    guard style.glyphs == .ascii else { return text }
    return String(text.map { $0.isASCII ? $0 : $0 == "µ" ? "u" : $0 == "·" ? "." : "?" })
  }
}

extension PlotPicture {
  /// What stands at the end of the horizontal axis; the time of day needs no word.
  package var caption: String? {
    if case .wall = axis { return nil }
    return axis.caption
  }
}
