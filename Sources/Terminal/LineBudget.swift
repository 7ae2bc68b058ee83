/// Lets each job print so many lines a second above the prompt, and counts the rest.
///
/// A plain value; the caller brings the time.
package struct LineBudget {
  private struct Window {
    var end: ContinuousClock.Instant
    var admitted: Int
    var suppressed: Int
  }

  private var windows: [String: Window] = [:]
  private let limit: Int

  package init(linesPerSecond: Int = Limits.linesPerSecond) { limit = linesPerSecond }

  /// Whether the job may print one more line now; a refused line is counted.
  package mutating func admits(_ job: String, at now: ContinuousClock.Instant) -> Bool {
    var window = windows[job] ?? Window(end: now + .seconds(1), admitted: 0, suppressed: 0)
    if now >= window.end, window.suppressed == 0 {
      window = Window(end: now + .seconds(1), admitted: 0, suppressed: 0)
    }
    if window.admitted < limit { window.admitted += 1 } else { window.suppressed += 1 }
    windows[job] = window
    return window.suppressed == 0
  }

  /// When ``takeSummaries(at:)`` has something to say.
  package var deadline: ContinuousClock.Instant? {
    windows.values.lazy.filter { $0.suppressed > 0 }.map(\.end).min()
  }

  /// Lines refused in the seconds that are over, by job in order of their names; their windows begin anew.
  package mutating func takeSummaries(at now: ContinuousClock.Instant) -> [(job: String, lines: Int)] {
    let over = windows.filter { now >= $0.value.end }
    for job in over.keys { windows[job] = nil }
    return over.filter { $0.value.suppressed > 0 }.map { (job: $0.key, lines: $0.value.suppressed) }
      .sorted { $0.job < $1.job }
  }
}

/// The last lines that each job printed, also those that were not shown.
package struct JobLog {
  private struct Entry {
    var lines: [String] = []
    var first = 0
    var bytes = 0
    var touched = 0
  }

  private var entries: [String: Entry] = [:]
  private var clock = 0

  package init() {}

  package mutating func append(_ line: String, job: String) {
    clock += 1
    var entry = entries.removeValue(forKey: job) ?? Entry()
    entry.touched = clock
    entry.lines.append(line)
    entry.bytes += line.utf8.count
    while entry.lines.count - entry.first > Limits.logLines
      || (entry.bytes > Limits.logBytes && entry.lines.count - entry.first > 1)
    {
      entry.bytes -= entry.lines[entry.first].utf8.count
      entry.lines[entry.first] = ""
      entry.first += 1
    }
    if entry.first >= Limits.logLines {
      entry.lines.removeFirst(entry.first)
      entry.first = 0
    }
    if entries.count >= Limits.logJobs, let oldest = entries.min(by: { $0.value.touched < $1.value.touched })
    {
      entries[oldest.key] = nil
    }
    entries[job] = entry
  }

  package func lines(of job: String) -> [String] {
    entries[job].map { Array($0.lines[$0.first...]) } ?? []
  }

  /// Jobs with a log, the one that printed last first.
  package var jobs: [String] { entries.sorted { $0.value.touched > $1.value.touched }.map(\.key) }
}
