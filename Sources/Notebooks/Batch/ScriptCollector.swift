package import Bindings
package import Lua

/// Follows one script of a run and fills in its `ScriptResult`; everything goes on to the display behind it. On the
/// interpreter's thread.
package final class ScriptCollector: Display {
  /// Why the script was stopped from outside.
  package enum Stop: Equatable, Sendable {
    case timeout(Duration)
    case cellTimeout(Duration)
    case interrupt, termination
    /// Standard output can take no more, with the errno.
    case unheard, unwritable(Int32)
  }

  package private(set) var result: ScriptResult
  /// Told at the beginning (true) and the end of every cell.
  package var onChange: ((ScriptCollector, _ isInCell: Bool) -> Void)?
  private let display: any Display
  /// Asked when the script was interrupted.
  private let stop: () -> Stop?
  private var present: Int?
  private var lines: [Int: Int] = [:]
  private var sites: [String: Int] = [:]
  private var source = SourceBook()
  /// The first error, and the stop from outside that it was.
  private var firstError: CellError?
  private var struck: Stop?

  /// - Parameters:
  ///   - result: with the script's name; the rest is filled in.
  ///   - stop: why the interpreter was interrupted, if it was.
  package init(_ result: ScriptResult, around display: any Display, stop: @escaping () -> Stop?) {
    self.result = result
    self.display = display
    self.stop = stop
  }

  /// The cells that are about to run.
  package func begin(_ file: NotebookFile) {
    source.add(SourceSecrets(file.bytes), file: "")
    for cell in file.cells where cell.isCode && !LuaLexer.tokens(cell.body).isEmpty {
      lines[cell.firstLine] = result.cells.count
      result.cells.append(.init(title: cell.marker.title, line: cell.firstLine))
    }
  }

  /// How many cells there are and which one runs, from 1.
  package var progress: (cell: Int, count: Int) { ((present ?? -1) + 1, result.cells.count) }

  /// Something wrong that is no cell's.
  package func add(_ fault: ScriptResult.Fault) { result.faults.append(fault) }

  /// The file could not be read.
  package func isMissing(_ reason: String) {
    let message = "cannot read \(result.script): \(reason)"
    add(.init(name: "script", message: message, text: message))
    result.ending = .missing
    result.reason = message
  }

  /// The run is over: what it was. `os.exit(0)` and running to the end are the same.
  package func finish(exitCode: Int32?, failsOnGap: Bool, _ totals: StreamTally.Totals) {
    (result.samples, result.gaps) = (totals.samples, totals.gaps)
    (result.lost, result.dropped) = (totals.lost, totals.dropped)
    if failsOnGap, totals.gaps > 0 || totals.lost > 0 || totals.dropped > 0 {
      let message = "\(totals.gaps) gaps: \(totals.lost) samples lost, \(totals.dropped) dropped unread"
      add(.init(name: "gaps", message: message, text: message))
    }
    guard result.ending == .notRun else { return }
    let failedSite = result.checks.first { $0.failed > 0 }
    if let error = firstError {
      result.ending = struck?.ending ?? .init(errorCode: error.code)
      result.reason = error.traceback.first.map { "\($0.place): \(error.message)" } ?? error.message
      if case .unheard = result.ending { result.reason = "" }
    } else if let exitCode, exitCode != 0 {
      (result.ending, result.reason) = (.exit(exitCode), "os.exit(\(exitCode))")
    } else if let failedSite {
      // Also one whose error was caught.
      result.ending = .failed
      result.reason = "\(failedSite.source):\(failedSite.line): \(failedSite.message)"
    } else if let fault = result.faults.first {
      (result.ending, result.reason) = (.failed, fault.message)
    } else {
      result.ending = .passed
    }
  }

  /// Its record could not be written to the end.
  package func isUnwritable(_ message: String) {
    add(.init(name: "record", message: message, text: message))
    guard !result.ending.isFailure else { return }
    (result.ending, result.reason) = (.unwritable, message)
  }

  package func measured(started: Int64, wall: Duration) { (result.started, result.wall) = (started, wall) }
  /// What is known of a script that did not end when it was told to: the cells so far, and that.
  package static func abandoned(
    _ known: ScriptResult, wall: Duration, _ stop: Stop, _ totals: StreamTally.Totals
  ) -> ScriptResult {
    var result = known
    result.ending = stop.ending
    result.reason = "\(stop.words.message), and it does not stop"
    result.wall = wall
    (result.samples, result.gaps) = (totals.samples, totals.gaps)
    (result.lost, result.dropped) = (totals.lost, totals.dropped)
    result.faults.append(.init(name: "script", message: result.reason, text: result.reason))
    return result
  }

  /// An interrupt as what it was meant for.
  private func explained(_ error: CellError) -> CellError {
    guard error.isInterrupt, let stop = stop() else { return error }
    var error = error
    (error.code, error.message) = stop.words
    return error
  }
}

// MARK: - Display

extension ScriptCollector {
  package func began(_ cell: Cell, number: Int) {
    if case .file(_, let line) = cell.origin, let place = lines[line] {
      present = place
      result.cells[place].number = number
    }
    onChange?(self, true)
    display.began(cell, number: number)
  }

  package func ended(_ outcome: Outcome) {
    var outcome = outcome
    if case .failed(let error) = outcome.result {
      outcome = Outcome(
        number: outcome.number, result: .failed(explained(error)), statistics: outcome.statistics)
    }
    if let present, result.cells[present].number == outcome.number {
      result.cells[present].state = outcome.error.map { .failed($0) } ?? .passed
      result.cells[present].wall = outcome.statistics.wall
      result.cells[present].samples = outcome.statistics.samples
    }
    onChange?(self, false)
    display.ended(outcome)
  }

  package func error(_ error: CellError) {
    let stop = error.isInterrupt ? stop() : nil
    if firstError == nil { struck = stop }
    let error = explained(error)
    firstError = firstError ?? error
    // A reader who has had enough is no error, and nobody waits to be told of one.
    if stop == .unheard { return }
    if error.cell == 0 {
      add(.init(name: "script", message: error.message, text: error.description))
    }
    display.error(error)
  }

  package func taskFailed(_ name: String, _ error: CellError) {
    add(.init(name: name, message: "\(name) failed: \(error.message)", text: error.description))
    display.taskFailed(name, error)
  }

  package func checked(_ check: Check) {
    let (source, line) = (check.place?.source ?? result.script, check.place?.line ?? 0)
    let key = "\(source):\(line)"
    if sites[key] == nil, sites.count < Limits.checkSites {
      sites[key] = result.checks.count
      let isOwn = source == Cell.sourceName(ofFile: result.script)
      let text = isOwn ? self.source.line(line, of: "") : nil
      result.checks.append(.init(source: source, line: line, text: text ?? ""))
    }
    if let site = sites[key] {
      if check.passed {
        result.checks[site].passed += 1
      } else {
        if result.checks[site].failed == 0 {
          result.checks[site].message = check.message
          result.checks[site].picture = check.signal?.picture()
        }
        result.checks[site].failed += 1
      }
    }
    display.checked(check)
  }

  package func echo(_ text: String, number: Int) { display.echo(text, number: number) }
  package func note(_ text: String) { display.note(text) }

  package func output(_ bytes: UnsafeRawBufferPointer, isError: Bool, task: LuaTask?) {
    if isError { result.errors.append(bytes) } else { result.output.append(bytes) }
    display.output(bytes, isError: isError, task: task)
  }
}

extension ScriptCollector.Stop {
  var ending: ScriptResult.Ending {
    switch self {
    case .timeout, .cellTimeout: .timedOut
    case .termination: .terminated
    case .unheard: .unheard
    case .unwritable: .unwritable
    case .interrupt: .interrupted
    }
  }

  /// Code and message of the error in the place of the interrupt.
  var words: (code: String, message: String) {
    switch self {
    case .timeout(let time): ("timeout", "the script ran longer than \(time.shortText)")
    case .cellTimeout(let time): ("timeout", "the cell ran longer than \(time.shortText)")
    case .interrupt: ("interrupted", "interrupted")
    case .termination: ("interrupted", "terminated")
    case .unheard: ("interrupted", "nobody reads the output any more")
    case .unwritable: ("interrupted", "the output cannot be written")
    }
  }
}
