public import Telemetry

extension DataType {
  /// The name in Synnax, which has no short form of `boolean`.
  public var synnaxName: String { self == .bool ? "boolean" : rawValue }

  /// Nil for a type that this version does not know; its channel cannot be streamed.
  public init?(synnaxName: String) {
    switch synnaxName {
    case "boolean": self = .bool
    case "bool": return nil
    default: self.init(rawValue: synnaxName)
    }
  }

  /// A core takes these two for one another.
  func canCarry(_ other: DataType) -> Bool {
    self == other || (self == .int64 && other == .timestamp) || (self == .timestamp && other == .int64)
  }
}
