public import Telemetry

/// What a core can be asked for beyond names and a time.
public struct SynnaxStreamOptions: SourceOptions, Hashable {
  public static let devices = "Synnax cores"

  /// Keep every n-th sample.
  public var downsampleFactor = 1
  /// Frames a second at most, 0 for all.
  public var throttleRate = 0.0
  /// Groups whose frames are left out.
  public var excludeGroups: [UInt32] = []

  public init() {}

  public var names: [String] {
    (downsampleFactor == 1 ? [] : ["downsample_factor"]) + (throttleRate == 0 ? [] : ["throttle_rate"])
      + (excludeGroups.isEmpty ? [] : ["exclude_groups"])
  }
}
