import Synchronization
import Telemetry
import Testing

/// Random numbers that are the same in every run.
struct Seeded: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// Counts calls from any thread.
final class Tally: Sendable {
  private let calls = Atomic(0)
  func add() { calls.add(1, ordering: .relaxed) }
  var count: Int { calls.load(ordering: .relaxed) }
}

/// Whether a condition comes true within a deadline; looks often, so a test takes no longer than it must.
func comesTrue(within deadline: Duration = .seconds(20), _ condition: () async -> Bool) async -> Bool {
  let end = ContinuousClock.now + deadline
  while ContinuousClock.now < end {
    if await condition() { return true }
    try? await Task.sleep(for: .milliseconds(1))
  }
  return await condition()
}

extension Channel {
  static func plain(_ name: String = "x", _ type: DataType = .float64, rate: Double? = 1000) -> Channel {
    Channel(name: name, type: type, clock: .ticks(rate: rate))
  }
}

extension Series {
  /// Whole numbers in even steps of one tick: each value is its time.
  static func ramp(_ range: Range<Int>, _ channel: Channel = .plain(), gaps: [Gap] = []) -> Series {
    Series(
      channel, SampleStorage(range.map { Double($0) }),
      timing: .steady(start: Int64(range.lowerBound), step: Step(units: 1)), gaps: gaps)
  }

  static func untimed(_ values: [Double], _ channel: Channel = .plain(), gaps: [Gap] = []) -> Series {
    Series(channel, SampleStorage(values), gaps: gaps)
  }

  var samples: [Sample] { (0..<count).map { self[$0] } }
  var values: [Double] { samples.map { $0.number ?? .nan } }
  var stamps: [Int64?] { (0..<count).map { time($0) } }
}

extension StreamReader.Outcome {
  var frame: Frame? { if case .frame(let frame) = self { frame } else { nil } }
  var word: String {
    switch self {
    case .frame: "frame"
    case .pending: "pending"
    case .ended: "ended"
    case .lost: "lost"
    }
  }
}
