import Glibc
import Terminal
import TestSupport
import Testing

/// A line editor on a pseudo terminal inside the test: each step runs when the editor has read all keys and
/// drawn.
final class Desk {
  typealias Step = (Desk) throws -> WaitResult?

  let terminal: PseudoTerminal
  let history: History
  private(set) var writer: TerminalWriter!
  private(set) var editor: LineEditor!
  private var steps: [Step] = []
  private(set) var failure: (any Error)?
  /// The clock of the writer.
  var time = ContinuousClock.now
  var prompt = "[1]> "

  init(
    columns: Int = 40, rows: Int = 12, history cells: [String] = [], editrc: String = "/dev/null",
    joinsEmoji: Bool = false
  ) throws {
    TextWidth.useUTF8Locale()
    let terminal = try PseudoTerminal(columns: columns, rows: rows, joinsEmoji: joinsEmoji)
    self.terminal = terminal
    history = History(path: nil, session: "t")
    for cell in cells { history.add(cell, time: 0) }
    writer = TerminalWriter(
      output: terminal.slave, error: terminal.slave, now: { [unowned self] in time },
      giveUp: { [unowned self] in
        // Nobody else reads what is written.
        self.terminal.readAvailable(waitMs: 0)
        return false
      })
    editor = try LineEditor(
      input: terminal.slave, writer: writer, history: history, editrc: editrc,
      waitForKey: { [unowned self] in wait($0) })
  }

  var screen: ScreenModel {
    terminal.readAvailable(waitMs: 0)
    return terminal.screen
  }

  /// Reads a cell while the steps type and look.
  func read(
    prefill: String = "",
    isComplete: @escaping (String) -> Bool = { !$0.hasSuffix("do") && !$0.hasSuffix(" ") },
    _ steps: Step...
  ) throws -> ReadResult {
    try read(prefill: prefill, isComplete: isComplete, steps: steps)
  }

  func read(
    prefill: String = "", isComplete: @escaping (String) -> Bool, steps: [Step]
  ) throws -> ReadResult {
    self.steps = steps
    let result = editor.readCell(
      prompt: { [unowned self] in prompt }, continuation: { "> " }, isComplete: isComplete, prefill: prefill)
    if let failure { throw failure }
    return result
  }

  private func wait(_ descriptor: Int32) -> WaitResult {
    while true {
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      if poll(&waiting, 1, 0) > 0 { return .ready }
      guard !steps.isEmpty else {
        failure = failure ?? PseudoTerminal.Failure(description: "the editor waits for more; \(screen.text)")
        return .closed
      }
      do {
        if let answer = try steps.removeFirst()(self) { return answer }
      } catch {
        failure = error
        return .closed
      }
    }
  }
}

/// Types keys.
func keys(_ text: String) -> Desk.Step {
  { desk in
    desk.terminal.send(text)
    return nil
  }
}

/// Pastes as a terminal does.
func paste(_ text: String) -> Desk.Step {
  keys("\u{1b}[200~" + text.replacing("\n", with: "\r") + "\u{1b}[201~")
}

/// Looks at the desk.
func look(_ body: @escaping (Desk) throws -> Void) -> Desk.Step {
  { desk in
    try body(desk)
    return nil
  }
}

/// The screen shows just this.
func sees(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) -> Desk.Step {
  look { #expect($0.screen.text == text, sourceLocation: sourceLocation) }
}

/// The screen or what scrolled off it has this.
func finds(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) -> Desk.Step {
  look { #expect($0.screen.contains(text), sourceLocation: sourceLocation) }
}
