/// Results of a run as JUnit XML, as CI servers read it: a suite for each script, a case for each of its cells and for
/// each line with checks, and one for what went wrong outside of them.
package struct JUnitReport {
  private let results: [ScriptResult]
  private let started: Int64
  private let wall: Duration

  /// - Parameter started: nanoseconds since the Unix epoch.
  package init(_ results: [ScriptResult], started: Int64, wall: Duration) {
    self.results = results
    self.started = started
    self.wall = wall
  }

  private struct Case {
    var name: String
    var line: Int?
    var wall = Duration.zero
    /// What is inside, and how it counts.
    var body: XMLText?
    var kind = Kind.passed

    enum Kind { case passed, failure, error, skipped }
  }

  package var xml: [UInt8] {
    var suites = XMLText()
    var counts = Counts()
    for result in results {
      let cases = Self.cases(of: result)
      let own = Counts(cases)
      counts.add(own)
      suites.add(Self.suite(result, cases, own))
    }
    var document = XMLText()
    document.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
    document.element(
      "testsuites",
      [("name", "moontide")] + counts.attributes
        + [("time", wall.xmlSeconds), ("timestamp", Self.stamp(started))], suites)
    return document.bytes
  }

  /// JUnit's stamps have no zone and mean UTC.
  private static func stamp(_ time: Int64) -> String { String(UTCTime.text(time).prefix(19)) }

  private static func suite(_ result: ScriptResult, _ cases: [Case], _ counts: Counts) -> XMLText {
    var properties = XMLText()
    var values = result.parameters.map { ("parameter.\($0.name)", $0.value) }
    values += [
      ("result", result.ending.word), ("samples", "\(result.samples)"), ("gaps", "\(result.gaps)"),
      ("lost", "\(result.lost)"), ("dropped", "\(result.dropped)"),
    ]
    if let code = result.ending.exitCode { values.append(("exit", "\(code)")) }
    for (name, value) in values { properties.element("property", [("name", name), ("value", value)]) }
    var inside = XMLText()
    inside.element("properties", [], properties)
    for one in cases {
      var attributes = [("classname", result.label), ("name", one.name), ("file", result.script)]
      if let line = one.line { attributes.append(("line", "\(line)")) }
      inside.element("testcase", attributes + [("time", one.wall.xmlSeconds)], one.body)
    }
    if !result.output.isEmpty { inside.text("system-out", result.output.text) }
    if !result.errors.isEmpty { inside.text("system-err", result.errors.text) }
    var suite = XMLText()
    let started = result.started.map { [("timestamp", Self.stamp($0))] } ?? []
    suite.element(
      "testsuite",
      [("name", result.script)] + counts.attributes + [("time", result.wall.xmlSeconds)] + started, inside)
    return suite
  }

  // MARK: - Cases

  private static func cases(of result: ScriptResult) -> [Case] {
    var cases = result.cells.enumerated().map { position, cell in Self.case(of: cell, position + 1, result) }
    for site in result.checks {
      var one = Case(name: site.name, line: site.line > 0 ? site.line : nil)
      if site.failed > 0 {
        let times = "\(site.failed) of \(site.passed + site.failed) failed"
        let text = [site.message, site.passed + site.failed > 1 ? times : nil, site.picture]
        fill(
          &one, .failure, type: "check_failed", site.message, text.compactMap { $0 }.joined(separator: "\n"))
      }
      cases.append(one)
    }
    for fault in result.faults {
      var one = Case(name: fault.name)
      fill(&one, .error, type: result.ending.word, fault.message, fault.text)
      cases.append(one)
    }
    if cases.isEmpty {
      var one = Case(name: "script")
      if result.ending == .notRun { skip(&one, "not run") }
      cases.append(one)
    }
    return cases
  }

  private static func `case`(
    of cell: ScriptResult.CellResult, _ position: Int, _ result: ScriptResult
  ) -> Case {
    let title = cell.title.isEmpty ? "" : ": \(cell.title)"
    var one = Case(name: "cell \(position)\(title)", line: cell.line, wall: cell.wall)
    switch cell.state {
    case .passed: break
    case .notRun: skip(&one, "not reached")
    case .failed(let error):
      let kind = error.code == "check_failed" ? Case.Kind.failure : .error
      fill(&one, kind, type: error.code, error.message, error.description)
    }
    return one
  }

  private static func skip(_ one: inout Case, _ why: String) {
    one.kind = .skipped
    one.body = XMLText()
    one.body?.element("skipped", [("message", why)])
  }

  private static func fill(
    _ one: inout Case, _ kind: Case.Kind, type: String, _ message: String, _ text: String
  ) {
    one.kind = kind
    one.body = XMLText()
    one.body?.text(
      kind == .failure ? "failure" : "error", text, [("message", message), ("type", type)])
  }

  private struct Counts {
    var tests = 0
    var failures = 0
    var errors = 0
    var skipped = 0

    init() {}

    init(_ cases: [Case]) {
      tests = cases.count
      failures = cases.count { $0.kind == .failure }
      errors = cases.count { $0.kind == .error }
      skipped = cases.count { $0.kind == .skipped }
    }

    mutating func add(_ other: Counts) {
      tests += other.tests
      failures += other.failures
      errors += other.errors
      skipped += other.skipped
    }

    var attributes: [(String, String)] {
      [
        ("tests", "\(tests)"), ("failures", "\(failures)"), ("errors", "\(errors)"),
        ("skipped", "\(skipped)"),
      ]
    }
  }
}

extension ScriptResult.CheckSite {
  /// `check(v < 1, "too high")`, with its place.
  fileprivate var name: String { "\(source):\(line)" + (text.isEmpty ? "" : ": \(text)") }
}

extension Duration {
  /// Plain seconds, never with an exponent.
  fileprivate var xmlSeconds: String {
    let milliseconds = Int((inSeconds * 1000).rounded())
    let rest = milliseconds % 1000
    return "\(milliseconds / 1000)." + (rest < 10 ? "00" : rest < 100 ? "0" : "") + "\(rest)"
  }
}
