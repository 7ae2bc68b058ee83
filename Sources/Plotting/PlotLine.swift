import Telemetry

/// One channel that a plot shows, over the life of the plot.
struct PlotLine {
  let input: Int
  let channel: Channel
  let name: String
  let colour: LineColour
  private(set) var series: Series?
  private(set) var pyramid: Pyramid
  private(set) var lost: Int64 = 0
  private(set) var lostMore = false
  private var gapsSeen: Int64 = -1

  init(input: Int, channel: Channel, name: String, colour: LineColour) {
    self.input = input
    self.channel = channel
    self.name = name
    self.colour = colour
    pyramid = Pyramid(type: channel.type)
  }

  /// Takes the newest snapshot; counts what is missing in it once.
  mutating func update(_ snapshot: Series, withPyramid: Bool) {
    for gap in snapshot.gaps where gap.at > gapsSeen {
      gapsSeen = gap.at
      if let samples = gap.samples { lost = lost.addingSaturating(samples) } else { lostMore = true }
    }
    series = Self.sinceRestart(snapshot)
    if withPyramid, let series { pyramid.update(series) }
  }

  /// Times fall where a source began anew: what was before cannot be on the same axis.
  private static func sinceRestart(_ snapshot: Series) -> Series {
    let restart = snapshot.gaps.last {
      ($0.reason == .restart || $0.reason == .time && $0.samples == nil) && $0.at > snapshot.first
    }
    guard let restart else {
      return snapshot
    }
    let from = Int(restart.at - snapshot.first)
    return from < snapshot.count ? snapshot[from..<snapshot.count] : snapshot
  }

  /// The newest sample that is a number.
  var last: Double? {
    guard let series, series.count > 0 else { return nil }
    return series[series.count - 1].number
  }

  /// Samples a second over the last five seconds, by the samples' own times.
  func rate(_ clock: LineClock) -> Double? {
    guard let series, series.count > 1 else { return nil }
    let newest = clock.x(series, series.count - 1)
    let from = Search.first(in: 0..<series.count - 1) { clock.x(series, $0) >= newest - 5 }
    let span = newest - clock.x(series, from)
    return span > 0 ? Double(series.count - 1 - from) / span : nil
  }
}
