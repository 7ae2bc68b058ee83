import Telemetry

/// The views whose horizontal axis is not time.
extension PlotCore {
  /// Values of each line over the values of the channel `x` at the same moments, of the window of the options.
  func drawCurves(of drawn: [PlotLine], into picture: inout PlotPicture) {
    guard let across = lines.first(where: { $0.channel.name == options.x }), let x = across.series,
      let clock = lineClock(across), x.count > 0
    else {
      picture.axis = .value(name: options.x ?? "", unit: nil)
      return
    }
    var seen = Envelope.empty
    for (position, line) in drawn.enumerated() {
      guard let y = line.series, let own = lineClock(line), y.count > 0 else { continue }
      let from = Search.first(in: 0..<y.count) { own.x(y, $0) >= picture.view.lowerBound }
      let first = max(from, y.count - PlotLimits.xyPointsMax)
      // The newest x that is not younger than y: right for unequal rates too.
      var place = 0
      var trace = Trace()
      let breaks = Set((y.gaps + x.gaps).map(\.at))
      if first < y.count {
        place = max(0, Search.first(in: 0..<x.count) { clock.x(x, $0) > own.x(y, first) } - 1)
      }
      for sample in first..<y.count {
        let time = own.x(y, sample)
        while place + 1 < x.count, clock.x(x, place + 1) <= time { place += 1 }
        let value = x[place].number ?? .nan
        if breaks.contains(y.first + Int64(sample)) { trace.appendBreak(x: value) }
        trace.append(x: value, value.isFinite ? y[sample].number ?? .nan : .nan)
        if value.isFinite { seen.join(Envelope(low: value, high: value)) }
      }
      picture.lines[position].trace = trace
    }
    picture.axis = .value(name: across.name, unit: across.channel.unit.map(PlainText.clean))
    picture.view = PlotPicture.padded(seen)
    picture.extent = picture.view
  }
}
