import Bindings
import Lua
import Notebooks
import Telemetry

/// One Lua state with everything that runs in it, on the thread that made it.
final class Interpreter {
  let state: LuaState
  let library: Library
  let session: Session
  private let plots: PlotTerminal
  private(set) var notebook: NotebookLibrary!
  private(set) lazy var completion = TabCompletion(library)
  /// Tasks that failed; shown unless somebody takes their error.
  private var failedTasks: [LuaTask] = []
  /// A task failed and nobody waited for it.
  private(set) var hasUnobservedErrors = false

  /// - Parameters:
  ///   - screen: where plots show.
  ///   - allowed: what a sandboxed script may connect to.
  ///   - idle: called when nothing is ready; answers when it wants to be called again.
  init(
    display: any Display, screen: any PictureScreen, memoryLimit: Int, sandbox: Bool,
    allowed: [AllowedSource] = [],
    idle: @escaping () -> ContinuousClock.Instant?
  ) throws(LuaError) {
    state = try LuaState(sandbox: sandbox ? .strict : .none)
    library = try Library(state)
    library.simulators = ProgramSimulators()
    if sandbox { library.allowedSources = allowed }
    plots = PlotTerminal(screen)
    library.plotFront = plots
    session = Session(state, display: display)
    library.note = { [unowned session] in session.display.note($0) }
    library.onCheck = { [unowned session] check in
      var shown = check
      shown.message = session.withoutSecrets(check.message)
      session.display.checked(shown)
    }
    session.samplesReceived = { [unowned library] in Int(library.tally.totals.samples) }
    library.program = Version.text
    library.currentCell = { [unowned session] in String(decoding: session.currentCell, as: UTF8.self) }
    session.picture = { [unowned library] in library.failedSignal(of: $0)?.picture() }
    library.show = { [unowned session] in session.printer.short($0) }
    session.otherNames = { [unowned library] in
      library.openStreamers.flatMap { $0.streamer.channels.map(\.name) }
    }
    session.printer.rendering = { [unowned library] in library.rendering(of: $0) }
    notebook = try NotebookLibrary(self)
    // Set-up is not the script's: the limit counts from here on.
    state.memoryLimit = memoryLimit == 0 ? 0 : memoryLimit + state.heapBytes
    library.memoryLimit = memoryLimit
    state.scheduler.onTaskEnd = { [unowned self] task in
      if task.status == .failed { failedTasks.append(task) }
    }
    state.scheduler.onIdle = { [unowned self] in
      reportFailedTasks()
      library.countBuffers()
      return idle().map { LuaInstant.now.advanced(by: $0 - ContinuousClock.now) }
    }
  }

  /// Shows errors of tasks that nobody waits for, each once.
  func reportFailedTasks() {
    guard !failedTasks.isEmpty else { return }
    let tasks = failedTasks
    // Who waits for it is about to hear of it.
    failedTasks = tasks.filter { $0.waiters > 0 }
    for task in tasks where task.waiters == 0 && !task.isErrorObserved {
      task.isErrorObserved = true
      hasUnobservedErrors = true
      guard let error = task.error else { continue }
      let name = task.isNamed ? "task \(task.name)" : task.name
      session.display.taskFailed(name, session.describe(error, thrown: task.errorValue))
    }
  }

  /// `arg` as in lua, and where `require` looks: beside the script first.
  func setScript(_ path: String, arguments: [String]) {
    let table = state.newTable()
    state.rawSet(table, .integer(0), path)
    for (position, argument) in arguments.enumerated() {
      state.rawSet(table, .integer(Int64(position + 1)), argument)
    }
    state.setGlobal("arg", table)
    let folder = path.contains("/") ? String(path[..<path.lastIndex(of: "/")!]) : "."
    var places = ["\(folder)/?.lua", "\(folder)/?/init.lua"]
    if let extra = Environment["MOONTIDE_PATH"], !extra.isEmpty { places.append(extra) }
    if !library.isSandboxed { places.append(state.modulePath) }
    state.modulePath = places.joined(separator: ";")
  }

  /// What exiting now would stop: `1 stream, 2 tasks`; nil for nothing.
  var running: String? {
    let streams = library.openStreamers.count { $0.streamer.isLive }
    let tasks = state.scheduler.tasks.count { $0 !== state.scheduler.foreground }
    let parts = [(streams, "stream"), (tasks, "task")].filter { $0.0 > 0 }
    return parts.isEmpty
      ? nil : parts.map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" }.joined(separator: ", ")
  }

  /// Ends tasks, streams and connections, then the interpreter.
  func close() {
    reportFailedTasks()
    library.closeAll()
    plots.close()
    state.close()
  }
}
