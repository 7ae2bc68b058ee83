import CShims

/// A coroutine that the scheduler runs: a cell, a script, or what `spawn` started.
public final class LuaTask {
  public enum Status: String, Sendable {
    /// About to run, for the first time or after a wait.
    case ready
    case running, waiting, done, failed, cancelled
  }

  public let id: Int
  /// What it was called when it was started, else `task 14`; its output is tagged with it.
  public let name: String
  public let isNamed: Bool
  public internal(set) var status = Status.ready
  /// What the function returned.
  public internal(set) var results: [LuaValue] = []
  /// Why it failed or was cancelled.
  public internal(set) var error: LuaError?
  /// The value that was thrown, as Lua had it.
  public internal(set) var errorValue = LuaValue.nil
  /// Set by whoever showed or handed on the error.
  public var isErrorObserved = false
  /// How many wait for its end, for whom the error is: raised and lowered by whoever waits.
  public var waiters = 0
  /// The embedder's: where this task's output goes, for instance.
  public var userData: AnyObject?
  /// The embedder's: handed on to every task that this one starts (the cell that output belongs to, for instance).
  public var heritage: AnyObject?

  private weak var scheduler: Scheduler?
  private var observers: [(id: Int, tell: (LuaTask) -> Void)] = []
  private var nextObserver = 1

  // The scheduler's own.
  var coroutine: OpaquePointer?
  var slot: Int32 = 0
  var argumentCount: Int32 = 0
  var hasStarted = false
  var wait: LuaWait?
  var waitSequence: UInt64 = 0
  var ending: WaitEnding?
  var isNested = false
  var isCancelRequested = false
  var cancelDelivered: LuaInstant?
  var unwinding = notUnwinding
  var unwindingSince: Int64 = 0
  var unwindingTraceback: [LuaFrame]?

  init(id: Int, name: String?, scheduler: Scheduler) {
    self.id = id
    isNamed = name?.isEmpty == false
    self.name = isNamed ? name! : "task \(id)"
    self.scheduler = scheduler
  }

  public var isEnded: Bool { status == .done || status == .failed || status == .cancelled }

  /// Asks the task to end. Where it waits the error `cancelled` is raised; `pcall` may see it once, and handlers run,
  /// but only for a moment longer: then no wait is granted and nothing catches it. A task that never started just ends.
  public func cancel() { scheduler?.cancel(self) }

  /// Calls back on the interpreter's thread when the task has ended; at once if it has.
  /// - Returns: what `forget` takes, for whoever stops waiting before.
  @discardableResult
  public func onEnd(_ observer: @escaping (LuaTask) -> Void) -> Int {
    nextObserver += 1
    if isEnded { observer(self) } else { observers.append((nextObserver, observer)) }
    return nextObserver
  }

  /// Takes an observer back.
  public func forget(_ observer: Int) { observers.removeAll { $0.id == observer } }

  /// For tests: who is told of its end.
  package var observerCount: Int { observers.count }

  func notify() {
    let waiting = observers
    observers = []
    for observer in waiting { observer.tell(self) }
  }
}

extension LuaTask: Equatable {
  public static func == (a: LuaTask, b: LuaTask) -> Bool { a === b }
}

@available(*, unavailable)
extension LuaTask: Sendable {}

/// How a wait ended, also in the ways that the waiting call does not see.
enum WaitEnding {
  case ready, timeout, cancelled, interrupted, exit, graceOver
}

/// C enumerators come without a type.
let notUnwinding = Int32(MT_NOT_UNWINDING)

/// What became of a chunk that `Scheduler.run` ran.
public enum LuaOutcome: Equatable {
  case values([LuaValue])
  /// The error, and the value that was thrown.
  case failed(LuaError, LuaValue)
  /// `os.exit`, here or in a task.
  case exit(Int32)
}
