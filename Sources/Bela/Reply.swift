import Synchronization

/// An answer that comes once, or not in time. Any thread may give it; one task waits.
package final class Reply<Value: Sendable>: Sendable {
  private enum State {
    case open
    case waiting(CheckedContinuation<Value?, Never>)
    case done(Value?)
  }

  private let state = Mutex(State.open)

  package init() {}

  /// The first answer counts; nil ends the waiting without one.
  package func fulfill(_ value: Value?) {
    let waiting = state.withLock { state -> CheckedContinuation<Value?, Never>? in
      switch state {
      case .open: state = .done(value)
      case .done: break
      case .waiting(let continuation):
        state = .done(value)
        return continuation
      }
      return nil
    }
    waiting?.resume(returning: value)
  }

  /// Nil when the time is over, or the task was cancelled.
  package func wait(_ time: Duration) async -> Value? {
    let timer = Task {
      try? await Task.sleep(for: time)
      fulfill(nil)
    }
    defer { timer.cancel() }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let done = state.withLock { state -> Value?? in
          if case .done(let value) = state { return .some(value) }
          state = .waiting(continuation)
          return .none
        }
        if let done { continuation.resume(returning: done) }
      }
    } onCancel: {
      fulfill(nil)
    }
  }
}
