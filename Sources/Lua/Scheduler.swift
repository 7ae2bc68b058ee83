import CShims
import DequeModule
import HeapModule

/// Runs tasks on the interpreter's thread: while a chunk runs (`run`) and while a prompt waits for a key (`turn`).
public final class Scheduler {
  /// Why `turn` came back.
  public enum TurnEnd: Equatable, Sendable {
    case readable, deadline, interrupted
    /// A task called `os.exit`.
    case exit(Int32)
  }

  private struct Timer: Comparable {
    let deadline: LuaInstant
    let task: Int
    let sequence: UInt64

    static func < (a: Timer, b: Timer) -> Bool {
      (a.deadline, a.sequence) < (b.deadline, b.sequence)
    }
  }

  public let clock: LuaClock
  public let inbox: Inbox
  /// Who runs right now; nil between tasks and outside of `run` and `turn`.
  public private(set) var current: LuaTask?
  /// The task of the innermost `run`.
  public private(set) var foreground: LuaTask?
  /// What tasks inherit that no task starts (`LuaTask.heritage`).
  public var heritage: AnyObject?
  /// Called whenever nothing is ready and the loop is about to sleep, and every 10 ms where something always is; answers
  /// when it wants to be called again. For output that is gathered, and for looking after what tasks left behind.
  public var onIdle: (() -> LuaInstant?)?
  /// Told when a foreground that was to go on in the background computes and does not wait. On the interpreter's thread
  /// with Lua in the middle of something: must not touch it.
  public var onRefusedMove: (() -> Void)?
  /// Told about every background task that ended, before its observers.
  public var onTaskEnd: ((LuaTask) -> Void)?

  private unowned let state: LuaState
  private var all: [Int: LuaTask] = [:]
  private var ready: Deque<LuaTask> = []
  private var timers: Heap<Timer> = []
  private var nextID = 1
  private var nextSequence: UInt64 = 1
  /// The wait that a native function just asked for; taken by whoever suspends.
  private var requested: LuaWait?
  /// The wait that a native function is about to finish.
  private var finishing: (wait: LuaWait, ending: WaitEnding)?
  private var immediateWaits = 0
  private var nestedWaits = 0
  private var exitCode: Int32?
  /// When `onIdle` is due though something is ready.
  private var idleDue = LuaInstant(nanoseconds: .min)

  init(_ state: LuaState, clock: LuaClock) {
    self.state = state
    self.clock = clock
    inbox = Inbox(state.interrupter)
  }

  private var block: UnsafeMutablePointer<mt_lua> { state.block }

  // MARK: Tasks

  /// All tasks that have not ended, by age; the foreground is among them.
  public var tasks: [LuaTask] { all.values.sorted { $0.id < $1.id } }

  /// How many tasks have not ended.
  public var taskCount: Int { all.count }

  /// Starts a task; it runs when the present one waits, or in the next `turn`.
  /// - Parameter arguments: of the function.
  @discardableResult
  public func spawn(
    _ function: LuaReference, arguments: [LuaValue] = [], name: String? = nil
  ) -> LuaTask {
    let task = makeTask(function, arguments, name: name)
    ready.append(task)
    return task
  }

  private func makeTask(_ function: LuaReference, _ arguments: [LuaValue], name: String?) -> LuaTask {
    let task = LuaTask(id: nextID, name: name, scheduler: self)
    task.heritage = current.map(\.heritage) ?? heritage
    nextID += 1
    let stack = state.stack
    stack.room()
    let coroutine = mt_new_task(stack.lua)
    task.coroutine = coroutine
    task.slot = luaL_ref(stack.lua, mt_registry_index())
    let body = LuaStack(coroutine)
    if body.hasRoom(arguments.count + 24) {
      body.push(function)
      for argument in arguments { body.push(argument) }
      task.argumentCount = Int32(arguments.count + 1)
    } else {
      // It begins, and that is its error.
      body.push(
        state.function(name: name ?? "task") { _ throws(LuaError) in
          throw LuaError("error", "stack overflow (too many arguments)")
        })
      task.argumentCount = 1
    }
    all[task.id] = task
    return task
  }

  func cancel(_ task: LuaTask) {
    guard !task.isEnded, !task.isCancelRequested else { return }
    task.isCancelRequested = true
    if !task.hasStarted {
      ready.removeAll { $0 === task }
      end(task, .cancelled, LuaError("cancelled", "cancelled"))
    } else if task.status == .waiting, !task.isNested {
      makeReady(task, .cancelled)
    }
  }

  // MARK: Running

  /// Runs a function as the foreground to its end, everything else beside it.
  public func run(
    _ function: LuaReference, arguments: [LuaValue] = [], name: String = "main", userData: AnyObject? = nil
  ) -> LuaOutcome {
    state.inside {
      let task = makeTask(function, arguments, name: name)
      task.userData = userData
      _ = runForeground(task, mayMove: false)
      if let exitCode, current != nil {
        // Run by a task in the middle of something: it is not this one that leaves, but who runs it, too.
        block.pointee.exit_code = exitCode
        // Once: the grace begins with the first time.
        if block.pointee.unwinding == notUnwinding { mt_unwind_soon(block, Int32(MT_EXIT)) }
        return .exit(exitCode)
      }
      return outcome(of: task)
    }
  }

  /// What became of a foreground that may be moved.
  public enum MovableOutcome {
    case ended(LuaOutcome)
    /// It waits and goes on as a task of its own; `Interrupter.moveToBackground` asked for that.
    case moved(LuaTask)
  }

  /// As `run`, but a request to go on in the background is granted as soon as the function waits.
  public func runMovable(
    _ function: LuaReference, arguments: [LuaValue] = [], name: String = "main"
  ) -> MovableOutcome {
    state.inside {
      let task = makeTask(function, arguments, name: name)
      return runForeground(task, mayMove: true) ? .ended(outcome(of: task)) : .moved(task)
    }
  }

  /// False when the task was moved to the background.
  private func runForeground(_ task: LuaTask, mayMove: Bool) -> Bool {
    let outer = foreground
    foreground = task
    defer { foreground = outer }
    ready.prepend(task)
    while !task.isEnded {
      if let exitCode { leave(task, exitCode) }
      // Whom it is meant for runs first: others might never end.
      if state.interrupter.isRequested { goFirst(task) }
      if ready.isEmpty { rest(fd: nil, until: nil) } else { breathe() }
      step()
      guard task.status == .waiting else { continue }
      if state.interrupter.take() {
        makeReady(task, .interrupted)
        goFirst(task)
      } else if mayMove, exitCode == nil, state.interrupter.takeMove() {
        return false
      }
    }
    return true
  }

  private func goFirst(_ task: LuaTask) {
    guard task.status == .ready, let place = ready.firstIndex(of: task), place > 0 else { return }
    ready.remove(at: place)
    ready.prepend(task)
  }

  private func outcome(of task: LuaTask) -> LuaOutcome {
    if let exitCode {
      self.exitCode = nil
      return .exit(exitCode)
    }
    guard let error = task.error else { return .values(task.results) }
    task.isErrorObserved = true
    return .failed(error, task.errorValue)
  }

  /// `os.exit` in a background task takes the foreground down, too.
  private func leave(_ task: LuaTask, _ code: Int32) {
    guard task.ending != .exit, task.unwinding != Int32(MT_EXIT) else { return }
    block.pointee.exit_code = code
    if task.wait != nil {
      // Also one that is ready again: a loop of short waits is left like any other.
      makeReady(task, .exit)
    } else if task.hasStarted {
      takeDown(task, Int32(MT_EXIT))
    } else if !task.hasStarted {
      ready.removeAll { $0 === task }
      end(task, .cancelled, .exit(code))
    }
  }

  /// A task that yielded without a wait has no place where an error could be raised: it is struck when the grace is over.
  private func takeDown(_ task: LuaTask, _ why: Int32) {
    guard task.unwinding == notUnwinding else { return }
    task.unwinding = why
    task.unwindingSince = mt_monotonic_ns()
  }

  /// Runs what is ready, then waits for a key: what a line editor calls in place of reading.
  /// - Parameters:
  ///   - fd: comes back as `readable` when this has input or was closed.
  ///   - deadline: comes back then, also from tasks that are always ready; nil waits for ever.
  public func turn(waitingFor fd: Int32? = nil, deadline: LuaInstant? = nil) -> TurnEnd {
    state.inside {
      while true {
        step()
        if let code = exitCode {
          exitCode = nil
          return .exit(code)
        }
        if state.interrupter.take() { return .interrupted }
        let isReadable = rest(fd: fd, until: deadline)
        if isReadable { return .readable }
        if let deadline, clock.now() >= deadline { return .deadline }
      }
    }
  }

  /// Runs until no task is ready and no message is left, without waiting. For tests and for embedders with a loop of
  /// their own.
  public func runReady() {
    state.inside {
      repeat { step() } while !ready.isEmpty
    }
  }

  /// When the next timer fires.
  public var nextDeadline: LuaInstant? { timers.min?.deadline }

  /// One round: messages, timers, then a bounded number of ready tasks.
  private func step() {
    receive()
    fireTimers()
    var budget = min(ready.count, Limits.readyPerTurn)
    while budget > 0, exitCode == nil, let task = ready.popFirst() {
      resume(task)
      budget -= 1
      if state.interrupter.isRequested { break }
      // Who interrupted the foreground does not wait for those behind it; where it ended by itself they have their turn.
      if let foreground, foreground.isEnded, foreground.status != .done { break }
    }
    // Leaving: only the foreground goes on, for its handlers.
    if exitCode != nil, let task = foreground, let place = ready.firstIndex(of: task) {
      ready.remove(at: place)
      resume(task)
    }
  }

  private func receive() {
    let contents = inbox.take()
    for wakeup in contents.wakeups {
      guard let task = all[wakeup.task], task.waitSequence == wakeup.sequence, let wait = task.wait,
        task.ending == nil
      else { continue }
      wakeup.rearm()
      if wait.poll(), !task.isNested { makeReady(task, .ready) }
    }
    for closure in contents.closures { closure(state) }
  }

  private func fireTimers() {
    guard let first = timers.min else { return }
    let now = clock.now()
    guard first.deadline <= now else { return }
    while let timer = timers.min, timer.deadline <= now {
      timers.removeMin()
      guard let task = all[timer.task], task.waitSequence == timer.sequence, task.ending == nil,
        !task.isNested, let wait = task.wait
      else { continue }
      makeReady(task, ending(of: wait, at: now))
    }
  }

  /// What the passing of time means for a wait that is due.
  private func ending(of wait: LuaWait, at now: LuaInstant) -> WaitEnding {
    if wait.poll() { return .ready }
    if wait.isLate(at: now) { return .timeout }
    return .graceOver
  }

  private func makeReady(_ task: LuaTask, _ ending: WaitEnding) {
    if task.ending == nil { ready.append(task) }
    task.ending = ending
    task.status = .ready
    task.wait?.stop()
  }

  private func resume(_ task: LuaTask) {
    guard let coroutine = task.coroutine else { return }
    if let wait = task.wait, let ending = task.ending {
      finishing = (wait, ending)
      if ending == .interrupted || ending == .exit {
        task.unwinding = Int32(ending == .exit ? MT_EXIT : MT_INTERRUPTED)
        task.unwindingSince = mt_monotonic_ns()
      }
    }
    task.wait = nil
    task.ending = nil
    task.hasStarted = true
    task.status = .running
    let (outer, outerUnwinding, outerSince, outerSparing, outerFinalizing) = (
      current, block.pointee.unwinding, block.pointee.unwinding_since, block.pointee.sparing,
      block.pointee.finalizing
    )
    current = task
    block.pointee.finalizing = false
    block.pointee.sparing = task !== foreground
    block.pointee.unwinding = task.unwinding
    block.pointee.unwinding_since = task.unwindingSince
    immediateWaits = 0
    var count: Int32 = 0
    let hasEnded = mt_resume_task(coroutine, state.active, task.argumentCount, &count)
    task.argumentCount = 0
    task.unwinding = block.pointee.unwinding
    task.unwindingSince = block.pointee.unwinding_since
    if hasEnded { collect(task, count) } else { suspend(task) }
    current = outer
    block.pointee.unwinding = outerUnwinding
    block.pointee.unwinding_since = outerSince
    block.pointee.sparing = outerSparing
    block.pointee.finalizing = outerFinalizing
  }

  /// The task yielded: with a wait, or just to let others run.
  private func suspend(_ task: LuaTask) {
    if task.unwinding != notUnwinding, task.unwindingTraceback == nil {
      task.unwindingTraceback = state.recordedTraceback
    }
    guard let wait = requested else {
      ready.append(task)
      task.status = .ready
      if task.isCancelRequested, task.cancelDelivered == nil {
        task.cancelDelivered = clock.now()
        takeDown(task, Int32(MT_CANCELLED))
      }
      return
    }
    requested = nil
    task.status = .waiting
    register(wait, of: task)
    if task.isCancelRequested, task.cancelDelivered == nil {
      makeReady(task, .cancelled)
    } else if wait.poll() {
      makeReady(task, .ready)
    } else if let limit = wait.limit {
      let now = clock.now()
      guard limit > now else { return makeReady(task, ending(of: wait, at: now)) }
      timers.insert(Timer(deadline: limit, task: task.id, sequence: task.waitSequence))
      forgetStaleTimers()
    }
  }

  /// Waits that ended early leave their timers behind; this keeps them fewer than a few per task.
  private func forgetStaleTimers() {
    guard timers.count > 64, timers.count > 4 * all.count else { return }
    timers = Heap(timers.unordered.filter { all[$0.task]?.waitSequence == $0.sequence })
  }

  /// For tests: timers kept, stale ones included.
  package var timerCount: Int { timers.count }

  private func register(_ wait: LuaWait, of task: LuaTask) {
    task.wait = wait
    task.waitSequence = nextSequence
    let wakeup = Wakeup(task: task.id, sequence: nextSequence, inbox: inbox)
    nextSequence += 1
    wait.start(wakeup)
  }

  // MARK: Endings

  private func collect(_ task: LuaTask, _ count: Int32) {
    guard let coroutine = task.coroutine else { return }
    let body = LuaStack(coroutine)
    let (status, unwinding) = (block.pointee.ended, task.unwinding)
    task.unwinding = notUnwinding
    if unwinding == Int32(MT_EXIT) { exitCode = block.pointee.exit_code }
    guard status != LUA_OK else {
      task.results = body.take(Int(count))
      end(task, .done, nil)
      return
    }
    body.room(8)
    lua_pushvalue(coroutine, -1)
    var error = body.takeError(status: status)
    task.errorValue = body.value(-1)
    if let traceback = task.unwindingTraceback { error.traceback = traceback }
    let wasCancelled = task.isCancelRequested && error.code == "cancelled"
    end(task, wasCancelled ? .cancelled : .failed, error)
  }

  private func end(_ task: LuaTask, _ status: LuaTask.Status, _ error: LuaError?) {
    task.status = status
    task.error = error
    task.coroutine = nil
    all[task.id] = nil
    luaL_unref(state.active, mt_registry_index(), task.slot)
    if task !== foreground { onTaskEnd?(task) }
    task.notify()
  }

  /// Waits of tasks that never go on are given up.
  func close() {
    inbox.close()
    for task in tasks {
      task.wait?.stop()
      task.wait = nil
      task.coroutine = nil
      task.status = .cancelled
      task.error = LuaError("cancelled", "the interpreter was closed")
    }
    all = [:]
    ready = []
    timers = []
    onTaskEnd = nil
    onIdle = nil
  }

  // MARK: Waits, called through C

  /// A native function wants to wait: finishes it at once when that is possible.
  func begin(_ wait: LuaWait, for function: NativeFunction, _ lua: OpaquePointer) -> Int32 {
    wait.function = function
    if let task = current, task.isCancelRequested, task.cancelDelivered == nil {
      return conclude(wait, .cancelled, lua)
    }
    if let graceEnd {
      if clock.now() >= graceEnd { return conclude(wait, .graceOver, lua) }
      wait.graceEnd = graceEnd
    }
    if block.pointee.finalizing { wait.finalizerEnd = clock.now().advanced(by: Limits.finalizerWait) }
    if !wait.alwaysYields, immediateWaits < Limits.immediateWaits {
      immediateWaits += 1
      if wait.poll() { return conclude(wait, .ready, lua) }
      if let limit = wait.limit {
        let now = clock.now()
        if limit <= now { return conclude(wait, ending(of: wait, at: now), lua) }
      }
    }
    requested = wait
    return Int32(MT_WAIT)
  }

  /// While unwinding or cancelled: until when waits are granted.
  private var graceEnd: LuaInstant? {
    if block.pointee.unwinding != notUnwinding {
      let left = block.pointee.unwinding_since + mt_grace_ns() - mt_monotonic_ns()
      return clock.now().advanced(by: .nanoseconds(left))
    }
    return current?.cancelDelivered.map { $0.advanced(by: .nanoseconds(mt_grace_ns())) }
  }

  /// The wait that `park` or `resume` ended.
  func finish(_ lua: OpaquePointer) -> Int32 {
    guard let (wait, ending) = finishing else {
      return NativeFunction.fail(LuaError("error", "resumed without a wait"), lua)
    }
    finishing = nil
    return conclude(wait, ending, lua)
  }

  private func conclude(_ wait: LuaWait, _ ending: WaitEnding, _ lua: OpaquePointer) -> Int32 {
    wait.stop()
    guard let function = wait.function else { return 0 }
    switch ending {
    case .ready, .timeout:
      let call = LuaCall(lua, function: function)
      do throws(LuaError) {
        return try function.settle(wait.finish(call, ending == .ready ? .ready : .timeout), lua)
      } catch {
        return NativeFunction.fail(error, lua)
      }
    case .cancelled:
      current?.cancelDelivered = clock.now()
      LuaStack(lua).push(LuaError("cancelled", "cancelled"))
      return Int32(MT_FAIL)
    case .interrupted, .exit:
      mt_record_traceback(lua, block, 0)
      return Int32(MT_UNWIND)
    case .graceOver:
      if block.pointee.unwinding == notUnwinding {
        mt_begin_unwinding(block, Int32(MT_CANCELLED))
        mt_record_traceback(lua, block, 0)
      }
      return Int32(MT_UNWIND)
    }
  }

  /// Waits right here, where Lua cannot yield. Leaves the wait for `finish`.
  func park(_ lua: OpaquePointer) {
    guard let wait = requested else { return }
    requested = nil
    guard nestedWaits < Limits.nestedWaits else {
      wait.stop()
      let refusal = LuaWait(
        poll: nil, arm: nil, disarm: nil,
        finish: { (_, _) throws(LuaError) in
          throw LuaError("nested", "too many waits inside of waits")
        })
      refusal.function = wait.function
      finishing = (refusal, .ready)
      return
    }
    nestedWaits += 1
    defer { nestedWaits -= 1 }
    let task = current
    let (outerStatus, outerSequence, outerWait) = (task?.status, task?.waitSequence, task?.wait)
    if let task {
      task.status = .waiting
      task.isNested = true
      register(wait, of: task)
    } else {
      wait.start(Wakeup(task: 0, sequence: 0, inbox: inbox))
    }
    let ending = restNested(wait, task)
    wait.stop()
    if let task {
      task.isNested = outerStatus == .waiting
      task.status = outerStatus ?? .running
      task.waitSequence = outerSequence ?? 0
      task.wait = outerWait
    }
    finishing = (wait, ending)
  }

  private func restNested(_ wait: LuaWait, _ task: LuaTask?) -> WaitEnding {
    while true {
      if wait.poll() { return .ready }
      if let task, task.isCancelRequested, task.cancelDelivered == nil { return .cancelled }
      if let limit = wait.limit, limit <= clock.now() { return ending(of: wait, at: clock.now()) }
      if state.interrupter.isRequested, let why = interruptNested(task) { return why }
      if let code = exitCode {
        block.pointee.exit_code = code
        mt_begin_unwinding(block, Int32(MT_EXIT))
        return .exit
      }
      receive()
      if wait.needsTasks {
        fireTimers()
        var budget = min(ready.count, Limits.readyPerTurn)
        while budget > 0, exitCode == nil, let other = ready.popFirst() {
          resume(other)
          budget -= 1
        }
        if !ready.isEmpty {
          breathe()
          continue
        }
      }
      if wait.poll() { return .ready }
      let timer = wait.needsTasks ? nextDeadline : nil
      sleep(fd: nil, until: [wait.limit, timer, onIdle?()].compactMap { $0 }.min())
    }
  }

  /// A nested wait keeps all others from running. Where it is not the foreground's, that is left the request.
  private func interruptNested(_ task: LuaTask?) -> WaitEnding? {
    if task == nil || task === foreground {
      guard state.interrupter.take() else { return nil }
    } else if block.pointee.unwinding != notUnwinding {
      return nil
    }
    mt_begin_unwinding(block, Int32(MT_INTERRUPTED))
    return .interrupted
  }

  // MARK: Sleeping

  /// Waits for input, messages, the interrupt, the next timer or the deadline; not at all when tasks are ready.
  /// True when the descriptor has input.
  @discardableResult
  private func rest(fd: Int32?, until deadline: LuaInstant?) -> Bool {
    guard ready.isEmpty, exitCode == nil else {
      breathe()
      return poll(fd, for: 0)
    }
    let asked = onIdle?()
    guard ready.isEmpty else { return poll(fd, for: 0) }
    return sleep(fd: fd, until: [deadline, nextDeadline, asked].compactMap { $0 }.min())
  }

  /// What is due between tasks, where one is always ready.
  private func breathe() {
    guard let onIdle else { return }
    let now = clock.now()
    guard now >= idleDue else { return }
    idleDue = now.advanced(by: Limits.idlePace)
    _ = onIdle()
  }

  @discardableResult
  private func sleep(fd: Int32?, until deadline: LuaInstant?) -> Bool {
    guard inbox.fallAsleep(), !state.interrupter.isRequested else {
      inbox.wakeUp()
      return poll(fd, for: 0)
    }
    defer { inbox.wakeUp() }
    guard let deadline else { return poll(fd, for: -1) }
    if let skip = clock.skip {
      skip(deadline)
      return poll(fd, for: 0)
    }
    let left = deadline.nanoseconds.subtractingReportingOverflow(clock.now().nanoseconds)
    return poll(fd, for: left.overflow ? .max : max(0, left.partialValue))
  }

  /// Negative: for ever. True when the descriptor has input.
  private func poll(_ fd: Int32?, for nanoseconds: Int64) -> Bool {
    if fd == nil, nanoseconds == 0 { return false }
    return mt_irq_poll(state.interrupter.irq, fd ?? -1, nanoseconds)
  }
}

@available(*, unavailable)
extension Scheduler: Sendable {}
