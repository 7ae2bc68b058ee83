import CShims

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

  /// Installs the handlers. The descriptor it answers is readable when ``take()`` has something; poll it beside the
  /// keyboard and answer `.attention` from `waitForKey`. Nil when the process is out of descriptors.
  package static func install() -> Int32? {
    let descriptor = moon_signals_install()
    return descriptor < 0 ? nil : descriptor
  }

  /// What came since the last call. ``LineEditor`` calls this itself while a line is read.
  package static func take() -> Seen { Seen(rawValue: moon_signals_take()) }
}
