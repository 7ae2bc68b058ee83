import Randomness
import Bela

/// What a variable of the simulated board is assigned, as a function of the tick and the assignment's number: the same
/// for the same seed, wherever a stream begins.
public enum BoardSignal: Sendable {
  /// The tick itself, as pybela's test programs have it.
  case counter
  /// A sine between `low` and `high`, with noise of the given size.
  case sine(hertz: Double, low: Double, high: Double, noise: Double)
  case triangle(hertz: Double, low: Double, high: Double, noise: Double)
  /// Rises from `low` to `high`, and begins again.
  case saw(hertz: Double, low: Double, high: Double)
  /// Any value between `low` and `high`, a new one each assignment.
  case noise(low: Double, high: Double)
  case constant(Double)
  /// Values of a recording, one an assignment, over and over.
  case recording([Double])
  /// Assigned only when a client sends a buffer of this number: its elements, all in one tick.
  case buffer(Int)

  func value(tick: Int64, number: Int64, rate: Double, seed: UInt64) -> Double {
    switch self {
    case .counter: return Double(tick)
    case .buffer: return 0
    case .constant(let value): return value
    case .noise(let low, let high): return low + (high - low) * (Self.random(tick, seed) + 0.5)
    case .saw(let hertz, let low, let high): return low + (high - low) * Self.phase(tick, hertz, rate)
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
    return min(high, max(low, value + noise * random(tick, seed)))
  }

  /// -0.5 to 0.5.
  private static func random(_ tick: Int64, _ seed: UInt64) -> Double {
    // Noise without a state, so any tick can be asked for.
    let bits = SplitMix.mixed((UInt64(bitPattern: tick) &+ seed) &* 0x9e37_79b9_7f4a_7c15)
    return Double(bits >> 11) / Double(1 << 53) - 0.5
  }
}

extension BoardSignal {
  /// Reads `counter`, `sine`, `saw:2`, `noise`, `constant:0.5`, `buffer:0`: a name, and a number that is a frequency in
  /// Hz, a value, or a buffer's id. Nil for anything else.
  init?(_ words: [String], type: BelaType) {
    guard let name = words.first, words.count <= 2 else { return nil }
    let number = words.count == 2 ? Double(words[1]) : nil
    guard words.count == 1 || number?.isFinite == true else { return nil }
    // Whole numbers would see nothing of 0 to 1.
    let high = type == .float32 || type == .float64 ? 1.0 : 100.0
    switch name {
    case "counter" where number == nil: self = .counter
    case "noise" where number == nil: self = .noise(low: 0, high: high)
    case "sine": self = .sine(hertz: number ?? 1, low: 0, high: high, noise: 0)
    case "saw": self = .saw(hertz: number ?? 1, low: 0, high: high)
    case "constant": self = .constant(number ?? high)
    case "buffer":
      guard let id = UInt32(exactly: number ?? 0) else { return nil }
      self = .buffer(Int(id))
    default: return nil
    }
  }
}
