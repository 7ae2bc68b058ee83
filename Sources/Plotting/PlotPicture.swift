/// Everything that a picture shows, at one moment. Page, terminal and stills draw this and nothing else, so that names,
/// units, colours and numbers are the same in all of them.
package struct PlotPicture: Sendable {
  package struct Line: Sendable {
    package var name: String
    package var unit: String?
    package var colour: LineColour
    package var isInteger: Bool
    package var trace: Trace
    /// The newest value; nil before the first sample.
    package var last: Double?
    /// Samples a second over the last seconds; nil where that has no meaning.
    package var rate: Double?
    /// Samples that were never received, as far as anybody counted.
    package var lost: Int64
    /// True when there are gaps of unknown size besides.
    package var lostMore: Bool
  }

  package struct Flag: Sendable, Hashable {
    package var kind: PlotFlag.Kind
    package var label: String
    package var x: Double
  }

  package var title: String
  package var kind: PlotOptions.Kind
  package var layout: PlotOptions.Layout
  package var axis: HorizontalAxis
  /// What of the axis is seen.
  package var view: ClosedRange<Double>
  /// All that there is.
  package var extent: ClosedRange<Double>?
  /// The fixed scale; nil follows the data.
  package var y: ClosedRange<Double>?
  package var lines: [Line]
  package var flags: [Flag]
  package var state: PlotState
  /// True when nothing more can come.
  package var isLoaded: Bool
  /// The unit of the vertical scale where it is not that of the values.
  package var scaleUnit: String?

  /// The unit that some lines share on the vertical scale; nil when there is none.
  package func unit(of lines: some Sequence<Line>) -> String? {
    if let scaleUnit { return scaleUnit }
    let units = Set(lines.map { $0.unit ?? "" })
    return units.count == 1 ? units.first : nil
  }

  /// The vertical scale of some lines: the fixed one, or what is in view with a little air.
  package func scale(of lines: some Sequence<Line>) -> ClosedRange<Double> {
    if let y { return y }
    var all = Envelope.empty
    for line in lines { all.join(line.trace.range) }
    return Self.padded(all)
  }

  static func padded(_ range: Envelope) -> ClosedRange<Double> {
    guard !range.isEmpty else { return -1...1 }
    // Closer together than halves and tenths of them could tell counts as one value.
    if range.low / 2 + Self.leastHeight >= range.high / 2 {
      let air = range.low == 0 ? 1 : max(range.low.magnitude * 0.1, 4 * Self.leastHeight)
      return finite(range.low - air)...finite(range.high + air)
    }
    // Halves and tenths first: the width of the largest range is more than the largest number.
    let air = range.high * 0.05 - range.low * 0.05
    let low = finite(range.low - air)
    let high = finite(range.high + air)
    return low < high ? low...high : low...low.nextUp
  }

  private static let leastHeight = 1e-300

  private static func finite(_ value: Double) -> Double {
    min(max(value, -Double.greatestFiniteMagnitude), .greatestFiniteMagnitude)
  }
}

/// How things stand with the streams behind a plot.
package struct PlotState: Sendable, Hashable {
  package enum Kind: UInt32, Sendable {
    /// Samples are coming.
    case live = 0
    /// Nothing is expected to come: stopped, finished, loaded data; or nothing comes though it should.
    case held = 1
    /// The connection is away or gone.
    case lost = 2
  }

  package var kind: Kind
  /// `live`, `stopped`, `reconnecting: …`.
  package var text: String

  package init(_ kind: Kind, _ text: String) {
    self.kind = kind
    self.text = text
  }
}

/// What part of the horizontal axis is wanted.
package enum PlotView: Sendable, Hashable {
  /// The newest; nil takes the window of the options.
  case follow(span: Double?)
  /// The same, but unless somebody asked for a window it holds nothing but data: what a still shows.
  case still
  case range(ClosedRange<Double>)
  case everything
}
