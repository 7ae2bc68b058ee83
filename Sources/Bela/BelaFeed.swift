import Locks
public import Telemetry

/// A running stream or monitor of a board.
public final class BelaFeed: Feed {
  private let source: BelaSource
  let id: Int
  private let current: Guarded<[Channel]>

  init(source: BelaSource, id: Int, channels: [Channel]) {
    self.source = source
    self.id = id
    current = Guarded(channels)
  }

  public var channels: [Channel] { current.withLock { $0 } }

  /// Ends at a tick a little ahead of the board's clock, so that the last sample is known; waits for it at most 1.5 s
  /// (a variable that the program does not assign never ends).
  public func stop() async throws { try await source.stop(id) }

  public func update(_ names: [String]) async throws -> [Channel] {
    let channels = try await source.update(id, names)
    current.withLock { $0 = channels }
    return channels
  }
}
