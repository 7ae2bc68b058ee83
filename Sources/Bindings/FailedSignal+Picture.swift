import Plotting
import Telemetry

extension FailedSignal {
  /// What the check saw, with the levels that it was about, in rows of characters; nil when nothing came at all.
  public func picture(columns: Int = 72, rows: Int = 14) -> String? {
    guard let seen = window.series.first(where: { $0.channel.name == channel }), seen.count > 0,
      let first = seen.time(0), let last = seen.time(seen.count - 1)
    else { return nil }
    let lines = levels.map { level in
      let line = Channel(name: "\(level)", type: .float64, clock: seen.clock, unit: seen.channel.unit)
      let stamps = Timing.stamped(SampleStorage([first, last], as: .timestamp), offset: 0)
      return Series(line, SampleStorage([level, level], as: .float64), timing: stamps)
    }
    let options = PlotOptions(title: sentence)
    guard let plot = try? Plot([.frame(Frame([seen] + lines), label: nil)], options: options) else {
      return nil
    }
    let style = TerminalStyle(glyphs: .braille, hasColours: false)
    return plot.terminalPicture(width: columns, height: rows, style: style).joined(separator: "\n")
  }
}
