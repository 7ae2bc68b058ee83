import Notebooks
import Plotting

/// Puts a script's plots into its record: as they look when a cell has ended, and once more at the end of the run, when
/// their streams have. On the interpreter's thread.
final class PlotRecorder {
  /// A record is read by people; a script that makes a plot a second must not fill it.
  private static let mostPlots = 50

  private let record: RunRecord
  private var plots: [(plot: Plot, last: String)] = []

  init(_ record: RunRecord) {
    self.record = record
    record.whenCellEnds = { [unowned self] in take() }
  }

  func add(_ plot: Plot) {
    if plots.count < Self.mostPlots { plots.append((plot, "")) }
  }

  /// Writes stills of those that have changed.
  func take() {
    for index in plots.indices {
      let plot = plots[index].plot
      let svg = plot.svg()
      guard svg != plots[index].last else { continue }
      plots[index].last = svg
      let title = plot.options.title ?? plot.channels.joined(separator: ", ")
      record.plot(index + 1, title: title, svg: svg, darkSVG: plot.svg(isDark: true))
    }
  }
}
