import Bindings
import Glibc
import Lua
import Notebooks
import Terminal

/// The notebook at the prompt, or fed by a pipe.
final class NotebookFront {
  private(set) var interpreter: Interpreter
  let display: FrontDisplay
  let history: History
  let editor: LineEditor?
  /// Text that is in the line when the next cell is read.
  var prefill = ""
  /// Set by what ends the notebook.
  var exitCode: Int32?
  var wantsReset = false

  private let makeInterpreter: () throws(LuaError) -> Interpreter
  private let signals: Signals
  private let reader: any CellReader
  private let keys: KeyPoll
  private let prompt = PromptText()
  private var gap: (report: GapReport, due: ContinuousClock.Instant)?
  private var suspended = GapReport([])
  private var hasToldHistory = false

  /// - Parameter makeInterpreter: for `:reset`.
  init(
    interpreter: Interpreter, display: FrontDisplay, signals: Signals,
    makeInterpreter: @escaping () throws(LuaError) -> Interpreter
  ) {
    self.interpreter = interpreter
    self.display = display
    self.signals = signals
    self.makeInterpreter = makeInterpreter
    history = History(
      path: History.defaultPath(environment: Environment.terminal),
      keeps: { SourceSecrets(Array($0.utf8)).isEmpty })
    let keys = KeyPoll(signals: signals)
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
    wire()
  }

  var session: Session { interpreter.session }
  var isPerson: Bool { isatty(0) == 1 }
  var isTerminating: Bool { signals.isTerminating }
  /// `os.exit` in a task, while a line was read.
  var exitCodeOfTasks: Int32? { keys.exitCode }

  /// Until Ctrl-D, `:quit` or `os.exit`; the exit code.
  func run() -> Int32 {
    defer { editor?.close() }
    if isPerson { greet() }
    runInitFile()
    var failed = false
    while exitCode == nil {
      let text = prefill
      prefill = ""
      let result = reader.readCell(
        prompt: { [unowned self] in promptText }, continuation: { [unowned self] in continuationText },
        isComplete: { [unowned self] in session.isComplete(Array($0.utf8)) }, prefill: text)
      switch result {
      case .cell(let text): failed = !enter(text) || failed
      case .interrupted: if signals.isTerminating { return ExitCode.terminated }
      case .endOfFile:
        farewell()
        return isPerson || !failed ? ExitCode.success : ExitCode.failure
      }
      if signals.isTerminating { return ExitCode.terminated }
      if let code = keys.exitCode { exitCode = code }
      if wantsReset { reset() }
    }
    return exitCode ?? ExitCode.success
  }

  func farewell() {
    if let running = interpreter.running { display.print("stopping \(running)\n", to: .output) }
  }

  // MARK: Wiring

  /// Connects what belongs to the terminal with the interpreter of now.
  private func wire() {
    let scheduler: Scheduler = interpreter.state.scheduler
    keys.scheduler = scheduler
    signals.interrupter = interpreter.state.interrupter
    scheduler.onRefusedMove = { [unowned self] in
      display.note("a computing cell cannot be moved to the background; Ctrl-C stops it")
    }
    let others = scheduler.onIdle
    scheduler.onIdle = { [unowned self] in
      let asked = others?()
      let own = look().map { LuaInstant.now.advanced(by: $0 - ContinuousClock.now) }
      return [asked, own].compactMap { $0 }.min()
    }
    interpreter.notebook.front = .init(
      log: { [unowned self] in log(of: $0 ?? "") },
      history: { [unowned self] in history.entry($0) },
      edit: { [unowned self] text throws(LuaError) in try edit(text) },
      reset: { [unowned self] in wantsReset = true })
    interpreter.library.onProgress = { [unowned self] in display.writer.progress($0) }
    interpreter.completion.source.jobNames = { [unowned self] in display.writer.loggedJobs }
    defineInput()
    editor?.complete = { [unowned self] in interpreter.completion.complete($0, cursor: $1) }
    editor?.onSuspend = { [unowned self] in suspended = GapReport(interpreter.library.openStreamers) }
    editor?.onResume = { [unowned self] away in
      prompt.forgiveStalls()
      if let away { display.note("back after \(TextTime.text(away))") }
      if !suspended.isEmpty { gap = (suspended, .now + GapReport.patience) }
    }
  }

  /// What changes while nothing is typed: the prompt's marks, the report after Ctrl-Z. When to look again.
  private func look() -> ContinuousClock.Instant? {
    editor?.catchUp()
    if prompt.update(interpreter.library.openStreamers) { editor?.refreshPrompt() }
    if let gap, gap.due <= .now {
      self.gap = nil
      for line in gap.report.lines(interpreter.library.openStreamers) { display.note(line) }
    }
    return [prompt.nextLook, gap?.due].compactMap { $0 }.min()
  }

  private func reset() {
    wantsReset = false
    interpreter.close()
    do throws(LuaError) {
      interpreter = try makeInterpreter()
    } catch {
      display.print("moontide: \(error)\n", to: .error)
      exitCode = ExitCode.failure
      return
    }
    wire()
    gap = nil
    _ = prompt.update([], force: true)
    runInitFile()
    display.note("a new state")
  }

  private func greet() {
    display.print("\(Version.text), Lua 5.4. name? explains, :help lists, Ctrl-D ends.\n", to: .output)
  }

  private func runInitFile() {
    guard let path = Environment.initFile, let bytes = try? FileText.read(path) else { return }
    session.printer.width = display.writer.size.columns
    _ = session.run(NotebookFile(bytes), name: path)
    session.forgetCells()
  }

  // MARK: Prompts

  private var promptText: String {
    if let own = interpreter.state.global("_PROMPT").string { return own }
    _ = prompt.update(interpreter.library.openStreamers)
    return prompt.text(number: session.nextNumber)
  }

  private var continuationText: String { interpreter.state.global("_PROMPT2").string ?? "> " }

  // MARK: Cells

  /// Runs what was entered; false when it failed.
  private func enter(_ text: String) -> Bool {
    session.printer.width = display.writer.size.columns
    switch CellInput(Array(text.utf8)) {
    case .empty: return true
    case .help(let topic):
      keep(text)
      display.note(Help(interpreter).text(topic))
      return true
    case .command(let name, let arguments):
      keep(text)
      return command(name, arguments)
    case .code:
      keep(text)
      if let command = bareCommand(text) { return self.command(command.rawValue, "") }
      return run(Cell(text))
    }
  }

  /// `help`, `exit`, `quit()`: what other notebooks take for a command, unless it is the name of something here.
  private func bareCommand(_ text: String) -> Command? {
    let word = text.filter { !$0.isWhitespace }
    let name = word.hasSuffix("()") ? String(word.dropLast(2)) : word
    switch name {
    case "exit", "quit": return interpreter.state.global(name).isNil ? .quit : nil
    case "help":
      return word == name && interpreter.notebook.isHelp(interpreter.state.global(name)) ? .help : nil
    default: return nil
    }
  }

  /// Runs a cell and looks after what it leaves behind; false when it failed.
  func run(_ cell: Cell, inBackground: Bool = false) -> Bool {
    let outcome = outcome(of: cell, inBackground: inBackground)
    if case .incomplete = outcome.result { return false }
    return outcome.error == nil
  }

  func outcome(of cell: Cell, inBackground: Bool = false) -> Outcome {
    interpreter.state.interrupter.takeMove()
    // Ctrl-Z stops a cell in its middle: what it misses counts from here.
    suspended = GapReport(interpreter.library.openStreamers)
    signals.cell(isRunning: true, takesMoves: editor != nil && !inBackground)
    let outcome = session.run(
      cell, mode: inBackground ? .background : editor == nil ? .foreground : .movable)
    signals.cell(isRunning: false)
    display.writer.progress(nil)
    interpreter.reportFailedTasks()
    if let job = outcome.job {
      display.note("\(job.name) goes on as a job; :jobs lists it, :log \(job.name)")
    }
    if case .exit(let code) = outcome.result { exitCode = code }
    // Lua itself says what is missing when a pipe ends in the middle of a cell.
    if case .incomplete = outcome.result { display.print("the cell is not complete\n", to: .error) }
    _ = prompt.update(interpreter.library.openStreamers, force: true)
    display.writer.flush()
    return outcome
  }

  private func keep(_ text: String) {
    guard isPerson else { return }
    history.add(text, time: TextTime.now)
    guard let error = history.lastError, !hasToldHistory else { return }
    hasToldHistory = true
    display.note("\(error.message)" + (error.hint.map { "; \($0)" } ?? ""))
  }
}
