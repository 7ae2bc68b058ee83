/// How long to wait before the next attempt: grows by `factor` up to `max`, with jitter so that many clients of
/// one server do not come back in step. A plain value; the caller waits and owns the generator.
public struct BackOff: Sendable, Equatable {
  public var initial: Duration
  public var factor: Double
  public var max: Duration
  /// Share of the wait that is random, 0…1: 0.2 gives 0.8 to 1.2 times the nominal wait.
  public var jitter: Double
  /// Attempts since the last ``reset()``.
  public private(set) var attempts = 0
  private var nominal: Duration

  public init(
    initial: Duration = .milliseconds(250), factor: Double = 2, max: Duration = .seconds(10),
    jitter: Double = 0.2
  ) {
    self.initial = Swift.max(.zero, initial)
    self.factor = factor.isFinite ? Swift.max(1, factor) : 1
    self.max = Swift.max(self.initial, max)
    self.jitter = jitter.isFinite ? Swift.min(1, Swift.max(0, jitter)) : 0
    nominal = self.initial
  }

  /// The wait before the next attempt; the one after it will be longer. Never more than `max`.
  public mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
    attempts += attempts == .max ? 0 : 1
    let wait = nominal * (1 + Double.random(in: -jitter...jitter, using: &generator))
    nominal = Swift.min(max, nominal * factor)
    return Swift.min(max, Swift.max(.zero, wait))
  }

  /// As ``next(using:)`` with the system's generator.
  public mutating func next() -> Duration {
    var generator = SystemRandomNumberGenerator()
    return next(using: &generator)
  }

  /// After a success: the next wait is `initial` again.
  public mutating func reset() {
    nominal = initial
    attempts = 0
  }
}
