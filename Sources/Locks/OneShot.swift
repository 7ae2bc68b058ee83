import Dispatch

/// A value that comes once, late, or never. Any thread gives it; tasks and threads wait for it, each as long as it likes.
package final class OneShot<Value: Sendable>: Sendable {
  private enum Outcome {
    case open
    case fulfilled(Value)
    case abandoned
  }

  /// One that waits: a task, which has not come to rest yet while it has no continuation, or a thread.
  private struct Waiter {
    let id: Int
    var task: CheckedContinuation<Value?, Never>?
    var thread: DispatchSemaphore?
  }

  private struct State {
    var outcome = Outcome.open
    // As many as wait at the moment: each is a task or a thread of the one who asked.
    var waiters: [Waiter] = []
    var lastID = 0

    var value: Value? { if case .fulfilled(let value) = outcome { value } else { nil } }

    /// Nil when there is nothing to wait for.
    mutating func join(_ thread: DispatchSemaphore? = nil) -> Int? {
      guard case .open = outcome else { return nil }
      lastID += 1
      waiters.append(Waiter(id: lastID, thread: thread))
      return lastID
    }
  }

  private let state = Guarded(State())

  package init() {}

  /// What came, if it did.
  package var value: Value? { state.withLock { $0.value } }

  /// The first counts.
  package func fulfill(_ value: Value) { settle(.fulfilled(value)) }

  /// Nothing will come: whoever waits, or ever will, gets nil at once.
  package func abandon() { settle(.abandoned) }

  private func settle(_ outcome: Outcome) {
    let (waiters, value) = state.withLock { state -> ([Waiter], Value?) in
      guard case .open = state.outcome else { return ([], nil) }
      state.outcome = outcome
      defer { state.waiters = [] }
      return (state.waiters, state.value)
    }
    for waiter in waiters {
      waiter.task?.resume(returning: value)
      waiter.thread?.signal()
    }
  }

  /// Nil when the time is over, when the task was cancelled, or when it was abandoned. For others it may still come.
  package func wait(_ time: Duration) async -> Value? {
    guard let id = state.withLock({ $0.join() }) else { return value }
    let timer = Task {
      try? await Task.sleep(for: time)
      leave(id)
    }
    defer { timer.cancel() }
    return await withTaskCancellationHandler {
      await rest(id)
    } onCancel: {
      leave(id)
    }
  }

  /// Waits until it comes, or is abandoned, whatever becomes of the task: for what is certain to come.
  package func wait() async -> Value? {
    guard let id = state.withLock({ $0.join() }) else { return value }
    return await rest(id)
  }

  /// As the others, for a thread that may be stopped; without `time` for what is certain to come.
  package func block(_ time: Duration? = nil) -> Value? {
    let wake = DispatchSemaphore(value: 0)
    guard let id = state.withLock({ $0.join(wake) }) else { return value }
    guard let time else {
      wake.wait()
      return value
    }
    let (seconds, attoseconds) = time.components
    let limit = DispatchTimeInterval.nanoseconds(
      Int(clamping: seconds.multipliedReportingOverflow(by: 1_000_000_000).partialValue)
        + Int(attoseconds / 1_000_000_000))
    if wake.wait(timeout: .now() + limit) == .timedOut { leave(id) }
    return value
  }

  /// Suspends, unless the one who waits was sent away meanwhile.
  private func rest(_ id: Int) async -> Value? {
    await withCheckedContinuation { continuation in
      let done = state.withLock { state -> Value?? in
        guard let place = state.waiters.firstIndex(where: { $0.id == id }) else { return .some(state.value) }
        state.waiters[place].task = continuation
        return .none
      }
      if let done { continuation.resume(returning: done) }
    }
  }

  private func leave(_ id: Int) {
    let waiter = state.withLock { state in
      state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
    }
    waiter?.task?.resume(returning: nil)
  }
}
