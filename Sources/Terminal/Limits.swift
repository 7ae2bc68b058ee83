/// Every bound of this target, each with its reason.
package enum Limits {
  /// Redraws come no closer than this: 60 a second look continuous, more only cost.
  package static let redrawInterval: Duration = .milliseconds(15)
  /// Lines a job may print above the prompt in a second: more cannot be read while typing.
  package static let linesPerSecond = 20
  /// Lines of one job kept for `:log`: a few screens, also of a busy job.
  package static let logLines = 1_000
  /// Bytes of one job's log, so that a thousand very long lines stay small.
  package static let logBytes = 256 * 1024
  /// Jobs with a log; the one silent for longest goes first.
  package static let logJobs = 64
  /// Text without a newline is held at most this long while a line is edited.
  package static let partialLineAge: Duration = .milliseconds(250)
  /// Held text without a newline becomes a line at this size.
  package static let partialLineBytes = 64 * 1024
  /// Printed text that may become the prompt of `io.read`: a row of the widest terminal, colours included.
  package static let openLineBytes = 4_096
  /// Text waiting for its redraw; past it the redraw comes at once.
  package static let pendingBytes = 256 * 1024
  /// Progress lines redraw at most ten times a second.
  package static let progressInterval: Duration = .milliseconds(100)
  /// Output to a file or pipe is written in pieces of this size: one system call, not one a line.
  package static let passThroughBytes = 64 * 1024
  /// One write to a descriptor: what a pipe takes without blocking once it is writable (PIPE_BUF).
  package static let writeBytes = 4_096
  /// How long a write waits for a stuck reader before it asks again whether to give up.
  package static let writeWaitMs: Int32 = 50
  /// Characters typed ahead and not yet read.
  package static let typeAheadBytes = 1 << 20
  /// Characters of one cell; a paste goes on being read past it and the loss is reported.
  package static let cellScalars = 1 << 20
  /// How long after an Escape the rest of a key may still come: a slow line, and no pause that a person notices.
  package static let escapeWaitMs: Int32 = 30
  /// Characters on both sides of the cursor in which the one under it is looked for: longer than any that people write.
  package static let clusterScalars = 64
  /// Bytes taken from the terminal at a time inside a paste.
  package static let pasteReadBytes = 4_096
  /// How long Ctrl-Z waits for the stop; without job control none comes.
  package static let stopWait: Duration = .milliseconds(200)
  /// Candidates listed for one Tab.
  package static let candidatesShown = 200
  /// Cells of history in memory: weeks of work, a few megabytes.
  package static let historyEntries = 10_000
  /// Bytes read from the end of the history file.
  package static let historyBytes = 16 << 20
  /// Bytes of one cell worth keeping in the history.
  package static let historyCellBytes = 256 * 1024
}
