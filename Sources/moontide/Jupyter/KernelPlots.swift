import JSON
import Notebooks
import Plotting
import Telemetry

/// Plots in a kernel's front ends: a still under the cell that made it, drawn anew while its streams run; the last one
/// stays in the saved notebook.
final class KernelPlots {
  private struct Shown {
    let plot: Plot
    let id: String
    let origin: CellOrigin
    var svg: String
    /// A last look when the streams have ended, and no more.
    var isOver = false
  }

  private unowned let display: KernelDisplay
  private var plots: [Shown] = []
  private var made: [Plot] = []
  private var due: ContinuousClock.Instant?

  init(_ display: KernelDisplay) { self.display = display }

  /// A cell made it; shown when there is something to see, at the cell's end at the latest.
  func add(_ plot: Plot) {
    show(plot)
    due = due ?? .now + KernelLimits.plotDelay
  }

  private func show(_ plot: Plot) {
    guard !display.isSilent else { return }
    let shown = Shown(plot: plot, id: KernelLimits.newID(), origin: display.origin, svg: plot.svg())
    if plots.count >= KernelLimits.plots { plots.removeFirst() }
    plots.append(shown)
    publish(shown, "display_data")
  }

  private func publish(_ shown: Shown, _ type: String) {
    let names = shown.plot.options.title ?? shown.plot.channels.joined(separator: ", ")
    display.publish(
      type,
      [
        "data": ["image/svg+xml": .string(shown.svg), "text/plain": .string("plot of \(names)")],
        "metadata": [:], "transient": ["display_id": .string(shown.id)],
      ], of: shown.origin)
  }

  func cellEnded() { draw() }

  /// Draws what has changed when it is time to; answers when it is time again.
  func refresh() -> ContinuousClock.Instant? {
    if let due, due <= .now { draw() }
    return due
  }

  private func draw() {
    for index in plots.indices where !plots[index].isOver {
      // Asked before the look: what comes in between is seen by the next one.
      let isOver = plots[index].plot.isClosed || !plots[index].plot.streamers.contains { $0.isLive }
      let svg = plots[index].plot.svg()
      plots[index].isOver = isOver
      guard svg != plots[index].svg else { continue }
      plots[index].svg = svg
      publish(plots[index], "update_display_data")
    }
    plots.removeAll { $0.isOver }
    due = plots.isEmpty ? nil : .now + KernelLimits.plotDelay
  }
}
