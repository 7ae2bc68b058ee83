/// Words and texts that reports share.
enum ReportText {
  /// Without what only a terminal understands: escape sequences go, line ends are `\n`, other control characters are
  /// shown as U+FFFD.
  static func plain(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    var rest = text.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      switch scalar.value {
      case 0x0A, 0x09: result.append(scalar)
      case 0x0D:
        if rest.first != "\n" { result.append("\n") }
      case 0x1B: skipEscape(&rest)
      case 0..<0x20, 0x7F...0x9F: result.append("\u{FFFD}")
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  /// `ESC [ … letter`, `ESC ] … BEL` or `ESC \`, `ESC` and one character.
  private static func skipEscape(_ rest: inout Substring.UnicodeScalarView) {
    switch rest.popFirst() {
    case "[":
      while let scalar = rest.first, !(0x40...0x7E).contains(scalar.value) {
        guard (0x20...0x3F).contains(scalar.value) else { return }
        rest.removeFirst()
      }
      rest = rest.dropFirst()
    case "]":
      while let scalar = rest.popFirst() {
        if scalar.value == 7 { return }
        if scalar.value == 0x1B {
          rest = rest.dropFirst()
          return
        }
      }
    default: break
    }
  }

  static func lines(_ text: String) -> Int {
    text.split(separator: "\n", omittingEmptySubsequences: false).count
  }

  /// `420 ms`, `3.1 s`, `4 min 20 s`
  static func seconds(_ value: Double) -> String {
    guard value.isFinite, value >= 0, value < 1e12 else { return "?" }
    if value < 1 { return "\(Int((value * 1000).rounded())) ms" }
    if value < 60 { return "\((value * 10).rounded() / 10) s" }
    let whole = Int(value.rounded())
    return whole < 3600 ? "\(whole / 60) min \(whole % 60) s" : "\(whole / 3600) h \(whole / 60 % 60) min"
  }

  /// With a narrow blank every three digits.
  static func count(_ value: Int64) -> String {
    let digits = String(value.magnitude)
    var result = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { result += "\u{202F}" }
      result.append(digit)
    }
    return value < 0 ? "-" + result : result
  }

  /// `2026-11-21 08:23:34 UTC` of ISO 8601.
  private static func moment(_ utc: String) -> String {
    guard let time = utc.wholeMatch(of: /(\d+-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z/) else { return utc }
    return "\(time.1) \(time.2) UTC"
  }

  static func counted(_ number: Int, _ word: String) -> String {
    "\(number) \(word)\(number == 1 ? "" : "s")"
  }

  /// How a run ended, in a word or two.
  static func ending(_ run: RecordedRun) -> String {
    guard let code = run.exitCode else { return "breaks off" }
    return run.result ?? (code == 0 ? "passed" : "failed")
  }

  static func isGood(_ run: RecordedRun) -> Bool { run.exitCode == 0 }

  /// Rows for the head of a report: what there is to say about the run as a whole.
  static func facts(_ run: RecordedRun) -> [(name: String, value: String)] {
    var facts: [(name: String, value: String)] = []
    if let code = run.exitCode {
      facts.append(("Result", "\(ending(run))\(code == 0 ? "" : ", exit code \(code)")"))
    } else {
      facts.append(("Result", "the record breaks off: what follows is the run up to there"))
    }
    if let reason = run.reason { facts.append(("Reason", plain(reason))) }
    if let utc = run.utc { facts.append(("Began", moment(utc))) }
    if let wall = run.wall { facts.append(("Took", seconds(wall))) }
    if !run.parameters.isEmpty {
      facts.append(("Parameters", run.parameters.map { "\($0.name) = \($0.value)" }.joined(separator: ", ")))
    }
    if !run.arguments.isEmpty { facts.append(("Arguments", run.arguments.joined(separator: " "))) }
    for (name, value) in run.statistics where value != 0 || name == "samples" || name == "gaps" {
      facts.append((name.prefix(1).uppercased() + name.dropFirst(), count(value)))
    }
    let checks = run.checks
    if checks.passed + checks.failed > 0 {
      facts.append(("Checks", "\(checks.passed) passed, \(checks.failed) failed"))
    }
    if run.unreadableLines > 0 {
      facts.append(("Record", "\(counted(run.unreadableLines, "line")) of it cannot be read"))
    }
    return facts
  }

  /// Under a cell: how it went.
  static func footer(_ cell: RecordedRun.Cell) -> String {
    guard let end = cell.end else { return "did not end" }
    var parts: [String] = end.result == "ok" ? [] : [end.result]
    if let wall = end.wall, wall >= 0.001 { parts.append(seconds(wall)) }
    if end.samples > 0 { parts.append("\(count(end.samples)) samples") }
    let checks = cell.items.reduce(into: 0) { count, item in if case .check = item { count += 1 } }
    if checks > 0 { parts.append(counted(checks, "check")) }
    return parts.joined(separator: ", ")
  }
}
