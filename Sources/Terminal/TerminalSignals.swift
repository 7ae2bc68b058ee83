import CShims
import Glibc

/// The two signals of a terminal that an editor must hear of. SIGINT is the program's.
package enum TerminalSignals {
  package struct Seen: OptionSet, Sendable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }
    /// SIGWINCH: the terminal has another size.
    package static let resized = Seen(rawValue: Int32(MOON_SIGNAL_RESIZED))
    /// SIGCONT: the process goes on after a stop; another program had the terminal.
    package static let resumed = Seen(rawValue: Int32(MOON_SIGNAL_RESUMED))
  }

  /// Installs the handlers. The descriptor it answers is readable when ``take()`` has something; poll it
  /// beside the keyboard and answer `.attention` from `waitForKey`. Nil when the process is out of
  /// descriptors.
  package static func install() -> Int32? {
    let descriptor = moon_signals_install()
    return descriptor < 0 ? nil : descriptor
  }

  /// Waits until the process goes on after a stop that it asked for; false when no stop came in that time, as
  /// in a process group without a shell.
  package static func waitForResume(within limit: Duration) -> Bool {
    guard let descriptor = install() else { return false }
    let deadline = ContinuousClock.now + limit
    while !take().contains(.resumed) {
      guard ContinuousClock.now < deadline else { return false }
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      poll(&waiting, 1, 20)
    }
    return true
  }

  /// How long the process stood before it went on last; nil when nobody knows, as after SIGSTOP.
  package static var stood: Duration? {
    let nanoseconds = moon_signals_stood()
    return nanoseconds < 0 ? nil : .nanoseconds(nanoseconds)
  }

  /// What came since the last call. ``LineEditor`` calls this itself while a line is read.
  package static func take() -> Seen { Seen(rawValue: moon_signals_take()) }
}
