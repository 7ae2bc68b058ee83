import Lua
public import Telemetry

/// A source as scripts hold it, with the simulated device that was started for it.
public final class SourceObject {
  /// What it is, which decides what it can do beyond streaming.
  public enum Kind: String, Sendable {
    case bela, synnax
    /// Made by this program of other streams.
    case computed, joined
  }

  public private(set) var source: any Source
  public let kind: Kind
  let device: (any SimulatedDevice)?
  private let lease: BoardLease?
  let known = KnownChannels()

  init(_ source: any Source, kind: Kind, device: (any SimulatedDevice)?) {
    self.source = source
    self.kind = kind
    self.device = device
    lease = nil
  }

  /// A board that other interpreters use, too.
  init(_ lease: BoardLease) {
    source = lease.board
    kind = .bela
    device = nil
    self.lease = lease
  }

  /// Ends these streams of it and the connection, then the simulated device behind it. Of a shared board only this
  /// interpreter's share ends, for which it is closed.
  func closing(_ streamers: [Streamer], _ tally: StreamTally) -> @Sendable () async -> Void {
    if let lease {
      source = ClosedSource(source.name)
      return {
        await withTaskGroup(of: Void.self) { group in
          for streamer in streamers { group.addTask { await streamer.close() } }
        }
        for streamer in streamers { tally.retire(streamer) }
        await lease.end()
      }
    }
    return { [source, device] in
      await source.close()
      // Nothing comes any more, so this takes no time; it tells those who read.
      for streamer in streamers { await streamer.close() }
      for streamer in streamers { tally.retire(streamer) }
      await device?.close()
    }
  }
}

/// Channels as `source:channels()` gives them: a list that prints as a table.
public struct ChannelList {
  public var channels: [Channel]
  /// Names of those that a streamer of this program streams now.
  public var streaming: Set<String>
  /// Of a core: the names of index channels, by key. Nil for a source that has no such thing.
  public var indexes: [UInt32: String]?

  public init(channels: [Channel], streaming: Set<String>, indexes: [UInt32: String]? = nil) {
    self.channels = channels
    self.streaming = streaming
    self.indexes = indexes
  }

  /// With the index channels that `others` has beside its own.
  init(core channels: [Channel], others: [Channel], streaming: Set<String>) {
    let indexes = (channels + others).filter(\.isIndex).map { ($0.key, $0.name) }
    self.init(
      channels: channels, streaming: streaming, indexes: Dictionary(indexes, uniquingKeysWith: { $1 }))
  }
}
