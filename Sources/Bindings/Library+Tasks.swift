import Lua
import Telemetry

/// The newest lines that a task printed, for `task:output()`.
public final class TaskLog {
  private var lines: [String] = []
  private var open = ""

  public init() {}

  /// For whoever takes what the task prints.
  public func add(_ bytes: UnsafeRawBufferPointer) {
    open += String(decoding: bytes, as: UTF8.self)
    guard open.contains("\n") || open.utf8.count > Limits.taskLineBytes else { return }
    var parts = open.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    open = parts.removeLast()
    lines = (lines + parts).suffix(Limits.taskLines)
  }

  var text: String { (open.isEmpty ? lines : lines + [open]).joined(separator: "\n") }
}

extension Library {
  func defineTasks() {
    defineTaskFunctions()
    let tasks = classes.task
    tasks.method("wait") { [unowned self] task, call throws(LuaError) in
      .wait(TaskWait(task, deadline: deadline(try optionalWaitingSpan(call, 1))))
    }
    tasks.method("cancel") { task, call throws(LuaError) in
      let wasRunning = !task.isEnded
      task.cancel()
      return call.results(wasRunning)
    }
    tasks.method("output") { task, call throws(LuaError) in
      call.results((task.userData as? TaskLog)?.text ?? "")
    }
    tasks.field("status", get: { task, call throws(LuaError) in call.results(task.status.rawValue) })
    tasks.field("name", get: { task, call throws(LuaError) in call.results(task.name) })
    tasks.field("result", get: { task, call throws(LuaError) in call.results(task.results.first ?? .nil) })
    tasks.field(
      "error",
      get: { task, call throws(LuaError) in
        task.isErrorObserved = true
        return call.results(task.errorValue)
      })
    tasks.metamethod(.tostring) { task, call throws(LuaError) in
      let name = task.isNamed ? "task \(task.id) \"\(task.name)\"" : task.name
      return call.results("\(name): \(task.status.rawValue)")
    }
  }

  private func defineTaskFunctions() {
    define("spawn") { [unowned self] call throws(LuaError) in try spawn(call) }
    define("tasks") { [unowned self] call throws(LuaError) in
      let list = state.newTable()
      let background = state.scheduler.tasks.filter { $0 !== state.scheduler.foreground }
      for (position, task) in background.enumerated() {
        state.rawSet(list, .integer(Int64(position + 1)), state.value(task, classes.task))
      }
      return call.results(list)
    }
  }

  private func spawn(_ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    var name: String?
    var function: LuaReference?
    if call.type(1) == .table {
      let options = try call.options(at: 1)
      name = try options.string("name")
      if case .function(let given)? = options.list.first { function = given }
      guard function != nil else {
        throw call.bad(1, "no function in the table", hint: "spawn{ name = \"watch\", function() … end }")
      }
    } else {
      function = try call.function(1)
    }
    guard state.scheduler.taskCount < Limits.tasks else {
      throw LuaError("too_many", "\(Limits.tasks) tasks run already", hint: "wait for some of them first")
    }
    let task = state.scheduler.spawn(function!, arguments: call.values(from: 2), name: name)
    task.userData = TaskLog()
    return call.result(task, classes.task)
  }

  // MARK: - select

  func waitForAny(_ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
    let table = try call.table(1)
    var items: [Awaited] = []
    for position in 1...max(1, state.rawCount(table)) {
      let value = state.rawGet(table, .integer(Int64(position)))
      if let task = state.object(value, classes.task) {
        items.append(.task(task))
      } else if let reader = state.object(value, classes.reader)
        ?? state.object(value, classes.streamer)?.reader
      {
        guard !reader.isAwaited else { throw ReaderObject.busy }
        items.append(.reader(reader))
      } else {
        throw call.bad(1, "item \(position) is no streamer, reader or task")
      }
    }
    return .wait(AnyWait(items, library: self, deadline: deadline(try optionalWaitingSpan(call, 2))))
  }

  enum Awaited {
    case task(LuaTask)
    case reader(ReaderObject)
  }
}

/// Waits for a task's end.
private final class TaskWait: LuaWait {
  private let task: LuaTask
  private var observer = 0

  init(_ task: LuaTask, deadline: LuaInstant?) {
    self.task = task
    super.init(deadline: deadline)
    needsTasks = true
  }

  override func poll() -> Bool { task.isEnded }
  override func arm(_ wakeup: Wakeup) {
    task.waiters += 1
    observer = task.onEnd { _ in wakeup.fire() }
  }

  override func disarm() {
    task.waiters -= 1
    task.forget(observer)
  }

  override func finish(_ call: borrowing LuaCall, _ outcome: WaitOutcome) throws(LuaError) -> LuaResult {
    guard outcome == .ready else { return call.results(LuaValue.nil, "timeout") }
    return try results(of: task, call)
  }
}

private func results(of task: LuaTask, _ call: borrowing LuaCall) throws(LuaError) -> LuaResult {
  switch task.status {
  case .failed:
    task.isErrorObserved = true
    return .raise(task.errorValue)
  case .cancelled: return call.results(LuaValue.nil, "cancelled")
  default:
    try call.reserve(task.results.count + 8)
    for value in task.results { call.push(value) }
    return .values(task.results.count)
  }
}

/// Waits for the first of several.
private final class AnyWait: LuaWait {
  private let items: [Library.Awaited]
  private unowned let library: Library
  private var observers: [Int] = []

  init(_ items: [Library.Awaited], library: Library, deadline: LuaInstant?) {
    self.items = items
    self.library = library
    super.init(deadline: deadline)
    needsTasks = items.contains { item in
      switch item {
      case .task: true
      case .reader(let reader): reader.streamer.isMadeHere
      }
    }
  }

  /// The first that has something; nil with `allEnded` false while there is hope.
  private func first() -> (position: Int?, allEnded: Bool) {
    var ended = 0
    for (position, item) in items.enumerated() {
      switch item {
      case .task(let task): if task.isEnded { return (position, false) }
      case .reader(let reader):
        switch reader.look() {
        case .frame: return (position, false)
        case .ended, .lost: ended += 1
        case .pending: break
        }
      }
    }
    return (nil, ended == items.count)
  }

  override func poll() -> Bool {
    let (position, allEnded) = first()
    return position != nil || allEnded
  }

  override func arm(_ wakeup: Wakeup) {
    for item in items {
      switch item {
      case .task(let task):
        task.waiters += 1
        observers.append(task.onEnd { _ in wakeup.fire() })
      case .reader(let reader): reader.await(wakeup)
      }
    }
  }

  override func disarm() {
    var rest = observers[...]
    for item in items {
      switch item {
      case .task(let task):
        task.waiters -= 1
        if let observer = rest.popFirst() { task.forget(observer) }
      case .reader(let reader): reader.release()
      }
    }
  }

  override func finish(_ call: borrowing LuaCall, _ outcome: WaitOutcome) throws(LuaError) -> LuaResult {
    guard outcome == .ready else { return call.results(LuaValue.nil, "timeout") }
    guard let position = first().position else { return call.results(LuaValue.nil, "closed") }
    call.push(position + 1)
    switch items[position] {
    case .reader(let reader):
      if case .frame(let frame) = reader.take() { library.push(frame, call) }
      return .values(2)
    case .task(let task):
      guard case .values(let count) = try results(of: task, call) else { return .raise(task.errorValue) }
      return .values(1 + count)
    }
  }
}
