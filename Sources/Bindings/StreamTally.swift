import Locks
import Telemetry

/// What all streams of one interpreter have brought so far, those that are closed included. On any thread: progress is
/// shown while Lua computes.
public final class StreamTally: Sendable {
  public struct Totals: Sendable, Hashable {
    public var samples: Int64 = 0
    /// Places where samples are missing, and how many, as far as anybody counted.
    public var gaps: Int64 = 0
    public var lost: Int64 = 0
    /// Samples that readers let fall out of the buffers.
    public var dropped: Int64 = 0
    public var reconnects: Int64 = 0
    /// Streams that run now.
    public var live = 0

    public init() {}

    mutating func add(_ stats: StreamStats) {
      samples += stats.samples
      gaps += stats.gaps
      lost = lost.addingSaturating(stats.lost)
      dropped += stats.dropped
      reconnects += stats.reconnects
    }
  }

  private struct State {
    var streamers: [Streamer] = []
    var closed = Totals()
  }

  private let state = Guarded(State())

  init() {}

  public var totals: Totals {
    let (streamers, closed) = state.withLock { ($0.streamers, $0.closed) }
    return streamers.reduce(into: closed) { totals, streamer in
      totals.add(streamer.stats)
      if streamer.isLive { totals.live += 1 }
    }
  }

  func add(_ streamer: Streamer) { state.withLock { $0.streamers.append(streamer) } }

  /// Nothing more will come of this one: its counts stay, its samples go.
  func retire(_ streamer: Streamer) {
    let stats = streamer.stats
    state.withLock { state in
      guard let place = state.streamers.firstIndex(where: { $0 === streamer }) else { return }
      state.streamers.remove(at: place)
      state.closed.add(stats)
    }
  }
}
