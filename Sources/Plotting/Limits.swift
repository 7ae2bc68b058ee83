/// The bounds of everything that grows here, each with its reason.
public enum PlotLimits {
  /// Lines in one picture: more cannot be told apart, and a table of them still fits one message.
  public static let linesMax = 256
  /// Flags in one picture; the oldest go first. A trigger that fires all night must not grow a plot.
  public static let flagsMax = 500
  /// Pixels that a page may ask for: two 4K screens side by side.
  package static let pixelsMax = 8192
  /// Points of an x-y curve: more than a screen shows, less than a frame's 16 MiB.
  package static let xyPointsMax = 20_000
  /// Samples of a spectrum: 5.9 s of audio, 0.17 Hz apart.
  package static let spectrumSizeMax = 1 << 18
  /// Bytes of one message of a page: a view has 24, and a bit for each line.
  package static let viewBytesMax = 256
  /// Pages of one plot at a time: a class of students; each costs a picture for every frame it draws.
  package static let pagesMax = 32
  /// Plots that one server shows: what a person can have open as tabs.
  package static let plotsMax = 64
  /// Bytes waiting for one page: two frames of the largest picture; it asks for the next only after drawing.
  package static let pageOutboundBytes = 32 << 20
  /// Columns and rows of a terminal picture: larger than any terminal.
  package static let terminalColumnsMax = 1000
  package static let terminalRowsMax = 500
  /// Points of a still picture's side.
  package static let stillSideMax = 16_384
  /// Seconds that `rsvg-convert` may take: 100 times what was measured.
  package static let convertSecondsMax = 20
}
