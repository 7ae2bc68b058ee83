import Bindings
import Glibc
import Lua
import Notebooks
import Telemetry
import Terminal

extension NotebookFront {
  /// Does what a command says; false when it failed.
  func command(_ name: String, _ arguments: String) -> Bool {
    guard let command = Command(named: name) else {
      let near = Command.suggestion(for: name).map { "did you mean :\($0)?" } ?? ":help lists them"
      display.print("no command :\(name); \(near)\n", to: .error)
      return false
    }
    do throws(LuaError) {
      return try perform(command, arguments)
    } catch {
      display.print(":\(name): \(error.message)\n" + (error.hint.map { "  \($0)\n" } ?? ""), to: .error)
      return false
    }
  }

  private func perform(_ command: Command, _ arguments: String) throws(LuaError) -> Bool {
    switch command {
    case .help: display.note(Help(interpreter).text(arguments))
    case .vars: showVariables(startingWith: arguments)
    case .streams: showStreams()
    case .jobs: showJobs()
    case .log: showLog(arguments)
    case .history: showHistory(arguments)
    case .save: try save(arguments)
    case .load: try load(arguments)
    case .run: return try runFile(arguments)
    case .edit: try edit(arguments)
    case .time: return try time(arguments)
    case .bg: return try runInBackground(arguments)
    case .keep: return try keep(arguments)
    case .mark: mark(arguments.trimmingQuotes)
    case .plot: return try plot(arguments)
    case .reset: wantsReset = true
    case .quit:
      farewell()
      exitCode = ExitCode.success
    }
    return true
  }

  private func needed(_ arguments: String, _ command: Command) throws(LuaError) -> String {
    guard !arguments.isEmpty else { throw LuaError("argument", "something is missing", hint: command.usage) }
    return arguments
  }

  // MARK: Lists

  private var columns: Int { display.writer.outputIsTerminal ? display.writer.size.columns : 120 }

  private func showVariables(startingWith beginning: String) {
    var table = TextTable(["name", "type", "bytes", "value"], numeric: [2])
    let known = interpreter.notebook.knownGlobals
    for variable in VariableList(interpreter, without: known, startingWith: beginning).variables {
      table.add([
        variable.name, variable.type, grouped(variable.bytes), session.printer.short(variable.value),
      ])
    }
    display.note(table.isEmpty ? "no variables" : table.text(width: columns))
  }

  private func showStreams() {
    var table = TextTable(
      ["state", "channels", "samples", "rate", "lost", "dropped", "buffered"], numeric: [2, 3, 4, 5, 6])
    for object in interpreter.library.openStreamers {
      let stats = object.streamer.stats
      table.add([
        object.streamer.state, object.title, grouped(stats.samples), "\(Int(stats.rate.rounded()))/s",
        grouped(stats.lost), grouped(stats.dropped), "\(grouped(stats.bufferedBytes)) B",
      ])
    }
    display.note(table.isEmpty ? "no streams" : table.text(width: columns))
  }

  private func showJobs() {
    var table = TextTable(["id", "status", "name"], numeric: [0])
    for task in interpreter.state.scheduler.tasks {
      table.add(["\(task.id)", task.status.rawValue, task.name])
    }
    display.note(table.isEmpty ? "no jobs" : table.text(width: columns))
  }

  private func showLog(_ name: String) {
    let lines = log(of: name)
    if lines.isEmpty {
      let jobs = display.writer.loggedJobs
      display.note(
        jobs.isEmpty
          ? "no job has printed anything"
          : "nothing from \"\(name)\"; there is \(jobs.joined(separator: ", "))")
    } else {
      display.note(lines.joined(separator: "\n"))
    }
  }

  /// Of the job that printed last when none is named; a task's id is a name, too.
  func log(of name: String) -> [String] {
    let writer = display.writer
    if name.isEmpty { return writer.loggedJobs.first.map { writer.log(of: $0) } ?? [] }
    let lines = writer.log(of: name.trimmingQuotes)
    guard lines.isEmpty, let id = Int(name) else { return lines }
    let task = interpreter.state.scheduler.tasks.first { $0.id == id }
    return [task?.name, "cell \(id)", "task \(id)"].lazy.compactMap { $0 }.map { writer.log(of: $0) }
      .first { !$0.isEmpty } ?? []
  }

  private func showHistory(_ arguments: String) {
    let count = arguments.isEmpty ? 20 : Int(arguments) ?? .max
    let wanted = Int(arguments) == nil ? arguments : ""
    var cells: [String] = []
    var index = 0
    while cells.count < min(count, 1_000), let cell = history.entry(index) {
      if wanted.isEmpty || cell.contains(wanted) { cells.append(cell) }
      index += 1
    }
    display.note(cells.isEmpty ? "nothing" : cells.reversed().joined(separator: "\n"))
  }

  /// Without a text, what was marked.
  private func mark(_ text: String) {
    if text.isEmpty {
      var table = TextTable(["time", "mark"])
      for mark in interpreter.notebook.marks { table.add([TextTime.ofDay(mark.time), mark.text]) }
      display.note(table.isEmpty ? "no marks" : table.text(width: columns))
    } else {
      interpreter.notebook.mark(text)
      display.note("marked at \(TextTime.ofDay(TextTime.now))")
    }
  }

  // MARK: Files

  private func file(_ arguments: String, _ command: Command) throws(LuaError) -> FileArguments {
    guard let file = FileArguments(arguments) else {
      throw LuaError("argument", "a file name is missing", hint: command.usage)
    }
    return file
  }

  private func save(_ arguments: String) throws(LuaError) {
    let file = try file(arguments, .save)
    let words = file.rest.split(separator: " ")
    let count = try NotebookFiles.save(
      session, to: file.path, cells: words.filter { $0 != "overwrite" }.joined(separator: " "),
      overwrite: words.contains("overwrite"))
    display.note("\(file.path): \(count) cell\(count == 1 ? "" : "s")")
  }

  private func load(_ arguments: String) throws(LuaError) {
    let path = try file(arguments, .load).path
    let bytes = try NotebookFiles.text(path)
    guard bytes.count <= NotebookFiles.loadedBytes, let text = String(validating: bytes, as: UTF8.self) else {
      throw LuaError("argument", "\(path) is no text for a line", hint: ":run \(path) runs it")
    }
    put(text)
  }

  /// Into the line, to be edited and run with Enter; shown where there is no line to edit.
  private func put(_ text: String) {
    let whole = text.hasSuffix("\n") ? String(text.dropLast()) : text
    if editor == nil { display.print(whole + "\n", to: .output) } else { prefill = whole }
  }

  private func runFile(_ arguments: String) throws(LuaError) -> Bool {
    let path = try file(arguments, .run).path
    let bytes = try NotebookFiles.text(path)
    let outcome = session.run(NotebookFile(NotebookFile.source(bytes)), name: path)
    interpreter.reportFailedTasks()
    if let code = outcome.exitCode { exitCode = code }
    return outcome.error == nil
  }

  private func edit(_ arguments: String) throws(LuaError) {
    if !arguments.isEmpty, Int(arguments) == nil {
      let path = try file(arguments, .edit).path
      try inEditor { () throws(LuaError) in try ExternalEditor.open(NotebookFiles.expanded(path)) }
      display.note(":run \(path) runs it")
      return
    }
    let last = session.nextNumber - 1
    let number = Int(arguments) ?? last
    guard number == 0 || session.text(ofCell: number) != nil else {
      throw LuaError("argument", "there is no cell \(number)", hint: "the last one is \(last)")
    }
    put(String(decoding: try edit(session.text(ofCell: number) ?? []), as: UTF8.self))
  }

  /// The text as it comes back from the editor.
  func edit(_ text: [UInt8]) throws(LuaError) -> [UInt8] {
    try inEditor { () throws(LuaError) in try ExternalEditor.edit(text) }
  }

  /// Hands the terminal over and takes it back; Ctrl-C was the editor's meanwhile.
  private func inEditor<Value>(_ body: () throws(LuaError) -> Value) throws(LuaError) -> Value {
    guard let editor else { throw LuaError("unsupported", "there is no terminal to edit in") }
    var result: Result<Value, LuaError>?
    editor.withTerminalReleased {
      do throws(LuaError) { result = .success(try body()) } catch { result = .failure(error) }
    }
    interpreter.state.interrupter.take()
    return try result!.get()
  }

  // MARK: Running

  private func time(_ arguments: String) throws(LuaError) -> Bool {
    let outcome = outcome(of: Cell(try needed(arguments, .time)))
    let statistics = outcome.statistics
    display.note(
      "wall \(Self.text(statistics.wall)), CPU \(Self.text(statistics.cpu)), \(grouped(statistics.samples)) samples received"
    )
    return outcome.error == nil
  }

  static func text(_ duration: Duration) -> String {
    let seconds = duration.seconds
    switch seconds {
    case ..<0.001: return "\((seconds * 1e7).rounded() / 10) µs"
    case ..<1: return "\((seconds * 1e5).rounded() / 100) ms"
    default: return "\((seconds * 1e3).rounded() / 1e3) s"
    }
  }

  private func runInBackground(_ arguments: String) throws(LuaError) -> Bool {
    run(Cell(try needed(arguments, .bg)), inBackground: true)
  }

  // MARK: Streams

  /// The stream that a global names; without a name all that run.
  private func streamers(_ name: String) throws(LuaError) -> [LuaValue] {
    if name.isEmpty {
      let live = interpreter.library.openStreamers.filter { $0.streamer.isLive }
      guard !live.isEmpty else { throw LuaError("argument", "no stream runs") }
      return live.map { interpreter.library.value(of: $0) }
    }
    let value = interpreter.state.global(name)
    guard interpreter.library.className(of: value) == "Streamer" else {
      throw LuaError("argument", "\(name) is no streamer", hint: ":vars lists what there is")
    }
    return [value]
  }

  private func keep(_ arguments: String) throws(LuaError) -> Bool {
    let words = arguments.split(separator: " ", maxSplits: 1).map(String.init)
    guard words.count == 2 else {
      throw LuaError("argument", "a span and a file are needed", hint: Command.keep.usage)
    }
    let file = try file(words[1], .keep)
    let found = try streamers(file.rest)
    guard found.count == 1 else {
      throw LuaError(
        "argument", "\(found.count) streams run", hint: "name one: :keep \(words[0]) \(file.path) s")
    }
    return call("keep", on: found[0], [.string(words[0]), .string(file.path)])
  }

  private func plot(_ arguments: String) throws(LuaError) -> Bool {
    var worked = true
    for streamer in try streamers(arguments) { worked = call("plot", on: streamer, []) && worked }
    return worked
  }

  /// Calls a method as a cell would, and shows what comes of it.
  private func call(_ method: String, on object: LuaValue, _ arguments: [LuaValue]) -> Bool {
    let text = "local object = ... return object:\(method)(select(2, ...))"
    guard let function = try? interpreter.state.load(text, chunkName: "=" + Library.preludeName) else {
      return false
    }
    switch interpreter.state.scheduler.run(function, arguments: [object] + arguments, name: method) {
    case .values(let values):
      if let first = values.first, !first.isNil { display.note(session.printer.text(first)) }
      return true
    case .failed(let error, _):
      display.error(session.describe(error))
      return false
    case .exit(let code):
      exitCode = code
      return true
    }
  }
}

extension String {
  /// Without the quotes that a person may put around a text.
  fileprivate var trimmingQuotes: String {
    guard count >= 2, let first, first == last, first == "\"" || first == "'" else { return self }
    return String(dropFirst().dropLast())
  }
}
