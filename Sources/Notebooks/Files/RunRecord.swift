#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif
package import JSON
package import Bindings
package import Lua

/// Leaves `name.run.jsonl` behind: one JSON object a line, written as it happens, so that the record of a run that dies is
/// complete up to there. A display that hands everything on to another one.
///
/// Kinds: `run` (schema, script, start), `cell` (number, title, line, source), `output`, `echo`, `note`, `error`,
/// `check`, `plot` (a still as SVG), `stats` (what the front end adds), `end` of a cell, `done`. Times are nanoseconds since the Unix epoch, UTC.
package final class RunRecord: Display {
  package static let schema: Int64 = 1

  private let display: any Display
  private let sink: (ArraySlice<UInt8>) -> Bool
  private let now: () -> Int64
  private let tag: [JSON.Member]
  private var outputLeft = Limits.recordedOutputTotal
  private var checksLeft = Limits.recordedChecks
  private var number = 0
  /// What was printed since the last line end, by who printed it: a record line holds whole lines where it can.
  private var pending: (isError: Bool, task: String?, bytes: [UInt8])?
  /// False once something could not be written; the run goes on, the front end tells.
  package private(set) var isWhole = true

  /// - Parameters:
  ///   - details: more of the first line: parameters, arguments.
  ///   - tag: in every line, for records of several scripts in one stream.
  ///   - sink: takes a line with its line end, false when it could not be written.
  ///   - now: nanoseconds since the Unix epoch.
  package init(
    script: String, details: [(String, JSON)] = [], tag: [(String, JSON)] = [],
    around display: any Display, now: @escaping () -> Int64, sink: @escaping (ArraySlice<UInt8>) -> Bool
  ) {
    self.display = display
    self.sink = sink
    self.now = now
    self.tag = tag.map { JSON.Member($0.0, $0.1) }
    let start = now()
    write(
      "run",
      [("schema", .integer(Self.schema)), ("utc", .string(UTCTime.text(start))), ("script", .string(script))]
        + details, at: start)
  }

  /// Anything else worth a line, such as the streams' statistics.
  package func add(_ kind: String, _ members: [(String, JSON)]) {
    flush()
    write(kind, members)
  }

  /// Called when a cell has ended, before that is recorded: for what is known only then, such as plots.
  package var whenCellEnds: () -> Void = {}

  /// A plot as it looks now; a later still with the same number takes its place.
  package func plot(_ number: Int, title: String, svg: String, darkSVG: String) {
    add(
      "plot",
      [
        ("cell", .integer(Int64(self.number))), ("plot", .integer(Int64(number))), ("title", .string(title)),
        ("svg", .string(svg)), ("svg_dark", .string(darkSVG)),
      ])
  }

  /// The last line.
  package func finish(exitCode: Int32, _ members: [(String, JSON)] = []) {
    add("done", [("exit", .integer(Int64(exitCode)))] + members)
  }

  // MARK: Display

  package func began(_ cell: Cell, number: Int) {
    flush()
    self.number = number
    var members: [(String, JSON)] = [("cell", .integer(Int64(number)))]
    if !cell.title.isEmpty { members.append(("title", .string(cell.title))) }
    if case .file(_, let firstLine) = cell.origin { members.append(("line", .integer(Int64(firstLine)))) }
    members.append(("source", .string(String(decoding: SourceSecrets(cell.text).redacted, as: UTF8.self))))
    write("cell", members)
    display.began(cell, number: number)
  }

  package func echo(_ text: String, number: Int) {
    add("echo", [("cell", .integer(Int64(number))), ("text", .string(text))])
    display.echo(text, number: number)
  }

  package func note(_ text: String) {
    add("note", [("text", .string(text))])
    display.note(text)
  }

  package func error(_ error: CellError) {
    write(error)
    display.error(error)
  }

  package func taskFailed(_ name: String, _ error: CellError) {
    write(error, task: name)
    display.taskFailed(name, error)
  }

  package func checked(_ check: Check) {
    if !check.passed || checksLeft > 0 {
      checksLeft -= check.passed ? 1 : 0
      let place = check.place.map {
        [("source", JSON.string($0.source)), ("line", .integer(Int64($0.line)))]
      }
      add(
        "check",
        [("cell", .integer(Int64(number))), ("passed", .bool(check.passed))] + (place ?? [])
          + (check.message.isEmpty ? [] : [("message", .string(check.message))]))
    }
    display.checked(check)
  }

  private func write(_ error: CellError, task: String? = nil) {
    let levels = error.traceback.map { level in
      JSON.object(
        [JSON.Member("place", .string(level.place))]
          + (level.text.map { [JSON.Member("text", .string($0))] } ?? [])
          + (level.function.map { [JSON.Member("function", .string($0))] } ?? []))
    }
    add(
      "error",
      [
        ("cell", .integer(Int64(error.cell))), ("code", .string(error.code)),
        ("message", .string(error.message)),
        ("hints", .array(error.hints.map { .string($0) })), ("traceback", .array(levels)),
      ] + (task.map { [("task", .string($0))] } ?? [])
        + (error.picture.map { [("picture", .string($0))] } ?? []))
  }

  package func output(_ bytes: UnsafeRawBufferPointer, isError: Bool, task: LuaTask?) {
    display.output(bytes, isError: isError, task: task)
    guard outputLeft > 0 else { return }
    if let last = pending, last.isError != isError || last.task != task?.name { flush() }
    if pending == nil { pending = (isError, task?.name, []) }
    pending?.bytes.append(contentsOf: bytes)
    if bytes.last == 0x0A || (pending?.bytes.count ?? 0) >= Limits.recordedOutput { flush() }
    outputLeft -= bytes.count
    if outputLeft <= 0 {
      add("note", [("text", "what the script prints from here on is not in this record: it is very much")])
    }
  }

  package func ended(_ outcome: Outcome) {
    whenCellEnds()
    let result =
      switch outcome.result {
      case .values: "ok"
      case .failed(let error): error.isInterrupt ? "interrupted" : "error"
      case .exit: "exit"
      case .incomplete: "incomplete"
      case .empty: "empty"
      }
    let statistics = outcome.statistics
    add(
      "end",
      [
        ("cell", .integer(Int64(outcome.number))), ("result", .string(result)),
        ("wall", .number(statistics.wall.microseconds)), ("cpu", .number(statistics.cpu.microseconds)),
        ("samples", .integer(Int64(statistics.samples))),
      ])
    display.ended(outcome)
  }

  private func flush() {
    guard let last = pending else { return }
    pending = nil
    var members: [(String, JSON)] = [
      ("cell", .integer(Int64(number))), ("stream", .string(last.isError ? "stderr" : "stdout")),
    ]
    if let task = last.task { members.append(("task", .string(task))) }
    members.append(("text", .string(String(decoding: last.bytes, as: UTF8.self))))
    write("output", members)
  }

  private func write(_ kind: String, _ members: [(String, JSON)], at time: Int64? = nil) {
    let head = [JSON.Member("kind", .string(kind)), JSON.Member("time", .integer(time ?? now()))]
    let all = head + tag + members.map { JSON.Member($0.0, $0.1) }
    let line = JSON.object(all).encoded(.line)
    if !sink(line[...]) { isWhole = false }
  }
}

extension RunRecord {
  /// Creates or empties the file; nil, with the reason, when that fails.
  package static func file(at path: String) -> Result<(ArraySlice<UInt8>) -> Bool, FileError> {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      return .failure(FileError(path: path, reason: String(cString: strerror(errno))))
    }
    let file = File(descriptor)
    return .success { file.write($0) }
  }

  package struct FileError: Error, Equatable, Sendable {
    package let path: String
    package let reason: String
  }

  private final class File {
    private let descriptor: Int32
    init(_ descriptor: Int32) { self.descriptor = descriptor }
    deinit { _ = close(descriptor) }

    func write(_ line: ArraySlice<UInt8>) -> Bool {
      var rest = line
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return false }
        rest = rest.dropFirst(count)
      }
      return true
    }
  }
}

extension Duration {
  var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
  /// Seconds to the microsecond.
  package var microseconds: Double { (inSeconds * 1e6).rounded() / 1e6 }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}
