import CShims
import Glibc
import Lua
import Terminal

/// Waits for keys while tasks, timers and output go on: what the line editor calls in place of reading.
final class KeyPoll {
  /// Of the interpreter of now.
  var scheduler: Scheduler!
  private let signals: Signals
  private let terminalSignals: Int32?
  private var descriptors: [Int32: Int32] = [:]
  /// `os.exit` in a task.
  private(set) var exitCode: Int32?

  init(signals: Signals) {
    self.signals = signals
    terminalSignals = isatty(0) == 1 ? TerminalSignals.install() : nil
  }

  func wait(_ input: Int32) -> WaitResult {
    while true {
      switch scheduler.turn(waitingFor: both(input), deadline: nil) {
      case .readable:
        // A key that came behind a Ctrl-C is not part of the line that it drops.
        if signals.catchUp() || signals.interrupter.isRequested { continue }
        if let terminalSignals, Self.isReadable(terminalSignals) { return .attention }
        if Self.isReadable(input) { return .ready }
      case .interrupted: return signals.isTerminating ? .closed : .interrupted
      case .exit(let code):
        exitCode = code
        return .closed
      case .deadline: break
      }
    }
  }

  /// One descriptor that is readable when the input or the terminal's signals are. Files cannot be waited for and are
  /// always readable.
  private func both(_ input: Int32) -> Int32 {
    guard let terminalSignals else { return input }
    if let made = descriptors[input] { return made }
    let descriptor = mt_either_readable(input, terminalSignals)
    guard descriptor >= 0 else { return input }
    descriptors[input] = descriptor
    return descriptor
  }

  private static func isReadable(_ descriptor: Int32) -> Bool {
    var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&waiting, 1, 0) > 0
  }
}
