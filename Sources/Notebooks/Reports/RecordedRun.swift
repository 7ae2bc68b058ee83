import JSON

/// One run of a script as its record tells it (`RunRecord` writes them). A record that ends in the middle, even of a line,
/// is a run up to there.
package struct RecordedRun: Equatable, Sendable {
  package struct Cell: Equatable, Sendable {
    package var number: Int
    package var title = ""
    /// On which line of the script its text begins; nil for what was typed.
    package var line: Int?
    package var source = ""
    package var items: [Item] = []
    package var end: End?
  }

  package struct End: Equatable, Sendable {
    /// `ok`, `error`, `interrupted`, `exit`.
    package var result: String
    /// Seconds.
    package var wall: Double?
    package var cpu: Double?
    package var samples: Int64
  }

  /// What a cell showed, in order.
  package enum Item: Equatable, Sendable {
    case output(text: String, isError: Bool, task: String?)
    case echo(String)
    case note(String)
    case error(Failure)
    case check(passed: Bool, message: String, line: Int?)
    case plot(Still)
  }

  package struct Failure: Equatable, Sendable {
    package var code: String
    package var message: String
    package var hints: [String]
    /// `heart.lua:12`, with the line's text.
    package var levels: [Level]
    /// The task that failed, when it was one.
    package var task: String?
    /// A picture of plain lines.
    package var picture: String?
  }

  package struct Level: Equatable, Sendable {
    package var place: String
    package var text: String?
    package var function: String?
  }

  /// A plot as it looked last.
  package struct Still: Equatable, Sendable {
    /// Tells the plots of a run apart.
    package var id: Int64
    package var title: String
    package var svg: String
    /// The same for a dark page, if there is one.
    package var darkSVG: String?
  }

  /// Tells the runs of one stream of lines apart; nil in a record of one script.
  package var label: String?
  package var script = ""
  /// When it began, as ISO 8601.
  package var utc: String?
  package var arguments: [String] = []
  /// Names and values as they were given.
  package var parameters: [(name: String, value: String)] = []
  package var cells: [Cell] = []
  /// What was shown before the first cell.
  package var preamble: [Item] = []
  /// Names and counts: samples, gaps, lost, dropped.
  package var statistics: [(name: String, value: Int64)] = []
  /// How it ended; nil for a record that breaks off.
  package var exitCode: Int64?
  /// `passed`, `failed`, `timeout`…
  package var result: String?
  package var reason: String?
  /// Seconds.
  package var wall: Double?
  /// Lines that could not be read; a cut last line is none.
  package var unreadableLines = 0

  package var isComplete: Bool { exitCode != nil }
  package var checks: (passed: Int, failed: Int) {
    var counts = (passed: 0, failed: 0)
    for case .check(let passed, _, _) in items {
      if passed { counts.passed += 1 } else { counts.failed += 1 }
    }
    return counts
  }
  package var items: [Item] { preamble + cells.flatMap(\.items) }

  package static func == (a: RecordedRun, b: RecordedRun) -> Bool {
    a.label == b.label && a.script == b.script && a.cells == b.cells && a.preamble == b.preamble
      && a.exitCode == b.exitCode && a.result == b.result
  }
}

extension RecordedRun {
  /// All runs of a record or of the lines that `run --json` prints, in the order in which they began. Empty when there is
  /// none.
  package static func runs(in bytes: [UInt8]) -> [RecordedRun] {
    var runs: [RecordedRun] = []
    var places: [String?: Int] = [:]
    var unreadable = 0
    for range in NotebookFile.lines(of: bytes) {
      let line = bytes[range].withoutLineEnd
      guard !line.isEmpty else { continue }
      guard let entry = try? JSON(parsing: line), let kind = entry["kind"]?.string else {
        // The last line of a run that died may be cut.
        if range.upperBound < bytes.count || bytes.last == 0x0A { unreadable += 1 }
        continue
      }
      let label = entry["label"]?.string
      if kind == "run" {
        places[label] = runs.count
        runs.append(RecordedRun(label: label, begun: entry))
      } else if let place = places[label] {
        runs[place].take(kind, entry)
      }
    }
    if !runs.isEmpty { runs[0].unreadableLines = unreadable }
    return runs
  }

  private init(label: String?, begun entry: JSON) {
    self.label = label
    script = entry["script"]?.string ?? ""
    utc = entry["utc"]?.string
    arguments = entry["arguments"]?.array?.compactMap(\.string) ?? []
    parameters = (entry["parameters"]?.members ?? []).map { ($0.key, $0.value.text) }
  }

  private mutating func take(_ kind: String, _ entry: JSON) {
    switch kind {
    case "cell":
      cells.append(
        Cell(
          number: Int(clamping: entry["cell"]?.integer ?? 0), title: entry["title"]?.string ?? "",
          line: entry["line"]?.integer.map { Int(clamping: $0) }, source: entry["source"]?.string ?? ""))
    case "output":
      add(
        .output(
          text: entry["text"]?.string ?? "", isError: entry["stream"] == "stderr", task: entry["task"]?.string
        ))
    case "echo": add(.echo(entry["text"]?.string ?? ""))
    case "note":
      let text = entry["text"]?.string ?? ""
      // Where a live page was: it is gone, and the plot is here.
      if !text.hasPrefix("plot: http://127.0.0.1:") { add(.note(text)) }
    case "error": add(.error(Failure(entry)))
    case "check":
      add(
        .check(
          passed: entry["passed"] == true, message: entry["message"]?.string ?? "",
          line: entry["line"]?.integer.map { Int(clamping: $0) }))
    case "plot":
      guard let svg = entry["svg"]?.string else { return }
      show(
        Still(
          id: entry["plot"]?.integer ?? 0, title: entry["title"]?.string ?? "", svg: svg,
          darkSVG: entry["svg_dark"]?.string))
    case "end":
      guard !cells.isEmpty else { return }
      cells[cells.count - 1].end = End(
        result: entry["result"]?.string ?? "", wall: entry["wall"]?.double, cpu: entry["cpu"]?.double,
        samples: entry["samples"]?.integer ?? 0)
    case "stats":
      statistics = (entry["samples"] == nil ? [] : ["samples", "gaps", "lost", "dropped"]).compactMap {
        name in
        entry[name]?.integer.map { (name, $0) }
      }
    case "done":
      exitCode = entry["exit"]?.integer
      result = entry["result"]?.string
      reason = entry["reason"]?.string
      wall = entry["wall"]?.double
    default: break
    }
  }

  /// Pieces of one stream in a row are one output.
  private mutating func add(_ item: Item) {
    func append(to items: inout [Item]) {
      if case .output(let text, let isError, let task) = item,
        case .output(let before, isError, task)? = items.last
      {
        items[items.count - 1] = .output(text: before + text, isError: isError, task: task)
      } else {
        items.append(item)
      }
    }
    if cells.isEmpty { append(to: &preamble) } else { append(to: &cells[cells.count - 1].items) }
  }

  /// A later still of a plot takes the place of the earlier one.
  private mutating func show(_ still: Still) {
    for cell in cells.indices {
      for index in cells[cell].items.indices {
        if case .plot(let before) = cells[cell].items[index], before.id == still.id {
          cells[cell].items[index] = .plot(still)
          return
        }
      }
    }
    add(.plot(still))
  }
}

extension RecordedRun.Failure {
  fileprivate init(_ entry: JSON) {
    code = entry["code"]?.string ?? ""
    message = entry["message"]?.string ?? ""
    hints = entry["hints"]?.array?.compactMap(\.string) ?? []
    levels = (entry["traceback"]?.array ?? []).map {
      .init(place: $0["place"]?.string ?? "", text: $0["text"]?.string, function: $0["function"]?.string)
    }
    task = entry["task"]?.string
    picture = entry["picture"]?.string
  }

  /// As it was shown, in plain lines.
  package var text: String {
    var lines = [levels.first.map { "\($0.place): \(message)" } ?? message]
    if let task { lines[0] = "task \(task) failed: \(lines[0])" }
    for (index, level) in levels.enumerated() {
      if index > 0 { lines.append("  from \(level.place)\(level.function.map { " in \($0)" } ?? "")") }
      if let text = level.text { lines.append("    \(text)") }
    }
    lines += hints.map { "  \($0)" }
    if let picture { lines.append(picture) }
    return lines.joined(separator: "\n")
  }
}

extension JSON {
  /// A string as it is, anything else as JSON.
  var text: String { string ?? encodedText() }
}
