import Locks
import CShims

/// How a wait ended for the call that asked for it. A wait that is cancelled, interrupted or left by `os.exit` never
/// gets here: the error is raised in its place, after `disarm`.
public enum WaitOutcome: Sendable {
  case ready, timeout
}

// The life of a wait, `s:read(2)` in a task, from the call to its result. C is in between because only C may leave a Lua
// function in the middle: `lua_yieldk` is a longjmp, which passes no Swift frame.
//
//   Lua       Swift: function        C: trampoline            Swift: Scheduler                other threads
//   ───       ───────────────        ─────────────            ────────────────                ─────────────
//   s:read(2)
//     └──────────────────────────────► native call
//             NativeFunction.invoke ◄────┘
//             body: return .wait(w)
//               └─► settle ───────────────────────────────────► begin(w)
//                                                                 over already? (`poll`, `deadline`)
//                                        results ◄────────────────── yes: stop(w), finish(w)
//                                        MT_WAIT ◄────────────────── no: requested = w
//                                          │
//                   can Lua yield here? ───┤
//                     yes: lua_yieldk ─────┼──────────────────► suspend(task): register, start(w)
//                     (`lua_coroutine.c`   │                      `arm(wakeup)` ─────────────► remembers it
//                     passes it up through │                      timer for the deadline
//                     a user's coroutines) │                    other tasks run; `rest` sleeps
//                                          │                    inbox ◄────────────────────── `wakeup.fire()`
//                                          │                    receive / fireTimers: `poll`
//                                          │                    makeReady(task, why): stop(w)
//                                          │                      = `disarm`, then `end`
//                     after_wait ◄─────────┼──────────────────── resume(task): finishing = (w, why)
//                                          │
//                     no (sort, gsub, __gc,│
//                     require): park ──────┼──────────────────► park: the same loop nested right here
//                       ◄──────────────────┘                      (tasks pause unless w.needsTasks)
//                     finish ──────────────────────────────────► finish ─► conclude(w, why)
//             `w.finish(call, outcome)` ◄───────────────────────── ready, timeout
//             results, or another .wait ──► as above
//                     lua_error, unwinding ◄────────────────────── cancelled, interrupted, exit, grace over
//   frame
//
// So of every wait: `poll` any number of times, `arm` and `disarm` both or neither, `end` once, and `finish` at most once,
// last; all on the interpreter's thread. Only `wakeup.fire` is called elsewhere, as often as one likes: it makes the
// scheduler ask `poll` again. A wake-up of a wait that is over finds another sequence number and does nothing.

/// Something that a native function waits for: return `.wait(…)` and the Lua code that called goes on when it is over.
/// In a task other tasks go on meanwhile, also through a user's own coroutines; where Lua cannot yield (sort comparator,
/// `gsub` callback, `__tostring`, `require`, `__gc`) the scheduler's loop runs nested right there.
///
/// Use it with closures, or subclass it and override the four methods (one allocation fewer). All four run on the
/// interpreter's thread. A wait is used once.
open class LuaWait {
  /// The outcome is `timeout` from here on; nil waits for ever (or until cancelled or interrupted).
  public final let deadline: LuaInstant?
  /// A nested wait pauses other tasks, except when this is set: for waits that only a task can end (`task:wait()`).
  public final var needsTasks = false
  /// A wait that is over already costs no switch; set this for one that should let others run first (`sleep(0)`).
  public final var alwaysYields = false

  private let pollBody: (() -> Bool)?
  private let armBody: ((Wakeup) -> Void)?
  private let disarmBody: (() -> Void)?
  private let finishBody: ((borrowing LuaCall, WaitOutcome) throws(LuaError) -> LuaResult)?

  final var function: NativeFunction?
  /// Set while unwinding: handlers get no more time than this.
  final var graceEnd: LuaInstant?
  /// In a finalizer it ends as if its own time were over.
  final var finalizerEnd: LuaInstant?
  final var isArmed = false
  private final var isOver = false

  /// - Parameters:
  ///   - poll: is it over? Must not consume: whether its answer is used is up to the scheduler.
  ///   - arm: remember the wake-up, and fire it (any thread) whenever `poll` may have become true.
  ///   - disarm: forget it; called once after `arm`, however the wait ends.
  ///   - finish: push the results; takes what was waited for. Somebody else may have taken it since `poll`: then return
  ///     another wait with the same deadline.
  public init(
    deadline: LuaInstant? = nil, poll: (() -> Bool)? = nil, arm: ((Wakeup) -> Void)? = nil,
    disarm: (() -> Void)? = nil,
    finish: ((borrowing LuaCall, WaitOutcome) throws(LuaError) -> LuaResult)? = nil
  ) {
    self.deadline = deadline
    pollBody = poll
    armBody = arm
    disarmBody = disarm
    finishBody = finish
  }

  /// The wait is over, however it ended, armed or not: called exactly once, after `disarm` and before `finish`.
  open func end() {}
  open func poll() -> Bool { pollBody?() ?? false }
  open func arm(_ wakeup: Wakeup) { armBody?(wakeup) }
  open func disarm() { disarmBody?() }
  open func finish(_ call: borrowing LuaCall, _ outcome: WaitOutcome) throws(LuaError) -> LuaResult {
    guard let finishBody else { return .none }
    return try finishBody(call, outcome)
  }

  /// The nearest of deadline, grace and a finalizer's patience.
  final var limit: LuaInstant? {
    guard graceEnd != nil || finalizerEnd != nil else { return deadline }
    return [deadline, graceEnd, finalizerEnd].compactMap { $0 }.min()
  }

  /// Its time is over, not that of what unwinds around it.
  final func isLate(at now: LuaInstant) -> Bool {
    if let deadline, deadline <= now { return true }
    return finalizerEnd.map { $0 <= now } ?? false
  }

  final func start(_ wakeup: Wakeup) {
    guard !isOver else { return }
    isArmed = true
    arm(wakeup)
  }

  final func stop() {
    guard !isOver else { return }
    isOver = true
    if isArmed { disarm() }
    end()
  }
}

@available(*, unavailable)
extension LuaWait: Sendable {}

extension LuaWait {
  /// Nothing but time; others run even when it is zero. The call has no results.
  public static func sleep(until deadline: LuaInstant) -> LuaWait {
    let wait = LuaWait(deadline: deadline)
    wait.alwaysYields = true
    return wait
  }

  /// Runs Swift concurrency off the interpreter's thread and comes back with its result. When the deadline passes, or the
  /// caller is cancelled or interrupted, the Swift task is cancelled.
  /// - Parameters:
  ///   - work: what to do; errors become Lua errors (see `LuaErrorConvertible`).
  ///   - timedOut: results of a call whose deadline passed; without it that is the error `timeout`.
  ///   - ended: called once, however it ended, before the results are pushed; false when the work never began.
  ///   - then: pushes the results.
  public static func async<Value: Sendable>(
    deadline: LuaInstant? = nil, _ work: @escaping @Sendable () async throws -> Value,
    timedOut: ((borrowing LuaCall) throws(LuaError) -> LuaResult)? = nil, ended: ((Bool) -> Void)? = nil,
    then: @escaping (Value, borrowing LuaCall) throws(LuaError) -> LuaResult
  ) -> LuaWait {
    AsyncWait(deadline: deadline, work: work, timedOut: timedOut, ended: ended, then: then)
  }
}

private final class AsyncWait<Value: Sendable>: LuaWait {
  private struct Progress: Sendable {
    var result: Result<Value, LuaError>?
    var wakeup: Wakeup?
  }

  private let progress = Guarded(Progress())
  private var task: Task<Void, Never>?
  private let work: @Sendable () async throws -> Value
  private let timedOut: ((borrowing LuaCall) throws(LuaError) -> LuaResult)?
  private let ended: ((Bool) -> Void)?
  private let then: (Value, borrowing LuaCall) throws(LuaError) -> LuaResult

  init(
    deadline: LuaInstant?, work: @escaping @Sendable () async throws -> Value,
    timedOut: ((borrowing LuaCall) throws(LuaError) -> LuaResult)?, ended: ((Bool) -> Void)?,
    then: @escaping (Value, borrowing LuaCall) throws(LuaError) -> LuaResult
  ) {
    self.work = work
    self.timedOut = timedOut
    self.ended = ended
    self.then = then
    super.init(deadline: deadline)
  }

  override func poll() -> Bool { progress.withLock { $0.result != nil } }

  override func arm(_ wakeup: Wakeup) {
    let (progress, work) = (progress, work)
    progress.withLock { $0.wakeup = wakeup }
    task = Task.detached {
      let result: Result<Value, LuaError>
      do { result = .success(try await work()) } catch { result = .failure(LuaError(error)) }
      let wakeup = progress.withLock { progress -> Wakeup? in
        progress.result = result
        return progress.wakeup
      }
      wakeup?.fire()
    }
  }

  override func disarm() {
    progress.withLock { $0.wakeup = nil }
    task?.cancel()
  }

  override func end() { ended?(task != nil) }

  override func finish(_ call: borrowing LuaCall, _ outcome: WaitOutcome) throws(LuaError) -> LuaResult {
    // A late result of a timed-out call is that it was cancelled.
    guard outcome == .ready, let result = progress.withLock({ $0.result }) else {
      guard let timedOut else { throw LuaError("timeout", "'\(call.name)' took too long") }
      return try timedOut(call)
    }
    return try then(result.get(), call)
  }
}
