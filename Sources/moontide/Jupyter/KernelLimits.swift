import Foundation

/// Bounds of a kernel's output and patience, each with its reason.
enum KernelLimits {
  /// Front ends lay out a cell anew for every message; 20 a second look as if they came at once.
  static let textDelay = Duration.milliseconds(50)
  /// One message of this size is shown as quickly as many small ones.
  static let textBytes = 64 << 10
  static let progressDelay = Duration.milliseconds(200)
  /// A still is some 100 kB of SVG that the front end parses anew.
  static let plotDelay = Duration.milliseconds(500)
  /// Plots that are kept fresh; the oldest stays as it is.
  static let plots = 32
  /// Tasks print beside the cells for hours; a page that holds all of it must stay usable.
  static let burstBytes = 1 << 20
  static let bytesPerSecond = 64 << 10
  /// Rows of a frame's table; the rest is counted below it.
  static let tableRows = 100
  /// Cells in the kernel's history.
  static let historyCells = 10_000

  static func newID() -> String { UUID().uuidString.lowercased() }
}
