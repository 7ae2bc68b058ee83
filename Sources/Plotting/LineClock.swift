package import Telemetry

/// Where a channel's samples are on the horizontal axis.
package struct LineClock: Sendable, Hashable {
  /// Subtracted from times, in their own units, before they become floating point: nanoseconds since 1970 would not fit.
  package var origin: Int64 = 0
  /// Units of one step of the axis; nil where no times are known and numbers take their place.
  package var unitsPerX: Double?
  /// Samples for one step of the axis, where numbers take the place of times.
  package var samplesPerX = 1.0
  /// Added behind; brings the clock of one source beside another's.
  package var shift = 0.0

  package init(origin: Int64 = 0, unitsPerX: Double?, samplesPerX: Double = 1, shift: Double = 0) {
    self.origin = origin
    self.unitsPerX = unitsPerX
    self.samplesPerX = samplesPerX
    self.shift = shift
  }

  package func x(time: Int64?, number: Int64) -> Double {
    guard let unitsPerX, let time else { return Self.placed(Double(number) / samplesPerX + shift) }
    return Self.placed(Double(time.subtractingSaturating(origin)) / unitsPerX + shift)
  }

  /// A place that can be drawn and reckoned with, whatever rate a file or a device says it has.
  private static func placed(_ x: Double) -> Double { x.isNaN ? 0 : min(max(x, -farthest), farthest) }
  private static let farthest = 1e300

  package func x(_ series: Series, _ position: Int) -> Double {
    x(time: unitsPerX == nil ? nil : series.time(position), number: series.first + Int64(position))
  }
}
