public import Telemetry

extension Series {
  /// The samples as a row of bars, at most `width` characters. Where several samples share a character the one that
  /// lies farthest from the mean is shown, so that a single spike is seen. NaN is a space; empty when the samples
  /// are no numbers. Truth values count as 0 and 1.
  public func sparkline(width: Int) -> String {
    guard width > 0, count > 0, let values = try? numbersOrTruth() else { return "" }
    var low = Double.infinity
    var high = -Double.infinity
    var mean = 0.0
    var finite = 0.0
    for value in values where value.isFinite {
      low = Swift.min(low, value)
      high = Swift.max(high, value)
      finite += 1
      mean += (value - mean) / finite
    }
    let cells = Swift.min(width, values.count)
    var text = ""
    for cell in 0..<cells {
      // In wide arithmetic: a position times a width may be big.
      let from = bound(cell, of: cells)
      let to = bound(cell + 1, of: cells)
      var shown = Double.nan
      for value in values[from..<to] where !value.isNaN {
        if !(Swift.abs(value - mean) <= Swift.abs(shown - mean)) { shown = value }
      }
      text.append(Self.bar(shown, low, high))
    }
    return text
  }

  private func bound(_ cell: Int, of cells: Int) -> Int {
    let (high, low) = count.multipliedFullWidth(by: cell)
    return cells.dividingFullWidth((high, low)).quotient
  }

  /// Truth values count as 0 and 1.
  func numbersOrTruth() throws(TelemetryError) -> [Double] {
    if type == .bool { return Runs<UInt8>(series: self).map { $0 == 0 ? 0 : 1 } }
    return try doubles()
  }

  private static let bars: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

  private static func bar(_ value: Double, _ low: Double, _ high: Double) -> Character {
    if value.isNaN { return " " }
    if value.isInfinite { return value > 0 ? bars[7] : bars[0] }
    // Halves, because a range may be wider than the largest number; of the smallest ones nothing is left then.
    let half = high / 2 - low / 2
    guard half > 0 else { return bars[3] }
    return bars[Swift.min(7, Swift.max(0, Int(saturating: (value / 2 - low / 2) / half * 8)))]
  }
}
