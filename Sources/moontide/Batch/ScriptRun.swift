import JSON
import Locks
import Bindings
import Dispatch
import Foundation
import Lua
import Notebooks

/// What a batch run does with each of its scripts.
struct ScriptOptions: Sendable {
  /// `name=value`, checked.
  var parameters: [String] = []
  var arguments: [String] = []
  var failsOnGap = false
  var showsOutput = true
  var isQuiet = false
  /// JSON lines go to standard output.
  var writesJSON = false
  /// It runs alone on a terminal, whose colours are wanted.
  var ownsTerminal = false
  var usesColor = false
  var memory = 0
  var sandbox = false
  var allowed: [AllowedSource] = []
  /// Boards are shared by the scripts.
  var boards: BoardPool?
}

/// One script of a batch run, between its own thread and the one that watches.
final class ScriptRun: Sendable {
  /// What is known of it while it runs.
  struct Snapshot: Sendable {
    var result: ScriptResult
    var situation = BatchSchedule.Situation()
    var progress = (cell: 0, count: 0)
    /// Its thread is done; the result is final.
    var isOver = false
  }

  private struct State {
    var snapshot: Snapshot
    var interrupter: Interrupter?
    var tally: StreamTally?
    var stop: ScriptCollector.Stop?
    /// Its results are counted already, whatever it still does.
    var isAbandoned = false
  }

  let path: String
  let channel: ScriptChannel
  let recordPath: String?
  private let options: ScriptOptions
  private let changed: DispatchSemaphore
  private let state: Guarded<State>

  init(
    path: String, label: String, recordPath: String?, _ options: ScriptOptions, changed: DispatchSemaphore
  ) {
    self.path = path
    self.recordPath = recordPath
    self.options = options
    self.changed = changed
    channel = ScriptChannel(arrived: changed)
    var result = ScriptResult(script: path, label: label)
    result.parameters = options.parameters.compactMap { Parameter($0) }.map { ($0.name, $0.shown) }
    state = Guarded(State(snapshot: Snapshot(result: result)))
  }

  // MARK: - For who watches

  var snapshot: Snapshot { state.withLock { $0.snapshot } }
  var totals: StreamTally.Totals { state.withLock { $0.tally }?.totals ?? .init() }

  func start() {
    let thread = Thread { [self] in run() }
    thread.stackSize = ProgramLimits.stackBytes
    thread.name = "script"
    thread.start()
  }

  /// Interrupts it; the first reason is the one that counts.
  func interrupt(_ why: ScriptCollector.Stop) {
    let interrupter = state.withLock { state in
      if state.stop == nil { state.stop = why }
      return state.interrupter
    }
    interrupter?.interrupt()
  }

  /// What is known of a script that does not end, as its result.
  func abandon(_ why: ScriptCollector.Stop) -> ScriptResult {
    channel.close()
    let (known, tally) = state.withLock { state in
      state.isAbandoned = true
      return (state.snapshot.result, state.tally)
    }
    let wall = Duration.nanoseconds(Self.now - (known.started ?? Self.now))
    return ScriptCollector.abandoned(known, wall: wall, why, tally?.totals ?? .init())
  }

  // MARK: - On its own thread

  private func run() {
    let started = (wall: Self.now, instant: ContinuousClock.now)
    state.withLock { $0.snapshot.result.started = started.wall }
    let result = runScript(started)
    state.withLock { state in
      state.snapshot.result = result
      state.snapshot.isOver = true
      state.interrupter = nil
      state.tally = nil
    }
    changed.signal()
  }

  static var now: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  private func runScript(_ started: (wall: Int64, instant: ContinuousClock.Instant)) -> ScriptResult {
    let initial = snapshot.result
    var display: any Display = ChannelDisplay(
      channel, showsOutput: options.showsOutput, isQuiet: options.isQuiet)
    var records: [RunRecord] = []
    let details = self.details(initial.parameters)
    if options.writesJSON {
      let record = RunRecord(
        script: path, details: details, tag: [("label", .string(initial.label))], around: display,
        now: { Self.now }
      ) { [channel] line in
        channel.write(line, to: .output)
        return true
      }
      records.append(record)
      display = record
    }
    var recordFailure: String?
    var plots: PlotRecorder?
    if let recordPath {
      switch RunRecord.file(at: recordPath) {
      case .failure(let error): recordFailure = "cannot write \(error.path): \(error.reason)"
      case .success(let sink):
        let record = RunRecord(
          script: path, details: details, around: display, now: { Self.now }, sink: sink)
        records.append(record)
        display = record
        plots = PlotRecorder(record)
      }
    }
    let collector = ScriptCollector(initial, around: display) { [self] in state.withLock { $0.stop } }
    collector.onChange = { [self] collector, isInCell in
      state.withLock { state in
        guard !state.isAbandoned else { return }
        state.snapshot.result = collector.result
        state.snapshot.progress = collector.progress
        state.snapshot.situation.cellBegan = isInCell ? .now : nil
      }
      changed.signal()
    }
    var totals = StreamTally.Totals()
    var exitCode: Int32?
    var failedRecordings = 0
    if let recordFailure {
      collector.isUnwritable(recordFailure)
      channel.write("moontide: \(recordFailure)\n", to: .error)
    } else {
      (exitCode, totals, failedRecordings) = interpret(collector, plots)
    }
    collector.finish(exitCode: exitCode, failsOnGap: options.failsOnGap, totals)
    // Said already, where it happened.
    if failedRecordings > 0 { collector.isUnwritable("a stream could not be saved to its end") }
    collector.measured(started: started.wall, wall: ContinuousClock.now - started.instant)
    for record in records { end(record, collector.result) }
    if let recordPath, records.contains(where: { !$0.isWhole }) {
      let message = "the record \(recordPath) could not be written to its end"
      collector.isUnwritable(message)
      channel.write("moontide: \(message)\n", to: .error)
    }
    return collector.result
  }

  private func details(_ parameters: [(name: String, value: String)]) -> [(String, JSON)] {
    var details: [(String, JSON)] = []
    if !options.arguments.isEmpty {
      details.append(("arguments", .array(options.arguments.map { .string($0) })))
    }
    if !parameters.isEmpty {
      details.append(("parameters", .object(parameters.map { JSON.Member($0.name, .string($0.value)) })))
    }
    return details
  }

  private func end(_ record: RunRecord, _ result: ScriptResult) {
    record.add(
      "stats",
      [
        ("samples", .integer(result.samples)), ("gaps", .integer(result.gaps)),
        ("lost", .integer(result.lost)),
        ("dropped", .integer(result.dropped)),
      ])
    let reason = result.reason.isEmpty ? [] : [("reason", JSON.string(result.reason))]
    record.finish(
      exitCode: result.ending.exitCode ?? 0,
      [
        ("utc", .string(UTCTime.text(Self.now))), ("result", .string(result.ending.word)),
        ("wall", .number(result.wall.microseconds)),
      ] + reason)
  }

  /// The script itself; its exit code when `os.exit` or a missing file gave one.
  private func interpret(
    _ collector: ScriptCollector, _ plots: PlotRecorder?
  ) -> (Int32?, StreamTally.Totals, Int) {
    let bytes: [UInt8]
    do throws(FileText.Failure) {
      bytes = if path == "-" { try FileText.read(from: 0) } else { try FileText.read(path) }
    } catch {
      collector.isMissing(error.reason)
      channel.write("moontide: \(collector.result.reason)\n", to: .error)
      return (nil, .init(), 0)
    }
    let interpreter: Interpreter
    do throws(LuaError) {
      interpreter = try Interpreter(
        display: collector,
        screen: ScriptScreen(channel, isTerminal: options.ownsTerminal, usesColor: options.usesColor),
        memoryLimit: options.memory, sandbox: options.sandbox, allowed: options.allowed,
        idle: { nil })
    } catch {
      collector.add(.init(name: "script", message: error.message, text: "\(error)"))
      channel.write("moontide: \(error)\n", to: .error)
      return (nil, .init(), 0)
    }
    interpreter.library.boards = options.boards
    if let plots { interpreter.library.onPlot = { plots.add($0) } }
    let tally = interpreter.library.tally
    let isStopped = state.withLock { state in
      state.interrupter = interpreter.state.interrupter
      state.tally = tally
      return state.stop != nil
    }
    // Told to stop before there was anything to interrupt.
    if isStopped { interpreter.state.interrupter.interrupt() }
    interpreter.setScript(path, arguments: options.arguments)
    let file = NotebookFile(NotebookFile.source(bytes))
    collector.begin(file)
    let outcome = interpreter.session.run(
      file, name: path == "-" ? "stdin" : path,
      parameters: options.parameters.compactMap { Parameter($0) },
      arguments: options.arguments.map { .string(LuaString(Array($0.utf8))) }, isAll: true)
    plots?.take()
    state.withLock { $0.snapshot.situation.isClosing = true }
    interpreter.close()
    return (outcome.exitCode, tally.totals, interpreter.library.failedRecordings)
  }
}
