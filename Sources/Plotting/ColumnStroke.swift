import Telemetry

/// Turns a trace into ranges of rows, one for each column that the line passes: every extreme is in one of them, and
/// neighbours touch.
struct ColumnStroke {
  let columns: Int
  let view: ClosedRange<Double>
  let scale: ClosedRange<Double>
  /// Rows of the area, 0 at the top.
  let rows: Int

  /// Calls `body` with a column and the rows from top to bottom.
  func draw(_ trace: Trace, _ body: (Int, ClosedRange<Int>) -> Void) {
    var previous: (x: Double, low: Double, high: Double)?
    for position in trace.x.indices {
      let low = trace.low[position]
      guard !low.isNaN else {
        previous = nil
        continue
      }
      let high = trace.isBuckets ? trace.high[position] : low
      let x = place(trace.x[position])
      if let previous { connect(previous, (x, low, high), body) }
      fill(x, low, high, body)
      previous = (x, low, high)
    }
  }

  private func place(_ x: Double) -> Double {
    (x - view.lowerBound) / (view.upperBound - view.lowerBound) * Double(columns)
  }

  private func connect(
    _ a: (x: Double, low: Double, high: Double), _ b: (x: Double, low: Double, high: Double),
    _ body: (Int, ClosedRange<Int>) -> Void
  ) {
    // From the nearest ends; where both overlap, from the middle of what they share.
    let shared = (max(a.low, b.low), min(a.high, b.high))
    let from = a.high < b.low ? a.high : a.low > b.high ? a.low : shared.0 / 2 + shared.1 / 2
    let to = a.high < b.low ? b.low : a.low > b.high ? b.high : from
    guard from.isFinite, to.isFinite, b.x > a.x else { return }
    let first = max(0, a.x.rounded(.down))
    let last = min(Double(columns - 1), b.x.rounded(.down))
    guard first <= last else { return }
    func value(_ x: Double) -> Double {
      // A level line stays on its row: rounding would lift a dot here and there.
      if from == to { return from }
      let part = min(max((x - a.x) / (b.x - a.x), 0), 1)
      return from * (1 - part) + to * part
    }
    for column in Int(saturating: first)...Int(saturating: last) {
      let left = value(Double(column))
      let right = value(Double(column) + 1)
      fill(Double(column), min(left, right), max(left, right), body)
    }
  }

  private func fill(_ x: Double, _ low: Double, _ high: Double, _ body: (Int, ClosedRange<Int>) -> Void) {
    // The newest sample lies on the right edge itself.
    let column =
      x == Double(columns) ? columns - 1 : Int(saturating: max(-1, min(x.rounded(.down), Double(columns))))
    guard column >= 0, column < columns, high >= scale.lowerBound, low <= scale.upperBound else { return }
    let top = row(min(high, scale.upperBound))
    body(column, top...max(top, row(max(low, scale.lowerBound))))
  }

  /// The row of a value within the scale.
  func row(_ value: Double) -> Int {
    let width = scale.upperBound / 2 - scale.lowerBound / 2
    let part = (scale.upperBound / 2 - value / 2) / width
    return min(rows - 1, max(0, Int(saturating: (part * Double(rows - 1)).rounded())))
  }
}
