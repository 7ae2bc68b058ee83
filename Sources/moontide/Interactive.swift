import Bindings
import Glibc
import Lua
import Notebooks
import Terminal

/// One interpreter from start to end: cells from the command line, a script, then the notebook if it is wanted.
struct Interactive {
  let cells: [String]
  /// A path, or `-` for standard input.
  let script: String?
  let arguments: [String]
  let staysInNotebook: Bool
  let options: LuaOptionGroup

  private var wantsNotebook: Bool { staysInNotebook || (script == nil && cells.isEmpty) }

  func run() -> Int32 {
    let piped = script == "-" ? readStandardInput() : nil
    let end = OutputEnd()
    let writer = TerminalWriter(giveUp: { end.mustGiveUp() })
    let color = ColorChoice(rawValue: options.color.rawValue) ?? .auto
    writer.usesColor = color.resolve(environment: Environment.terminal, isTerminal: writer.outputIsTerminal)
    let display = FrontDisplay(writer: writer, isNotebook: false)
    let make = { () throws(LuaError) -> Interpreter in
      let interpreter = try Interpreter(
        display: display, screen: display, memoryLimit: options.memory?.bytes ?? 0, sandbox: options.sandbox,
        allowed: options.allow.map(\.source)
      ) {
        writer.flushIfDue()
        return writer.deadline
      }
      interpreter.setScript(script ?? "moontide", arguments: arguments)
      return interpreter
    }
    var interpreter: Interpreter
    do throws(LuaError) {
      interpreter = try make()
    } catch {
      writer.print("moontide: \(error)\n", to: .error)
      writer.flush()
      return ExitCode.failure
    }
    let signals = Signals(interrupter: interpreter.state.interrupter, endsProgram: !wantsNotebook)
    // Somebody who stopped reading must not keep a program that is to end.
    end.mustGiveUp = { [wantsNotebook] in signals.isTerminating || !wantsNotebook && signals.wasInterrupted }
    end.watch(writer) { signals.interrupter.interrupt() }
    display.isInterruptKnown = { end.failure != nil }
    var code = prepare(interpreter, display, piped) ?? ExitCode.success
    if wantsNotebook, code == ExitCode.success || staysInNotebook {
      display.isNotebook = true
      let front = NotebookFront(
        interpreter: interpreter, display: display, signals: signals, makeInterpreter: make)
      code = front.run()
      interpreter = front.interpreter
    }
    interpreter.close()
    writer.flush()
    if let failure = end.failure {
      guard failure != EPIPE else { return ExitCode.success }
      writer.print("moontide: \(StandardStreams.reason(failure))\n", to: .error)
      writer.flush()
      return ExitCode.cannotCreate
    }
    if signals.isTerminating { return ExitCode.terminated }
    if !wantsNotebook {
      if code == ExitCode.success, interpreter.hasUnobservedErrors { return ExitCode.failure }
      if code == ExitCode.success, interpreter.library.failedRecordings > 0 { return ExitCode.cannotCreate }
      if code == ExitCode.success, signals.wasInterrupted { return ExitCode.interrupted }
    }
    return code
  }

  /// Cells and script; the exit code when they end the program.
  private func prepare(
    _ interpreter: Interpreter, _ display: FrontDisplay, _ piped: Result<[UInt8], FileText.Failure>?
  ) -> Int32? {
    let values = arguments.map { LuaValue.string($0) }
    for text in cells {
      if let code = Self.code(of: interpreter.session.run(Cell(text), arguments: values)) { return code }
    }
    guard let script else { return nil }
    let bytes: [UInt8]
    do throws(FileText.Failure) {
      bytes = if let piped { try piped.get() } else { try FileText.read(script) }
    } catch {
      display.print("moontide: cannot read \(script): \(error.reason)\n", to: .error)
      return ExitCode.noInput
    }
    let file = NotebookFile(NotebookFile.source(bytes))
    let name = script == "-" ? "stdin" : script
    let outcome = interpreter.session.run(file, name: name, arguments: values, isAll: !wantsNotebook)
    if let code = outcome.exitCode { return code }
    return outcome.error.map { ExitCode.of(error: $0.code) }
  }

  /// All of it; the keys for a notebook after a script from a pipe come from the terminal.
  private func readStandardInput() -> Result<[UInt8], FileText.Failure> {
    let result = Result { () throws(FileText.Failure) in try FileText.read(from: 0) }
    guard wantsNotebook, isatty(0) == 0, isatty(1) == 1 else { return result }
    let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC)
    if terminal >= 0 {
      dup2(terminal, 0)
      close(terminal)
    }
    return result
  }

  static func code(of outcome: Outcome) -> Int32? {
    switch outcome.result {
    case .exit(let code): code
    case .failed(let error): ExitCode.of(error: error.code)
    case .incomplete: ExitCode.syntax
    case .values, .empty: nil
    }
  }
}

/// Ends a run whose output nobody takes any more.
private final class OutputEnd {
  /// The errno of standard output; EPIPE when a reader has had enough, which is an ordinary end. A full disk is none.
  private(set) var failure: Int32?
  var mustGiveUp: () -> Bool = { false }

  func watch(_ writer: TerminalWriter, interrupt: @escaping () -> Void) {
    writer.onFailure = { [weak self] stream, error in
      // Without standard error nobody can be told, but the results are not concerned.
      guard stream == .output else { return }
      self?.failure = error
      interrupt()
    }
  }
}
