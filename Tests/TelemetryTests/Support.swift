import Synchronization
import Telemetry
import Testing

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
