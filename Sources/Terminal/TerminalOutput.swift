import Glibc

/// Writes bytes to one descriptor, all of them: short writes, full pipes and signals included.
///
/// SIGPIPE must be ignored by the program. A reader that is gone is remembered, and what comes after is
/// dropped and counted, so the caller can end quietly.
package struct TerminalOutput {
  package let descriptor: Int32
  /// The errno that ended writing: EPIPE for a reader that is gone.
  package private(set) var failure: Int32?
  package private(set) var bytesDropped = 0

  package init(descriptor: Int32) { self.descriptor = descriptor }

  /// Blocks until everything is written, writing failed, or `giveUp` says so (asked every 50 ms of waiting).
  package mutating func write(_ bytes: [UInt8], giveUp: () -> Bool) {
    var offset = 0
    while offset < bytes.count, failure == nil {
      var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      let ready = poll(&waiting, 1, Limits.writeWaitMs)
      if ready == 0 || (ready < 0 && errno == EINTR) {
        if giveUp() { break }
        continue
      }
      let count = min(Limits.writeBytes, bytes.count - offset)
      let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + offset, count) }
      if written >= 0 {
        offset += written
      } else if errno != EAGAIN && errno != EINTR {
        failure = errno
      }
    }
    bytesDropped += bytes.count - offset
  }
}

/// Columns and rows of a terminal.
package struct TerminalSize: Equatable, Sendable {
  package var columns: Int
  package var rows: Int

  package init(columns: Int, rows: Int) {
    self.columns = columns
    self.rows = rows
  }

  /// What the terminal says of itself, else 80 by 24.
  package init(of descriptor: Int32) {
    var size = winsize()
    let known = ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 && size.ws_row > 0
    self = known ? .init(columns: Int(size.ws_col), rows: Int(size.ws_row)) : .init(columns: 80, rows: 24)
  }
}
