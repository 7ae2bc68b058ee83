import Glibc
import Signals
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

  /// Magnitudes of the newest samples, in dB of one unit, over frequency. Missing samples are filled with straight lines.
  func drawSpectra(of drawn: [PlotLine], into picture: inout PlotPicture, columns: Int) {
    var highest = 0.0
    for (position, line) in drawn.enumerated() {
      guard let series = line.series, series.count >= Self.spectrumSizeMin else { continue }
      var size = options.spectrumSize
      while size > series.count { size /= 2 }
      guard let spectrum = try? series.fft(size: size, window: .hann, gaps: .interpolate) else { continue }
      let bins = spectrum.magnitudes.count
      let width = max(1, bins / (columns * 2) + (bins % (columns * 2) == 0 ? 0 : 1))
      var trace = Trace()
      trace.bucketSize = Int64(width)
      for first in stride(from: 0, to: bins, by: width) {
        let last = min(bins, first + width) - 1
        var envelope = Envelope.empty
        for bin in first...last {
          let magnitude = spectrum.magnitudes[bin].number ?? 0
          let level = magnitude.isNaN ? .nan : 20 * log10(max(magnitude, Self.magnitudeMin))
          envelope.join(level.isNaN ? .empty : Envelope(low: level, high: level))
        }
        let from = spectrum.frequencies[first].number ?? 0
        let to = spectrum.frequencies[last].number ?? 0
        if width == 1 {
          trace.append(x: from, envelope.isEmpty ? .nan : envelope.low)
        } else {
          trace.append(x: (from + to) / 2, envelope)
        }
        highest = max(highest, to)
      }
      picture.lines[position].trace = trace
    }
    picture.axis = .frequency
    picture.view = 0...(highest > 0 ? highest : 1)
    picture.extent = picture.view
    picture.scaleUnit = "dB"
  }

  private static let spectrumSizeMin = 16
  /// -240 dB: silence has a place on the scale.
  private static let magnitudeMin = 1e-12
}
