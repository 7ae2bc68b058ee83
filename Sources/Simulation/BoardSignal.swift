/// What a variable of the simulated board is assigned, as a function of the tick and the assignment's number: the same
/// for the same seed, wherever a stream begins.
public enum BoardSignal: Sendable {
  /// The tick itself, as pybela's test programs have it.
  case counter
  /// A sine between `low` and `high`, with noise of the given size.
  case sine(hertz: Double, low: Double, high: Double, noise: Double)
  case triangle(hertz: Double, low: Double, high: Double, noise: Double)
  /// Values of a recording, one an assignment, over and over.
  case recording([Double])
  /// Assigned only when a client sends a buffer of this number: its elements, all in one tick.
  case buffer(Int)

  func value(tick: Int64, number: Int64, rate: Double, seed: UInt64) -> Double {
    switch self {
    case .counter: return Double(tick)
    case .buffer: return 0
    case .recording(let values): return values[Int(number % Int64(values.count))]
    case .sine(let hertz, let low, let high, let noise):
      let phase = Self.phase(tick, hertz, rate)
      return Self.bounded(
        (low + high) / 2 + (high - low) / 2 * Self.sine(phase), noise, tick, seed, low, high)
    case .triangle(let hertz, let low, let high, let noise):
      let phase = Self.phase(tick, hertz, rate)
      let height = phase < 0.5 ? phase * 2 : 2 - phase * 2
      return Self.bounded(low + (high - low) * height, noise, tick, seed, low, high)
    }
  }

  /// 0 to 1.
  private static func phase(_ tick: Int64, _ hertz: Double, _ rate: Double) -> Double {
    let turns = Double(tick) * hertz / rate
    return turns - turns.rounded(.down)
  }

  /// Bhaskara's rational sine: within 0.2 % and much cheaper than the exact one, at audio rate for many variables.
  private static func sine(_ phase: Double) -> Double {
    let x = phase < 0.5 ? phase * 2 : phase * 2 - 1
    let y = 16 * x * (1 - x) / (5 - 4 * x * (1 - x))
    return phase < 0.5 ? y : -y
  }

  private static func bounded(
    _ value: Double, _ noise: Double, _ tick: Int64, _ seed: UInt64, _ low: Double, _ high: Double
  ) -> Double {
    guard noise > 0 else { return value }
    // SplitMix64 of the tick: noise without a state, so any tick can be asked for.
    var bits = (UInt64(bitPattern: tick) &+ seed) &* 0x9e37_79b9_7f4a_7c15
    bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
    bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
    let random = Double((bits ^ (bits >> 31)) >> 11) / Double(1 << 53) - 0.5
    return min(high, max(low, value + noise * random))
  }
}
