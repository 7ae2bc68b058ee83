import Glibc

/// The two clocks of the program: one that only goes forward, for spans and deadlines, and the one on the wall.
/// Passed in everywhere, so that tests have their own.
public protocol TelemetryClock: Sendable {
  /// Nanoseconds since some fixed moment; never goes back.
  var monotonic: TimeSpan { get }
  var now: TimeStamp { get }
}

/// The clocks of this machine.
public struct SystemClock: TelemetryClock {
  public init() {}

  public var monotonic: TimeSpan { Self.read(CLOCK_MONOTONIC) }
  public var now: TimeStamp { TimeStamp(nanoseconds: Self.read(CLOCK_REALTIME).nanoseconds) }

  private static func read(_ clock: clockid_t) -> TimeSpan {
    var time = timespec()
    clock_gettime(clock, &time)
    return TimeSpan(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }
}
