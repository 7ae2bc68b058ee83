import Bindings
package import Lua

/// A notebook while it runs: cells go in, outcomes come out, everything to see goes to the display.
///
/// On the interpreter's thread only. Keeps `In` (without passwords), `Out`, `_`, `__` and `___`; numbers count from 1.
package final class Session {
  package let state: LuaState
  package var display: any Display
  package var printer: Printer
  /// What of an error value is best seen; nil for most.
  package var picture: (LuaValue) -> String? = { _ in nil }
  /// All samples that streams have delivered so far; for statistics.
  package var samplesReceived: () -> Int = { 0 }
  /// Names beside the globals that a slip of the finger may have meant: channels.
  package var otherNames: () -> [String] = { [] }
  /// The number of the next cell.
  package private(set) var nextNumber = 1
  /// The text of the cell that runs, or ran last.
  package private(set) var currentCell: [UInt8] = []

  /// Cells that ended with an error.
  package private(set) var failedNumbers: Set<Int> = []
  /// Cells whose text is kept without the passwords in it.
  private var secretNumbers: Set<Int> = []

  private var sources = SourceBook()
  private let globals: LuaReference?
  private var inputs: LuaReference
  private var outputs: LuaReference

  package init(_ state: LuaState, display: any Display) {
    self.state = state
    self.display = display
    printer = Printer(state)
    globals = if case .table(let table) = state.global("_G") { table } else { nil }
    inputs = state.newTable()
    outputs = state.newTable()
    state.setGlobal("In", inputs)
    state.setGlobal("Out", outputs)
    state.output = { [weak self] bytes, isError in
      guard let self else { return }
      let task = self.state.scheduler.current
      self.display.output(
        bytes, isError: isError, task: task === self.state.scheduler.foreground ? nil : task)
    }
  }

  // MARK: Cells

  /// False when Enter should begin a new line. Compiles, runs nothing.
  package func isComplete(_ text: [UInt8]) -> Bool {
    guard case .code(let source) = CellInput(text) else { return true }
    return source.plan { self.compile($0, chunkName: "=cell").result } != .incomplete
  }

  package enum Completeness { case complete, incomplete, invalid }

  /// The same with what cannot become Lua any more told apart.
  package func completeness(of text: [UInt8]) -> Completeness {
    guard case .code(let source) = CellInput(text) else { return .complete }
    switch source.plan(compile: { self.compile($0, chunkName: "=cell").result }) {
    case .incomplete: return .incomplete
    case .failed: return .invalid
    case .run: return .complete
    }
  }

  /// How a cell runs.
  package enum Mode {
    /// To its end, tasks beside it.
    case foreground
    /// The same, but it becomes a job when that is asked for and it waits (`Interrupter.moveToBackground`).
    case movable
    /// As a job from the beginning.
    case background
  }

  /// Runs one cell.
  /// - Parameters:
  ///   - arguments: what `...` is in the cell.
  ///   - isLast: no cell comes behind it that could want its locals.
  ///   - isKept: it has a number of its own, and `In`, `Out` and `_` know of it.
  @discardableResult
  package func run(
    _ cell: Cell, arguments: [LuaValue] = [], mode: Mode = .foreground, isLast: Bool = false,
    isKept: Bool = true
  ) -> Outcome {
    let source = CellSource(cell.text, keepsLocals: isLast)
    guard !LuaLexer.tokens(cell.text).isEmpty else { return outcome(.empty, 0) }
    let number = nextNumber
    let chunkName = cell.chunkName(number: number)
    let padding = [UInt8](repeating: 0x0A, count: cell.padding)
    var compiled: (source: [UInt8], function: LuaReference)?
    var failure: LuaError?
    let plan = source.plan { candidate in
      let (result, function, error) = self.compile(padding + candidate, chunkName: chunkName)
      if let function { compiled = (candidate, function) }
      if let error, case .failed = result { failure = failure ?? error }
      return result
    }
    if plan == .incomplete, cell.origin == .typed { return outcome(.incomplete, number) }

    if isKept {
      nextNumber += 1
      remember(cell, number: number)
    }
    display.began(cell, number: number)
    let start = Measurement(samples: samplesReceived())
    let result: Outcome.Result
    var thrown = LuaValue.nil
    var job: LuaTask?
    switch plan {
    case .run:
      guard let function = compiled?.function else { return outcome(.empty, number) }
      for note in source.notes { display.note(note) }
      let what = Running(
        function: function, arguments: arguments, number: number, isQuiet: source.isQuiet, isKept: isKept)
      (result, thrown, job) = execute(what, mode)
    case .incomplete: result = .failed(describe(unfinished(padding + cell.text, chunkName), cell: number))
    case .failed(let message):
      result = .failed(describe(LuaError("syntax", message, hint: failure?.hint), cell: number))
    }
    if case .failed(let error) = result {
      failedNumbers.insert(number)
      display.error(error)
    }
    var ended = Outcome(
      number: number, result: result, statistics: start.elapsed(samples: samplesReceived()), thrown: thrown)
    ended.job = job
    display.ended(ended)
    return ended
  }

  /// The text of a cell; nil when there is none, or it is too long ago.
  package func text(ofCell number: Int) -> [UInt8]? {
    if case .string(let text) = state.rawGet(inputs, .integer(Int64(number))) { text.bytes } else { nil }
  }

  /// Whether something is left out of the text of a cell.
  package func hasSecrets(_ number: Int) -> Bool { secretNumbers.contains(number) }

  /// Begins to count anew: what ran before was no cell of the person's.
  package func forgetCells() {
    for number in 1..<max(1, nextNumber) {
      state.rawSet(inputs, .integer(Int64(number)), LuaValue.nil)
      state.rawSet(outputs, .integer(Int64(number)), LuaValue.nil)
    }
    failedNumbers = []
    secretNumbers = []
    nextNumber = 1
  }

  /// An error of a task or of the program's own calls, as a cell's would be shown.
  ///
  /// - Parameter thrown: the error value, as Lua had it.
  package func describe(_ error: LuaError, cell: Int = 0, thrown: LuaValue = .nil) -> CellError {
    var error = error
    // A table that cannot say what it is, by a message either.
    if case .table = thrown, error.message.hasPrefix("table: 0x") {
      error.message = printer.short(thrown)
    }
    return sources.error(error, cell: cell, names: { [self] in globalNames + otherNames() })
  }

  /// A text that is shown or kept, without the passwords of the cells so far.
  package func withoutSecrets(_ text: String) -> String { sources.redacted(text) }

  /// Strings among the keys of the globals; raw.
  package var globalNames: [String] {
    guard let globals else { return [] }
    return state.pairs(of: globals).compactMap { $0.key.string }
  }

  /// A compiled cell on its way.
  private struct Running {
    let function: LuaReference
    let arguments: [LuaValue]
    let number: Int
    let isQuiet: Bool
    let isKept: Bool
    var name: String { "cell \(number)" }
  }

  private func execute(_ cell: Running, _ mode: Mode) -> (Outcome.Result, thrown: LuaValue, job: LuaTask?) {
    let scheduler = state.scheduler!
    let ended: LuaOutcome
    switch mode {
    case .foreground: ended = scheduler.run(cell.function, arguments: cell.arguments, name: cell.name)
    case .movable:
      switch scheduler.runMovable(cell.function, arguments: cell.arguments, name: cell.name) {
      case .ended(let outcome): ended = outcome
      case .moved(let task): return (.values([]), .nil, adopt(task, cell))
      }
    case .background:
      let task = scheduler.spawn(cell.function, arguments: cell.arguments, name: cell.name)
      return (.values([]), .nil, adopt(task, cell))
    }
    switch ended {
    case .values(let values):
      show(values, cell)
      return (.values(values), .nil, nil)
    case .failed(let error, let thrown):
      var failure = describe(error, cell: cell.number, thrown: thrown)
      failure.picture = picture(thrown)
      return (.failed(failure), thrown, nil)
    case .exit(let code): return (.exit(code), .nil, nil)
    }
  }

  private func show(_ values: [LuaValue], _ cell: Running) {
    if let first = values.first, cell.isKept { keep(first, number: cell.number) }
    if !values.isEmpty, !cell.isQuiet {
      display.show(values, as: printer.text(values), number: cell.number)
    }
  }

  /// A job's value is echoed when it ends; its error is shown with those of all tasks.
  private func adopt(_ task: LuaTask, _ cell: Running) -> LuaTask {
    task.userData = TaskLog()
    task.onEnd { [weak self] task in
      guard let self else { return }
      if task.status == .done { show(task.results, cell) }
      if task.status == .failed { failedNumbers.insert(cell.number) }
    }
    return task
  }

  // MARK: Compiling

  private func compile(
    _ source: [UInt8], chunkName: String
  ) -> (result: CompileResult, function: LuaReference?, error: LuaError?) {
    do throws(LuaError) {
      return (.ok, try state.load(source, chunkName: chunkName), nil)
    } catch {
      return (error.isIncomplete ? .incomplete(error.message) : .failed(error.message), nil, error)
    }
  }

  /// In a file more lines will not come: what Lua says about the end of the text.
  private func unfinished(_ text: [UInt8], _ chunkName: String) -> LuaError {
    compile(text, chunkName: chunkName).error ?? LuaError("syntax", "the cell is not complete")
  }

  // MARK: Memory

  private func remember(_ cell: Cell, number: Int) {
    let secrets = SourceSecrets(cell.text)
    currentCell = secrets.redacted
    if !secrets.isEmpty { secretNumbers.insert(number) }
    switch cell.origin {
    case .typed: sources.add(secrets, cell: number)
    case .file: break
    }
    state.rawSet(inputs, .integer(Int64(number)), LuaString(secrets.redacted))
    state.rawSet(inputs, .integer(Int64(number - Limits.inputsKept)), LuaValue.nil)
  }

  /// The text of a file whose cells are about to run: for the lines in error texts.
  package func addSource(_ bytes: [UInt8], name: String) {
    sources.add(SourceSecrets(bytes), file: Cell.sourceName(ofFile: name))
  }

  private func keep(_ value: LuaValue, number: Int) {
    state.rawSet(outputs, .integer(Int64(number)), value)
    state.rawSet(outputs, .integer(Int64(number - Limits.outputsKept)), LuaValue.nil)
    guard let globals, !value.isNil else { return }
    state.rawSet(globals, "___", state.rawGet(globals, "__"))
    state.rawSet(globals, "__", state.rawGet(globals, "_"))
    state.rawSet(globals, "_", value)
  }

  private func outcome(_ result: Outcome.Result, _ number: Int) -> Outcome {
    Outcome(number: number, result: result, statistics: .init(wall: .zero, cpu: .zero, samples: 0))
  }
}

@available(*, unavailable)
extension Session: Sendable {}
