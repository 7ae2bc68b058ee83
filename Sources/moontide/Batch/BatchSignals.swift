import Locks
import CShims
import Dispatch
import Glibc
import Notebooks

/// SIGINT and SIGTERM for a batch run: the first ends it cleanly, the second at once.
final class BatchSignals: Sendable {
  private let first = Guarded<Int32?>(nil)
  private let changed: DispatchSemaphore

  /// - Parameter changed: signalled when one has come.
  init(changed: DispatchSemaphore) {
    self.changed = changed
    let signals = [SIGINT, SIGTERM]
    let pipe = mt_signal_pipe(signals, Int32(signals.count))
    guard pipe >= 0 else { return }
    SignalThread(pipe: pipe) { [weak self] signal in self?.receive(signal) }.start()
  }

  /// How the run is to end; nil while no signal has come.
  var stop: ScriptCollector.Stop? {
    first.withLock { $0.map { $0 == SIGTERM ? .termination : .interrupt } }
  }

  private func receive(_ signal: Int32) {
    let isSecond = first.withLock { first in
      defer { first = first ?? signal }
      return first != nil
    }
    if isSecond { _exit(signal == SIGTERM ? ExitCode.terminated : ExitCode.interrupted) }
    changed.signal()
  }
}
