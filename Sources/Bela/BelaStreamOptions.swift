public import Telemetry

/// What a board can be asked for beyond names and a time, in ticks of its clock: one number for all channels, or one
/// each.
public struct BelaStreamOptions: SourceOptions, Hashable {
  public static let devices = "Bela boards"

  /// End by itself after so many.
  public var ticks: [Int64]
  /// Begin at these; empty for now.
  public var at: [Int64]
  /// Single values at these intervals instead of everything: a monitor.
  public var periods: [Int64]
  /// The program that must be running (the seed command protocol).
  public var projectName: String?

  public init() { self.init(ticks: []) }

  public init(
    ticks: [Int64] = [], at: [Int64] = [], periods: [Int64] = [], projectName: String? = nil
  ) {
    self.ticks = ticks
    self.at = at
    self.periods = periods
    self.projectName = projectName
  }

  public var names: [String] {
    (ticks.isEmpty ? [] : ["ticks"]) + (at.isEmpty ? [] : ["at"]) + (periods.isEmpty ? [] : ["monitor"])
      + (projectName == nil ? [] : ["project_name"])
  }
}
