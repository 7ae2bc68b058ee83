import Lua
public import Telemetry

/// A source as scripts hold it, with the simulated device that was started for it.
public final class SourceObject {
  /// What it is, which decides what it can do beyond streaming.
  public enum Kind: String { case bela, synnax }

  public let source: any Source
  public let kind: Kind
  let device: (any SimulatedDevice)?

  init(_ source: any Source, kind: Kind, device: (any SimulatedDevice)?) {
    self.source = source
    self.kind = kind
    self.device = device
  }

  /// Ends the connection, then the simulated device behind it.
  func closing() -> @Sendable () async -> Void {
    { [source, device] in
      await source.close()
      await device?.close()
    }
  }
}

/// Channels as `source:channels()` gives them: a list that prints as a table.
public struct ChannelList {
  public var channels: [Channel]
  /// Names of those that a streamer of this program streams now.
  public var streaming: Set<String>
}
