#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A point in time, of the clock and of the interpreter thread's CPU, from which something is measured.
package struct Measurement {
  private let wall = ContinuousClock.now
  private let cpu = Measurement.threadTime
  private let samples: Int

  /// - Parameter samples: all that streams have delivered so far.
  package init(samples: Int) { self.samples = samples }

  package func elapsed(samples now: Int) -> Outcome.Statistics {
    .init(
      wall: ContinuousClock.now - wall, cpu: Measurement.threadTime - cpu, samples: max(0, now - samples))
  }

  private static var threadTime: Duration {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }
}
