import Locks
import Dispatch

/// Interrupts once when its time has come, unless it was cancelled before.
package final class Alarm: Sendable {
  private enum State { case idle, set, rung, cancelled }

  private static let queue = DispatchQueue(label: "moontide.alarm", qos: .userInteractive)
  private let interrupter: Interrupter
  private let state = Guarded(State.idle)

  package init(_ interrupter: Interrupter) { self.interrupter = interrupter }

  package func set(after limit: Duration) {
    state.withLock { $0 = .set }
    let (seconds, attoseconds) = limit.components
    let delay = Int(clamping: seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000)
    Self.queue.asyncAfter(deadline: .now() + .microseconds(max(0, delay))) { self.ring() }
  }

  private func ring() {
    // Under the lock, so that `cancel` never returns between the decision and the deed. The call only sets a flag and
    // sends a signal.
    state.withLock {
      guard $0 == .set else { return }
      $0 = .rung
      interrupter.interrupt()
    }
  }

  /// True when it rang before.
  package func cancel() -> Bool {
    state.withLock { state in
      defer { if state == .set { state = .cancelled } }
      return state == .rung
    }
  }
}
