public import Plotting
import Telemetry

/// A plot as scripts hold it: what is shown, and where.
public final class PlotObject {
  public let plot: Plot
  /// Of the live page; nil for a plot that is drawn in the terminal.
  public internal(set) var url: String?
  let isTerminal: Bool
  /// It moved in the terminal, so an echo need not show it once more.
  var wasShown = false

  init(_ plot: Plot, isTerminal: Bool) {
    self.plot = plot
    self.isTerminal = isTerminal
  }

  var isLive: Bool { plot.streamers.contains { $0.isLive } }

  /// One line: what it shows and how it stands.
  var summary: String {
    let channels = plot.channels
    let names =
      channels.count <= 6 ? channels.joined(separator: ", ") : "\(channels[0]) … (\(channels.count) channels)"
    return "plot of \(names)\(plot.isClosed ? ", closed" : "")"
  }
}

/// What plots need of a program: a terminal, and a way to show pages. Called on the interpreter's thread.
public protocol PlotFront: AnyObject {
  /// Columns and rows that a picture may take, and what the terminal can show.
  var pictureSize: (columns: Int, rows: Int) { get }
  var pictureStyle: TerminalStyle { get }
  /// Brings a page before somebody's eyes where there is somebody; answers what they have to do by themselves.
  func open(_ url: String) -> [String]
  /// Takes the terminal for a moving picture, and its keys; false where there is no terminal with a person at it.
  func beginPicture() -> Bool
  func showPicture(_ lines: [String])
  /// A key was pressed, or something else needs the terminal. Takes what was typed.
  var wantsPictureToEnd: Bool { get }
  /// Gives everything back; the last picture stays.
  func endPicture()
}

extension PlotFront {
  func draw(_ object: PlotObject, moves: Bool = false) -> [String] {
    let (columns, rows) = pictureSize
    return object.plot.terminalPicture(width: columns, height: rows, style: pictureStyle, moves: moves)
  }
}
