import Dispatch
import Lua
import Synchronization

/// Calls what a user wrote (`__tostring`) on behalf of the program, with a limit on its time. On the interpreter's
/// thread only.
struct Watchdog {
  enum Answer {
    case value(LuaValue)
    case failed(String)
    case tookTooLong
    /// Ctrl-C, not this watchdog.
    case interrupted
  }

  let state: LuaState

  /// What the function returns first. Other tasks do not run meanwhile, except beside a running cell.
  func call(_ function: LuaReference, _ argument: LuaValue, within limit: Duration) -> Answer {
    let alarm = Alarm(state.interrupter)
    alarm.set(after: limit)
    let answer = call(function, argument)
    let hasRung = alarm.cancel()
    guard case .interrupted = answer else {
      // It rang at the very end, too late to strike: no cell must pay for that.
      if hasRung { _ = state.interrupter.take() }
      return answer
    }
    return hasRung ? .tookTooLong : .interrupted
  }

  private func call(_ function: LuaReference, _ argument: LuaValue) -> Answer {
    // An interrupt of a bare call inside a running task would unwind that task, too.
    if state.scheduler.current != nil {
      return switch state.scheduler.run(function, arguments: [argument], name: "tostring") {
      case .values(let values): .value(values.first ?? .nil)
      case .failed(let error, _): error.code == "interrupted" ? .interrupted : .failed(error.bareMessage)
      case .exit: .failed("exit")
      }
    }
    do throws(LuaError) {
      return .value(try state.call(function, [argument]).first ?? .nil)
    } catch {
      return error.code == "interrupted" ? .interrupted : .failed(error.bareMessage)
    }
  }
}

/// Interrupts once when its time has come, unless it was cancelled before.
private final class Alarm: Sendable {
  private enum State { case idle, set, rung, cancelled }

  private static let queue = DispatchQueue(label: "moontide.alarm", qos: .userInteractive)
  private let interrupter: Interrupter
  private let state = Mutex(State.idle)

  init(_ interrupter: Interrupter) { self.interrupter = interrupter }

  func set(after limit: Duration) {
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
  func cancel() -> Bool {
    state.withLock { state in
      defer { if state == .set { state = .cancelled } }
      return state == .rung
    }
  }
}
