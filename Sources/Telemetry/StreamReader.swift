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

  /// Up to `Limits.batchFramesMax` of the next unread frames under one lock; without one, what `take` would say.
  package func takeBatch() -> (batch: FrameBatch?, rest: Outcome) { streamer.takeBatch(id) }

  /// Everything unread as one frame: each channel once, with all its unread samples. Never waits.
  public func takeJoined() -> Outcome { streamer.takeJoined(id) }

  /// What became of a wish to be woken.
  public enum Armed: Sendable, Hashable {
    /// Kept: `wake` will be called once.
    case armed
    /// Not kept: `take` has something to say already.
    case ready
    /// Not kept: somebody else waits on this reader.
    case busy
  }

  /// Asks to be called once, on any thread, as soon as `take` may answer something else than pending. Nothing that
  /// happens between `take` and this call is missed. A call may turn out to have been for nothing: take, and arm again.
  public func arm(_ wake: @escaping @Sendable () -> Void) -> Armed { streamer.arm(id, wake) }

  /// Takes the wish back; a call that is under way already may still come.
  public func disarm() { streamer.disarm(id) }

  /// Unread frames, and samples that fell out of the buffer unread so far.
  public var lag: (frames: Int, dropped: Int64) { streamer.lag(id) }
}
