import Telemetry

/// Writes a picture as SVG: the same bytes for the same data, text as real text.
package struct SVGPicture {
  /// Ground and inks of a still.
  package enum Theme: String, Sendable { case light, dark }

  private let picture: PlotPicture
  private let width: Int
  private let height: Int
  private let theme: Theme
  private var text = ""

  private struct Inks {
    var ground = "#ffffff", ink = "#1b2026", soft = "#5b6673", grid = "#e3e7eb", edge = "#aab3bd",
      red = "#b81f2e"
    var amber = "#9a6700"
    static let dark = Inks(
      ground: "#14181d", ink: "#e6e9ed", soft: "#98a3b0", grid: "#262d35", edge: "#4a5561", red: "#ff7b80",
      amber: "#e9b949")
  }

  private struct Area {
    var left: Double
    var top: Double
    var width: Double
    var height: Double
    var right: Double { left + width }
    var bottom: Double { top + height }
  }

  private var inks: Inks { theme == .light ? Inks() : .dark }
  private static let fontSize = 12.0
  private static let lineHeight = 20.0

  package init(_ picture: PlotPicture, width: Int = 960, height: Int = 540, theme: Theme = .light) {
    self.picture = picture
    self.width = min(max(160, width), PlotLimits.stillSideMax)
    self.height = min(max(120, height), PlotLimits.stillSideMax)
    self.theme = theme
  }

  package func svg() -> String {
    var writer = self
    writer.write()
    return writer.text
  }

  // MARK: - Layout

  private mutating func write() {
    let legend = legendRows()
    let lanes = bands()
    let scales = lanes.map { picture.scale(of: $0.map { picture.lines[$0] }) }
    let top = 40.0
    let bottom = Double(height) - 46 - Double(legend.count) * Self.lineHeight
    let laneHeight = max(8, (bottom - top) / Double(lanes.count))
    let gap = lanes.count > 1 ? min(10, laneHeight / 5) : 0
    let ticks = zip(lanes, scales).map { lane, scale in
      labelled(
        Ticks.values(
          scale, atMost: max(1, Int(saturating: (laneHeight - gap) / (lanes.count > 1 ? 30 : 44)))), lane)
    }
    let widest = ticks.joined().reduce(24) { max($0, Self.measure($1.label)) }
    let left = min(widest + 14, Double(width) / 3)
    let plot = Area(left: left, top: top, width: Double(width) - left - 18, height: max(8, bottom - top))

    text = """
      <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" viewBox="0 0 \(width) \(height)" \
      font-family="DejaVu Sans, Verdana, sans-serif" font-size="12">
      <title>\(Self.escape(picture.title))</title>
      <rect width="\(width)" height="\(height)" fill="\(inks.ground)"/>

      """
    put(picture.title, 14, 24, inks.ink, attributes: " font-size=\"14\"", room: Double(width) - 28)
    let marks = picture.axis.ticks(picture.view, width: plot.width, gap: 14, measure: Self.measure)
    for (position, lane) in lanes.enumerated() {
      let area = Area(
        left: plot.left, top: plot.top + Double(position) * laneHeight, width: plot.width,
        height: laneHeight - gap)
      draw(lane, area, scales[position], ticks[position], marks, id: position)
    }
    drawAxis(plot, marks)
    drawLegend(legend)
    text += "</svg>\n"
  }

  private func bands() -> [[Int]] {
    picture.layout == .lanes && picture.lines.count > 1
      ? picture.lines.indices.map { [$0] } : [Array(picture.lines.indices)]
  }

  private func labelled(_ ticks: [Tick], _ lane: [Int]) -> [Tick] {
    var ticks = ticks
    let unit = picture.unit(of: lane.map { picture.lines[$0] })
    if let unit, !unit.isEmpty, let last = ticks.indices.last { ticks[last].label += " " + unit }
    return ticks
  }

  // MARK: - Drawing

  private mutating func draw(
    _ lane: [Int], _ area: Area, _ scale: ClosedRange<Double>, _ ticks: [Tick], _ marks: [Tick], id: Int
  ) {
    text += "<g stroke=\"\(inks.grid)\" stroke-width=\"1\">\n"
    for tick in ticks {
      let y = Self.crisp(place(tick.value, scale, area))
      text += "<path d=\"M\(Self.number(area.left)) \(y)H\(Self.number(area.right))\"/>\n"
    }
    for mark in marks {
      let x = Self.crisp(across(mark.value, area))
      text += "<path d=\"M\(x) \(Self.number(area.top))V\(Self.number(area.bottom))\"/>\n"
    }
    text += "</g>\n"
    for tick in ticks {
      put(
        tick.label, area.left - 6, place(tick.value, scale, area) + 4, inks.soft,
        attributes: " text-anchor=\"end\"",
        room: area.left - 8)
    }
    text +=
      "<clipPath id=\"c\(id)\"><rect x=\"\(Self.number(area.left))\" y=\"\(Self.number(area.top - 2))\""
      + " width=\"\(Self.number(area.width + 1))\" height=\"\(Self.number(area.height + 4))\"/></clipPath>\n"
    text += "<g clip-path=\"url(#c\(id))\" fill=\"none\" stroke-width=\"1.2\" stroke-linejoin=\"round\">\n"
    for index in lane { drawTrace(picture.lines[index], area, scale) }
    text += "</g>\n"
    for gap in joinedGaps(lane) { drawGap(gap, area) }
    for flag in picture.flags where picture.view.contains(flag.x) { drawFlag(flag, area, named: id == 0) }
  }

  private mutating func drawTrace(_ line: PlotPicture.Line, _ area: Area, _ scale: ClosedRange<Double>) {
    let colour = theme == .light ? line.colour.onLight : line.colour.onDark
    let trace = line.trace
    var path = ""
    var points: [(x: Double, y: Double)] = []
    func endRun() -> (path: String, dot: (x: Double, y: Double)?) {
      guard points.count != 1 else { return ("", points[0]) }
      var part = ""
      for (position, point) in points.enumerated() {
        part += (position == 0 ? "M" : "L") + Self.number(point.x) + " " + Self.number(point.y)
      }
      return (part, nil)
    }
    var dots: [(x: Double, y: Double)] = []
    func close() {
      let (part, dot) = endRun()
      path += part
      if let dot { dots.append(dot) }
      points = []
    }
    for position in trace.x.indices {
      guard !trace.low[position].isNaN else {
        close()
        continue
      }
      let x = across(trace.x[position], area)
      let low = place(trace.low[position], scale, area)
      let high = trace.isBuckets ? place(trace.high[position], scale, area) : low
      if low == high {
        points.append((x, low))
      } else {
        // The nearer end first: one line through all extremes.
        let fromLow = points.last.map { abs($0.y - low) <= abs($0.y - high) } ?? true
        points.append((x, fromLow ? low : high))
        points.append((x, fromLow ? high : low))
      }
    }
    close()
    if !path.isEmpty { text += "<path stroke=\"\(colour)\" d=\"\(path)\"/>\n" }
    for dot in dots {
      text +=
        "<circle cx=\"\(Self.number(dot.x))\" cy=\"\(Self.number(dot.y))\" r=\"2\" fill=\"\(colour)\"/>\n"
    }
  }

  /// Gaps of some lines as ranges that do not overlap; a count only where one gap is alone.
  private func joinedGaps(_ lane: [Int]) -> [Trace.GapMark] {
    var result: [Trace.GapMark] = []
    for gap in lane.flatMap({ picture.lines[$0].trace.gaps }).sorted(by: { $0.from < $1.from }) {
      if let last = result.last, gap.from <= last.x {
        if gap != last { result[result.count - 1].samples = nil }
        result[result.count - 1].x = max(last.x, gap.x)
      } else {
        result.append(gap)
      }
    }
    return result
  }

  private mutating func drawGap(_ gap: Trace.GapMark, _ area: Area) {
    let what = gap.samples.map { "\($0) samples missing" } ?? "samples missing"
    let from = max(area.left, across(gap.from, area))
    let to = min(area.right, across(gap.x, area))
    text +=
      "<rect x=\"\(Self.number(from))\" y=\"\(Self.number(area.top))\" width=\"\(Self.number(max(1, to - from)))\""
      + " height=\"\(Self.number(area.height))\" fill=\"\(inks.red)\" fill-opacity=\"0.1\"><title>\(what)</title></rect>\n"
    let middle = (from + to) / 2
    text +=
      "<path d=\"M\(Self.number(middle - 4)) \(Self.number(area.bottom + 5))h8l-4 -6z\" fill=\"\(inks.red)\"/>\n"
  }

  private mutating func drawFlag(_ flag: PlotPicture.Flag, _ area: Area, named: Bool) {
    let x = across(flag.x, area)
    text +=
      "<path d=\"M\(Self.crisp(x)) \(Self.number(area.top))V\(Self.number(area.bottom))\" stroke=\"\(inks.amber)\"/>\n"
    guard named else { return }
    let width = min(Self.measure(flag.label), 160) + 10
    let left = min(x, Double(self.width) - width - 4)
    text +=
      "<rect x=\"\(Self.number(left))\" y=\"\(Self.number(area.top - 2))\" width=\"\(Self.number(width))\""
      + " height=\"17\" fill=\"\(inks.amber)\"/>\n"
    put(flag.label, left + 5, area.top + 11, inks.ground, room: 160)
  }

  private mutating func drawAxis(_ plot: Area, _ marks: [Tick]) {
    let y = Self.crisp(plot.bottom)
    text +=
      "<path d=\"M\(Self.number(plot.left)) \(y)H\(Self.number(plot.right))\" stroke=\"\(inks.edge)\"/>\n"
    let caption = picture.caption ?? ""
    let room = plot.right - (caption.isEmpty ? 0 : Self.measure(caption) + 10)
    var free = 0.0
    for mark in marks {
      let half = Self.measure(mark.label) / 2
      let x = min(max(across(mark.value, plot), half + 2), Double(width) - half - 2)
      guard x - half >= free, x + half <= max(room, plot.left) || caption.isEmpty else { continue }
      free = x + half + 6
      put(mark.label, x, plot.bottom + 19, inks.soft, attributes: " text-anchor=\"middle\"")
    }
    put(
      caption, plot.right, plot.bottom + 19, inks.soft, attributes: " text-anchor=\"end\"",
      room: plot.width / 2)
  }

  // MARK: - Legend

  private func entry(_ line: PlotPicture.Line) -> (name: String, value: String, lost: String) {
    let lost =
      line.lost > 0 || line.lostMore ? "lost " + NumberText.count(line.lost) + (line.lostMore ? "+" : "") : ""
    return (
      PlainText.fit(line.name, columns: 40),
      line.last.map { NumberText.value($0, isInteger: line.isInteger, unit: line.unit) } ?? "–", lost
    )
  }

  private func widthOf(_ line: PlotPicture.Line) -> Double {
    let (name, value, lost) = entry(line)
    return 22 + Self.measure(name) + 8 + Self.measure(value) + (lost.isEmpty ? 0 : Self.measure(lost) + 8)
      + 22
  }

  private func legendRows() -> [[Int]] {
    var rows: [[Int]] = []
    var used = 0.0
    for index in picture.lines.indices {
      let length = widthOf(picture.lines[index])
      if rows.isEmpty || used + length > Double(width) - 20 {
        rows.append([])
        used = 0
      }
      rows[rows.count - 1].append(index)
      used += length
    }
    return Array(rows.prefix(max(1, Int(saturating: Double(height) / 3 / Self.lineHeight))))
  }

  private mutating func drawLegend(_ rows: [[Int]]) {
    for (position, row) in rows.enumerated() {
      var x = 14.0
      let y = Double(height) - 12 - Double(rows.count - 1 - position) * Self.lineHeight
      for index in row {
        let line = picture.lines[index]
        let colour = theme == .light ? line.colour.onLight : line.colour.onDark
        let (name, value, lost) = entry(line)
        text +=
          "<rect x=\"\(Self.number(x))\" y=\"\(Self.number(y - 7))\" width=\"16\" height=\"4\" fill=\"\(colour)\"/>\n"
        put(name, x + 22, y, inks.ink)
        let after = x + 22 + Self.measure(name) + 8
        put(value, after, y, inks.soft)
        if !lost.isEmpty { put(lost, after + Self.measure(value) + 8, y, inks.red) }
        x += widthOf(line)
      }
    }
  }

  // MARK: - Places and text

  private func across(_ x: Double, _ area: Area) -> Double {
    let part = (x - picture.view.lowerBound) / (picture.view.upperBound - picture.view.lowerBound)
    return area.left + min(max(part, -1), 2) * area.width
  }

  private func place(_ value: Double, _ scale: ClosedRange<Double>, _ area: Area) -> Double {
    let width = scale.upperBound / 2 - scale.lowerBound / 2
    let part = (scale.upperBound / 2 - value / 2) / width
    return area.top + min(max(part, -4), 5) * area.height
  }

  private mutating func put(
    _ words: String, _ x: Double, _ y: Double, _ colour: String, attributes: String = "", room: Double? = nil
  ) {
    guard !words.isEmpty else { return }
    var shown = words
    if let room { shown = PlainText.fit(words, columns: max(1, Int(saturating: room / Self.measure("0")))) }
    text += "<text x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" fill=\"\(colour)\"\(attributes)>"
    text += Self.escape(shown) + "</text>\n"
  }

  /// About what DejaVu Sans needs at this size; exact metrics are the viewer's.
  private static func measure(_ text: String) -> Double {
    Double(PlainText.width(text)) * fontSize * 0.6
  }

  static func escape(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.append(character)
      }
    }
    return result
  }

  /// Hundredths of a point, without zeros at the end.
  private static func number(_ value: Double) -> String {
    // Pictures are smaller by far; what is not even a number has no place.
    let hundredths = min(max(Int(saturating: (value * 100).rounded()), -1_000_000_000), 1_000_000_000)
    let sign = hundredths < 0 ? "-" : ""
    let whole = abs(hundredths) / 100
    let rest = abs(hundredths) % 100
    if rest == 0 { return "\(sign)\(whole)" }
    return rest % 10 == 0 ? "\(sign)\(whole).\(rest / 10)" : "\(sign)\(whole).\(rest < 10 ? "0" : "")\(rest)"
  }

  /// The middle of a point, where a thin line is sharp.
  private static func crisp(_ value: Double) -> String { number(value.rounded(.down) + 0.5) }
}
