import CShims
import Glibc
import Lua
import Synchronization

/// SIGINT and SIGTERM for one interpreter: the first asks it to stop, the second SIGINT ends the program.
///
/// A thread of its own reads them from a pipe: while Lua computes nobody else could.
final class Signals: Sendable {
  private struct State {
    var isRunning = false
    var interrupts = 0
    var isTerminating = false
  }

  private let state = Mutex(State())
  private let interrupter: Interrupter
  /// In the notebook Ctrl-C never ends the program.
  private let endsProgram: Bool

  init(interrupter: Interrupter, endsProgram: Bool) {
    self.interrupter = interrupter
    self.endsProgram = endsProgram
    let signals = [SIGINT, SIGTERM]
    let pipe = mt_signal_pipe(signals, Int32(signals.count))
    guard pipe >= 0 else { return }
    let thread = SignalThread(pipe: pipe) { [weak self] signal in self?.receive(signal) }
    thread.start()
  }

  /// SIGTERM came: the program is to end.
  var isTerminating: Bool { state.withLock { $0.isTerminating } }

  /// A script was asked to stop.
  var wasInterrupted: Bool { state.withLock { $0.interrupts > 0 } }

  private func receive(_ signal: Int32) {
    let isSecond = state.withLock { state in
      if signal == SIGTERM { state.isTerminating = true }
      state.interrupts += 1
      return state.interrupts > 1
    }
    if isSecond, endsProgram { _exit(signal == SIGTERM ? ExitCode.terminated : ExitCode.interrupted) }
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
      } else if count < 0, errno == EINTR {
        continue
      } else {
        return
      }
    }
  }
}
