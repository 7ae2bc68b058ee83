import Locks
public import Telemetry

/// Both clocks of the program, standing still until a test moves them.
public final class ManualClock: TelemetryClock {
  private let times: Guarded<(monotonic: TimeSpan, wall: TimeStamp)>

  public init(
    monotonic: TimeSpan = .second, wall: TimeStamp = TimeStamp(nanoseconds: 1_700_000_000_000_000_000)
  ) {
    times = Guarded((monotonic, wall))
  }

  public var monotonic: TimeSpan { times.withLock { $0.monotonic } }
  public var now: TimeStamp { times.withLock { $0.wall } }

  /// Moves both.
  public func advance(by span: TimeSpan) {
    times.withLock { $0 = ($0.monotonic + span, $0.wall + span) }
  }

  /// Moves the one on the wall alone, as somebody who sets it would.
  public func setWall(_ time: TimeStamp) {
    times.withLock { $0.wall = time }
  }
}
