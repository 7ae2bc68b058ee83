import JSON
import Bindings
import Dispatch
import Glibc
import Notebooks
import Terminal

/// Runs scripts side by side, each with an interpreter on a thread of its own, and writes what they say. On the main
/// thread, which alone writes.
final class BatchRunner {
  struct Options {
    var rules = BatchSchedule.Rules()
    var scripts = ScriptOptions()
    var junit: String?
    /// Leaves only results and errors.
    var isQuiet = false
    /// Time between two lines about it where there is no terminal; nil shows nothing at all.
    var progressInterval: Duration?
    /// Where run records go: beside each script, or all into one folder; nil for none.
    var records: Records?
    var color = ColorChoice.auto

    enum Records {
      case besideScripts
      case folder(String)
    }
  }

  private let options: Options
  private let runs: [ScriptRun]
  private let changed = DispatchSemaphore(value: 0)
  private var schedule: BatchSchedule
  private var results: [ScriptResult]
  private let signals: BatchSignals
  private let names: BatchNames
  private var console: BatchConsole!
  private var outputFailure: Int32?
  /// Causes of failure that are no script's.
  private var others: [Int32] = []
  /// What there was to do while a write was under way.
  private var postponed: [BatchSchedule.Action] = []
  /// Threads that do not end; the program does not wait for them.
  private var hasStragglers = false
  private let began = (wall: ScriptRun.now, instant: ContinuousClock.now)

  init(_ scripts: [String], _ options: Options) {
    self.options = options
    names = BatchNames(scripts)
    let (changed, names) = (changed, names)
    let usesColor = options.color.resolve(environment: Environment.terminal, isTerminal: isatty(1) == 1)
    var own = options.scripts
    own.ownsTerminal = scripts.count == 1 && isatty(1) == 1 && !own.writesJSON
    own.usesColor = scripts.count == 1 && usesColor
    let scriptOptions = own
    runs = scripts.enumerated().map { index, path in
      ScriptRun(
        path: path, label: names.labels[index],
        recordPath: options.records.map { names.record(of: index, $0) }, scriptOptions, changed: changed)
    }
    results = runs.map(\.snapshot.result)
    schedule = BatchSchedule(count: scripts.count, options.rules)
    signals = BatchSignals(changed: changed)
    let writer = TerminalWriter(giveUp: { [unowned self] in mustGiveUp })
    writer.usesColor = usesColor
    writer.onFailure = { [unowned self] stream, error in failed(stream, error) }
    console = BatchConsole(
      writer, labels: names.labels, writesJSON: options.scripts.writesJSON,
      progressInterval: options.progressInterval)
  }

  /// The program's exit code.
  func run() -> Int32 {
    let report: ReportFile?
    do throws(FileText.Failure) {
      report = try options.junit.map { path throws(FileText.Failure) in try ReportFile(path) }
      if case .folder(let path) = options.records { try FileText.makeFolder(path) }
    } catch {
      console.say("cannot write \(error.reason)")
      return ExitCode.cannotCreate
    }
    if options.scripts.writesJSON { console.print(head) }
    while !schedule.isOver || !postponed.isEmpty {
      step()
      for (index, run) in runs.enumerated() { console.show(run.channel.take(), of: index) }
      console.progress { progress }
      console.writer.flushIfDue()
      if !schedule.isOver { rest() }
    }
    console.endProgress()
    return finish(report)
  }

  // MARK: - The loop

  /// Takes in who has ended, and does what the schedule says.
  private func step() {
    if let stop = signals.stop { schedule.stopEverything(stop) }
    if let outputFailure {
      schedule.stopEverything(outputFailure == EPIPE ? .unheard : .unwritable(outputFailure))
    }
    var situations: [Int: BatchSchedule.Situation] = [:]
    for index in schedule.indices {
      let snapshot = runs[index].snapshot
      situations[index] = snapshot.situation
      guard snapshot.isOver else { continue }
      results[index] = snapshot.result
      console.show(runs[index].channel.take(), of: index)
      console.end(index)
      schedule.ended(index, failed: snapshot.result.ending.isFailure)
    }
    let actions = postponed + schedule.actions(at: .now, situations)
    postponed = []
    perform(actions)
  }

  private func perform(_ actions: [BatchSchedule.Action]) {
    for action in actions {
      switch action {
      case .start(let index): runs[index].start()
      case .interrupt(let index, let why): runs[index].interrupt(why)
      case .abandon(let index, let why):
        results[index] = runs[index].abandon(why)
        schedule.ended(index, failed: results[index].ending.isFailure)
        hasStragglers = true
        if options.scripts.writesJSON { console.print(done(results[index])) }
        console.say("\(names.labels[index]): \(results[index].reason)")
      }
    }
  }

  private func rest() {
    let situations = Dictionary(
      uniqueKeysWithValues: schedule.indices.map { ($0, runs[$0].snapshot.situation) })
    let due = [schedule.deadline(situations), console.deadline].compactMap { $0 }.min()
    if let due {
      let left = due - .now
      _ = changed.wait(timeout: .now() + .nanoseconds(Int(clamping: max(0, Int64(left / .nanoseconds(1))))))
    } else {
      changed.wait()
    }
    // One look answers for all that was signalled meanwhile.
    while changed.wait(timeout: .now()) == .success {}
  }

  /// Asked while the reader of the output takes nothing: time goes on, and a run that is to end does not wait for it.
  private var mustGiveUp: Bool {
    if let stop = signals.stop { schedule.stopEverything(stop) }
    let situations = Dictionary(
      uniqueKeysWithValues: schedule.indices.map { ($0, runs[$0].snapshot.situation) })
    for action in schedule.actions(at: .now, situations, mayStart: false) {
      if case .interrupt(let index, let why) = action {
        runs[index].interrupt(why)
      } else {
        postponed.append(action)
      }
    }
    return signals.stop != nil || !postponed.isEmpty
  }

  private func failed(_ stream: TerminalWriter.Stream, _ error: Int32) {
    // Without standard error nobody can be told, but the results are not concerned.
    guard stream == .output else {
      if error != EPIPE { others.append(ExitCode.cannotCreate) }
      return
    }
    outputFailure = error
    if error != EPIPE { others.append(ExitCode.cannotCreate) }
  }

  // MARK: - What is told

  private var progress: String {
    let done = results.indices.count { results[$0].ending != .notRun }
    let totals = schedule.indices.map { runs[$0].totals }
    let samples = totals.reduce(results.reduce(0) { $0 + $1.samples }) { $0 + $1.samples }
    let gaps = totals.reduce(results.reduce(0) { $0 + $1.gaps }) { $0 + $1.gaps }
    let counts = "\(samples) samples, \(gaps) gaps"
    if runs.count == 1 {
      let cell = runs[0].snapshot.progress
      return "\(names.labels[0]): cell \(max(1, cell.cell)) of \(max(1, cell.count)), \(counts)"
    }
    let failed = results.count { $0.ending.isFailure }
    return "\(done) of \(runs.count) done" + (failed > 0 ? ", \(failed) failed" : "")
      + ", \(schedule.runningCount) running; \(counts)"
  }

  private func line(_ kind: String, _ members: [(String, JSON)]) -> JSON {
    let now = ScriptRun.now
    let start: [(String, JSON)] = [
      ("kind", .string(kind)), ("time", .integer(now)), ("utc", .string(UTCTime.text(now))),
    ]
    return .object((start + members).map { JSON.Member($0.0, $0.1) })
  }

  private var head: JSON {
    line(
      "batch",
      [
        ("schema", .integer(RunRecord.schema)), ("version", .string(Version.text)),
        ("scripts", .array(names.labels.map { .string($0) })), ("jobs", .integer(Int64(options.rules.jobs))),
      ])
  }

  private func done(_ result: ScriptResult) -> JSON {
    line(
      "done",
      [
        ("label", .string(result.label)), ("exit", .integer(Int64(result.ending.exitCode ?? 0))),
        ("result", .string(result.ending.word)), ("wall", .number(result.wall.microseconds)),
        ("reason", .string(result.reason)),
      ])
  }

  private func summaryLine(_ summary: BatchSummary, _ code: Int32, _ wall: Duration) -> JSON {
    let counts: [(String, Int64)] = [
      ("passed", Int64(summary.passed)), ("failed", Int64(summary.failed)),
      ("not_run", Int64(summary.notRun)), ("samples", summary.samples), ("gaps", summary.gaps),
      ("lost", summary.lost), ("dropped", summary.dropped),
    ]
    return line(
      "summary",
      [("exit", .integer(Int64(code))), ("wall", .number(wall.microseconds))]
        + counts.map { ($0.0, .integer($0.1)) })
  }

  // MARK: - The end

  private func finish(_ report: ReportFile?) -> Int32 {
    let wall = ContinuousClock.now - began.instant
    let summary = BatchSummary(results)
    if let report {
      do throws(FileText.Failure) {
        try report.write(JUnitReport(results, started: began.wall, wall: wall).xml)
      } catch {
        console.say("cannot write \(error.reason)")
        others.append(ExitCode.cannotCreate)
      }
    }
    if options.scripts.writesJSON {
      for result in results where result.ending == .notRun {
        console.print(line("skipped", [("label", .string(result.label))]))
      }
      console.print(summaryLine(summary, code(summary), wall))
    }
    console.writer.flush()
    if runs.count > 1, !options.isQuiet || code(summary) != 0 {
      let columns = console.writer.errorIsTerminal ? console.writer.size.columns : nil
      for row in summary.table(wall: wall, columns: columns) { console.writer.print(row + "\n", to: .error) }
    }
    console.writer.flush()
    if let outputFailure, outputFailure != EPIPE {
      console.say(StandardStreams.reason(outputFailure))
      console.writer.flush()
    }
    let code = code(summary)
    // Ending as usual would pull the ground from under threads that still run.
    if hasStragglers { _exit(code) }
    return code
  }

  /// A signal is the cause of everything that follows it.
  private func code(_ summary: BatchSummary) -> Int32 {
    switch signals.stop {
    case .termination: ExitCode.terminated
    case .interrupt: ExitCode.interrupted
    default: summary.exitCode(others: others)
    }
  }
}
