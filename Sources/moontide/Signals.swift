import Locks
import CShims
import Glibc
import Lua

/// SIGINT and SIGTERM for one interpreter: the first asks it to stop, the second SIGINT ends the program. In the notebook
/// also Ctrl-B while a cell runs, which the terminal makes SIGQUIT: the cell is to go on in the background.
///
/// A thread of its own reads them from a pipe: while Lua computes nobody else could.
final class Signals: Sendable {
  private struct State {
    var interrupter: Interrupter
    var interrupts = 0
    var isTerminating = false
    var isRunningCell = false
    var takesMoves = false
  }

  private let state: Guarded<State>
  /// In the notebook Ctrl-C never ends the program.
  private let endsProgram: Bool

  init(interrupter: Interrupter, endsProgram: Bool) {
    state = Guarded(State(interrupter: interrupter))
    self.endsProgram = endsProgram
    let signals = endsProgram || isatty(0) == 0 ? [SIGINT, SIGTERM] : [SIGINT, SIGTERM, SIGQUIT]
    let pipe = mt_signal_pipe(signals, Int32(signals.count))
    guard pipe >= 0 else { return }
    let thread = SignalThread(pipe: pipe) { [weak self] signal in
      self?.receive(signal)
    }
    thread.start()
  }

  /// Of the interpreter of now.
  var interrupter: Interrupter {
    get { state.withLock { $0.interrupter } }
    set { state.withLock { $0.interrupter = newValue } }
  }

  /// Waits, a moment at most, until everything that came so far has been acted upon; true when something had come. What
  /// was typed after a Ctrl-C must not go into the line that it drops.
  func catchUp() -> Bool {
    let seen = mt_signals_seen()
    guard mt_signals_handled() != seen else { return false }
    let deadline = ContinuousClock.now + .milliseconds(100)
    while mt_signals_handled() - seen < 0, ContinuousClock.now < deadline {
      usleep(100)
    }
    return true
  }

  /// SIGTERM came: the program is to end.
  var isTerminating: Bool { state.withLock { $0.isTerminating } }

  /// A script was asked to stop.
  var wasInterrupted: Bool { state.withLock { $0.interrupts > 0 } }

  /// Ctrl-B can only mean a cell that runs.
  func cell(isRunning: Bool, takesMoves: Bool = false) {
    state.withLock {
      $0.isRunningCell = isRunning
      $0.takesMoves = takesMoves
    }
  }

  private func receive(_ signal: Int32) {
    if signal == SIGQUIT {
      let moved = state.withLock { $0.isRunningCell && $0.takesMoves ? $0.interrupter : nil }
      moved?.moveToBackground()
      return
    }
    let (interrupter, isSecond, isRunningCell) = state.withLock { state in
      if signal == SIGTERM { state.isTerminating = true }
      state.interrupts += 1
      return (state.interrupter, state.interrupts > 1, state.isRunningCell)
    }
    if isSecond, endsProgram { _exit(signal == SIGTERM ? ExitCode.terminated : ExitCode.interrupted) }
    // What was typed ahead was meant for what is stopped now; Ctrl-B must not lose it, so the terminal keeps it.
    if isRunningCell, signal == SIGINT { tcflush(0, TCIFLUSH) }
    interrupter.interrupt()
  }
}

/// Blocks in `read` and hands on what comes.
final class SignalThread: Sendable {
  private let pipe: Int32
  private let body: @Sendable (Int32) -> Void

  init(pipe: Int32, body: @escaping @Sendable (Int32) -> Void) {
    self.pipe = pipe
    self.body = body
  }

  func start() {
    var thread = pthread_t()
    // Safety: the thread takes over this reference and gives it back at its end.
    let context = Unmanaged.passRetained(self).toOpaque()
    let failed = pthread_create(
      &thread, nil,
      { context in
        // Safety: the reference that `start` made.
        let this = Unmanaged<SignalThread>.fromOpaque(context!).takeRetainedValue()
        this.loop()
        return nil
      }, context)
    // Safety: no thread took it over.
    if failed != 0 { Unmanaged<SignalThread>.fromOpaque(context).release() } else { pthread_detach(thread) }
  }

  private func loop() {
    var byte: UInt8 = 0
    while true {
      let count = read(pipe, &byte, 1)
      if count == 1 {
        body(Int32(byte))
        mt_signal_was_handled()
      } else if count < 0, errno == EINTR {
        continue
      } else {
        return
      }
    }
  }
}
