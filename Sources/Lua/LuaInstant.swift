import CShims

/// A point on the monotonic clock: what deadlines are measured with. It never jumps and means nothing outside
/// this process.
public struct LuaInstant: InstantProtocol, Sendable {
  public var nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  public static var now: LuaInstant { LuaInstant(nanoseconds: mt_monotonic_ns()) }

  /// Saturates: "in a thousand years" is a deadline like any other.
  public func advanced(by duration: Duration) -> LuaInstant {
    let (seconds, attoseconds) = duration.components
    let (whole, tooLong) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (delta, over) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
    let (sum, beyond) = nanoseconds.addingReportingOverflow(delta)
    guard !tooLong, !over, !beyond else {
      return LuaInstant(nanoseconds: seconds < 0 ? .min : .max)
    }
    return LuaInstant(nanoseconds: sum)
  }

  /// A number of seconds as Lua gives it; huge and infinite ones saturate, NaN is now.
  public func advanced(bySeconds seconds: Double) -> LuaInstant {
    let delta = seconds * 1e9
    guard !delta.isNaN else { return self }
    guard abs(delta) < 9e18 else { return LuaInstant(nanoseconds: delta < 0 ? .min : .max) }
    let (sum, beyond) = nanoseconds.addingReportingOverflow(Int64(delta))
    return LuaInstant(nanoseconds: beyond ? (delta < 0 ? .min : .max) : sum)
  }

  public func duration(to other: LuaInstant) -> Duration {
    let (delta, over) = other.nanoseconds.subtractingReportingOverflow(nanoseconds)
    return .nanoseconds(over ? (other < self ? .min : .max) : delta)
  }

  public static func < (a: LuaInstant, b: LuaInstant) -> Bool { a.nanoseconds < b.nanoseconds }
}

/// Where a scheduler has its time from.
public struct LuaClock {
  /// The present moment; called often.
  public var now: () -> LuaInstant
  /// Simulated time: instead of sleeping until the next deadline, the scheduler calls this, which moves `now`
  /// there. Nil for real time.
  public var skip: ((LuaInstant) -> Void)?

  public init(now: @escaping () -> LuaInstant, skip: ((LuaInstant) -> Void)? = nil) {
    self.now = now
    self.skip = skip
  }

  public static var monotonic: LuaClock { LuaClock(now: { LuaInstant.now }) }

  /// Starts at zero; waiting takes no time.
  public static var simulated: LuaClock {
    var present = LuaInstant(nanoseconds: 0)
    return LuaClock(now: { present }, skip: { present = Swift.max(present, $0) })
  }
}
