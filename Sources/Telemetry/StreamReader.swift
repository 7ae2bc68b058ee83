/// One reader's place in a stream. Not for two tasks at once: the second to wait is refused (`busy`).
public final class StreamReader: Sendable {
  public enum Outcome: Sendable {
    case frame(Frame)
    /// Nothing unread now; more may come.
    case pending
    /// Nothing unread, and the stream is not running: stopped, finished or closed.
    case ended
    /// Nothing unread, and the connection is gone for good.
    case lost(String)
  }

  public let streamer: Streamer
  private let id: Int

  init(streamer: Streamer, id: Int) {
    self.streamer = streamer
    self.id = id
  }

  deinit { streamer.removeReader(id) }

  /// The next unread frame; never waits.
  public func take() -> Outcome { streamer.take(id) }

  /// Asks to be called once, on any thread, when `take` may answer something else than pending; nil takes it back.
  /// - Returns: false when somebody else is waiting already; `wake` is not kept then.
  public func arm(_ wake: (@Sendable () -> Void)?) -> Bool { streamer.arm(id, wake) }

  /// Unread frames, and samples that fell out of the buffer unread so far.
  public var lag: (frames: Int, dropped: Int64) { streamer.lag(id) }
}
