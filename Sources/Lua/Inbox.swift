import Locks
import Synchronization

/// How other threads reach an interpreter: wake-ups of waits, and closures to run on its thread.
public final class Inbox: Sendable {
  struct Contents: Sendable {
    var wakeups: [Wakeup] = []
    var closures: [@Sendable (LuaState) -> Void] = []
    var isAsleep = false
    var isClosed = false

    var isEmpty: Bool { wakeups.isEmpty && closures.isEmpty }
  }

  private let contents = Guarded(Contents())
  private let interrupter: Interrupter

  init(_ interrupter: Interrupter) { self.interrupter = interrupter }

  /// Runs a closure on the interpreter's thread, between two tasks. False when the interpreter is closed or too many
  /// wait already: then it will not run.
  public func post(_ closure: @escaping @Sendable (LuaState) -> Void) -> Bool {
    let (accepted, ring) = contents.withLock { contents in
      guard !contents.isClosed, contents.closures.count < Limits.postedClosures else {
        return (false, false)
      }
      contents.closures.append(closure)
      return (true, contents.wake())
    }
    if ring { interrupter.ring() }
    return accepted
  }

  /// Bounded by the number of waits: each is in here at most once.
  func add(_ wakeup: Wakeup) {
    let ring = contents.withLock { contents in
      guard !contents.isClosed else { return false }
      contents.wakeups.append(wakeup)
      return contents.wake()
    }
    if ring { interrupter.ring() }
  }

  /// False when there is something to do, and no sleep is due.
  func fallAsleep() -> Bool {
    contents.withLock { contents in
      contents.isAsleep = contents.isEmpty
      return contents.isAsleep
    }
  }

  func wakeUp() { contents.withLock { $0.isAsleep = false } }

  func take() -> Contents {
    contents.withLock { contents in
      guard !contents.isEmpty else { return Contents() }
      let taken = contents
      contents.wakeups = []
      contents.closures = []
      return taken
    }
  }

  func close() {
    contents.withLock {
      $0.isClosed = true
      $0.wakeups = []
      $0.closures = []
    }
  }
}

extension Inbox.Contents {
  /// The first message for a sleeper rings the bell.
  fileprivate mutating func wake() -> Bool {
    defer { isAsleep = false }
    return isAsleep
  }
}

/// Ends a wait early. Any thread may fire it, as often as it likes, also long after the wait is over.
public final class Wakeup: Sendable {
  let task: Int
  let sequence: UInt64
  private let inbox: Inbox
  private let isFired = Atomic(false)

  init(task: Int, sequence: UInt64, inbox: Inbox) {
    self.task = task
    self.sequence = sequence
    self.inbox = inbox
  }

  /// Makes the scheduler ask the wait's `poll`.
  public func fire() {
    if !isFired.exchange(true, ordering: .acquiringAndReleasing) { inbox.add(self) }
  }

  /// Before `poll` is asked: a fire that comes later counts again.
  func rearm() { isFired.store(false, ordering: .sequentiallyConsistent) }
}
