import Glibc
import Lua
import Notebooks
import Telemetry
import Bindings
import Terminal

/// The notebook at the prompt, or fed by a pipe.
final class NotebookFront {
  private let interpreter: Interpreter
  private let display: FrontDisplay
  private let signals: Signals
  private let reader: any CellReader
  private let editor: LineEditor?
  private let keys: KeyPoll
  private let history: History
  private var exitCode: Int32?

  init(interpreter: Interpreter, display: FrontDisplay, signals: Signals) {
    self.interpreter = interpreter
    self.display = display
    self.signals = signals
    history = History(
      path: History.defaultPath(environment: Environment.terminal), session: "\(getpid())",
      keeps: { SourceSecrets(Array($0.utf8)).isEmpty })
    let scheduler: Scheduler = interpreter.state.scheduler
    let keys = KeyPoll(scheduler: scheduler, writer: display.writer, signals: signals)
    self.keys = keys
    var editor: LineEditor?
    if Environment["TERM"] != "dumb" {
      editor = try? LineEditor(writer: display.writer, history: history, waitForKey: { keys.wait($0) })
    }
    self.editor = editor
    reader =
      editor
      ?? PlainReader(
        input: 0, writer: display.writer, showsPrompt: isatty(0) == 1, waitForKey: { keys.wait($0) })
  }

  private var session: Session { interpreter.session }
  private var isPerson: Bool { isatty(0) == 1 }

  /// Until Ctrl-D, `:quit` or `os.exit`; the exit code.
  func run() -> Int32 {
    defer { editor?.close() }
    session.printer.width = display.writer.size.columns
    runInitFile()
    if isPerson { greet() }
    editor?.onResume = { [unowned self] away in
      display.note("back after \(TextTime.text(away)); streams went on where the system let them")
    }
    var failed = false
    while exitCode == nil {
      let result = reader.readCell(
        prompt: { [unowned self] in prompt },
        continuation: { [unowned self] in interpreter.state.global("_PROMPT2").string ?? "> " },
        isComplete: { [unowned self] in isComplete($0) }, prefill: "")
      switch result {
      case .cell(let text): failed = !enter(text) || failed
      case .interrupted: if signals.isTerminating { return ExitCode.terminated }
      case .endOfFile:
        farewell()
        return isPerson || !failed ? ExitCode.success : ExitCode.failure
      }
      if signals.isTerminating { return ExitCode.terminated }
      if let code = keys.exitCode { exitCode = code }
    }
    return exitCode ?? ExitCode.success
  }

  private func greet() {
    display.print("\(Version.text), Lua 5.4. name? explains, :help lists, Ctrl-D ends.\n", to: .output)
  }

  private func farewell() {
    if let running = interpreter.running { display.print("stopping \(running)\n", to: .output) }
  }

  private func runInitFile() {
    guard let path = Environment.initFile, let bytes = try? FileText.read(path) else { return }
    _ = session.run(NotebookFile(bytes), name: path)
  }

  private var prompt: String {
    if let own = interpreter.state.global("_PROMPT").string { return own }
    let live = interpreter.library.openStreamers.filter { $0.streamer.isLive }
    var marks = ""
    if !live.isEmpty {
      let troubled = live.contains { $0.streamer.state == "reconnecting" || $0.streamer.stats.lost > 0 }
      marks = " \(live.count)~\(troubled ? "!" : "")"
    }
    return "[\(session.nextNumber)]\(marks)> "
  }

  private func isComplete(_ text: String) -> Bool { session.isComplete(Array(text.utf8)) }

  /// Runs what was entered; false when it failed.
  private func enter(_ text: String) -> Bool {
    switch CellInput(Array(text.utf8)) {
    case .empty: return true
    case .help(let topic):
      keep(text)
      display.note(interpreter.library.help(on: topic) ?? Help.text(topic))
      return true
    case .command(let name, let arguments):
      keep(text)
      return command(name, arguments)
    case .code:
      keep(text)
      let outcome = session.run(Cell(text))
      interpreter.reportFailedTasks()
      display.writer.flush()
      if case .exit(let code) = outcome.result { exitCode = code }
      // Lua itself says what is missing when a pipe ends in the middle of a cell.
      if case .incomplete = outcome.result {
        display.print("the cell is not complete\n", to: .error)
        return false
      }
      return outcome.error == nil
    }
  }

  private func keep(_ text: String) {
    if isPerson { history.add(text, time: TextTime.now) }
  }

  private func command(_ name: String, _ arguments: String) -> Bool {
    switch name {
    case "help": display.note(interpreter.library.help(on: arguments) ?? Help.text(arguments))
    case "quit", "q", "exit":
      farewell()
      exitCode = ExitCode.success
    case "streams":
      let streams = interpreter.library.openStreamers
      display.note(
        streams.isEmpty
          ? "no streams"
          : streams.map { "\($0.streamer.state)  \($0.title)  \($0.streamer.stats.samples) samples" }
            .joined(separator: "\n"))
    case "jobs":
      let tasks = interpreter.state.scheduler.tasks
      display.note(
        tasks.isEmpty
          ? "no tasks" : tasks.map { "\($0.id)  \($0.status.rawValue)  \($0.name)" }.joined(separator: "\n"))
    case "log":
      let job = arguments.isEmpty ? display.writer.loggedJobs.first : arguments
      display.note(job.map { display.writer.log(of: $0).joined(separator: "\n") } ?? "nothing was logged")
    case "history":
      let count = min(history.count, 20)
      display.note((0..<count).reversed().compactMap { history.entry($0) }.joined(separator: "\n"))
    default:
      display.print("no command :\(name); :help lists them\n", to: .error)
      return false
    }
    return true
  }
}
