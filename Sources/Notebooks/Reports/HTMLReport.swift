/// Runs as one page that needs nothing else: style and plots inside, no script, and a policy that forbids any.
package struct HTMLReport {
  package private(set) var text = ""

  /// - Parameter notebooks: for each run, if known, what it ran.
  package init(_ runs: [RecordedRun], notebooks: [NotebookFile?] = []) {
    let title =
      runs.count == 1
      ? "\(runs[0].script): \(ReportText.ending(runs[0]))" : ReportText.counted(runs.count, "run")
    text = """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <title>\(Self.escaped(title))</title>
      <style>
      \(Self.style)
      </style>
      </head>
      <body>
      <main>

      """
    if runs.count > 1 { writeOverview(runs) }
    for (index, run) in runs.enumerated() {
      write(run, id: "run-\(index + 1)", notebook: index < notebooks.count ? notebooks[index] : nil)
    }
    text += "</main>\n</body>\n</html>\n"
  }

  private mutating func line(_ line: String) { text += line + "\n" }

  private mutating func writeOverview(_ runs: [RecordedRun]) {
    let failed = runs.count { !ReportText.isGood($0) }
    line("<h1>\(ReportText.counted(runs.count, "run")), \(failed) failed</h1>")
    line(
      "<table class=\"runs\"><thead><tr><th>script<th>result<th>took<th>samples<th>gaps</tr></thead><tbody>")
    for (index, run) in runs.enumerated() {
      func value(_ name: String) -> String {
        run.statistics.first { $0.name == name }.map { ReportText.count($0.value) } ?? ""
      }
      line(
        "<tr><td><a href=\"#run-\(index + 1)\">\(Self.escaped(run.script))</a><td>\(badge(run))"
          + "<td>\(run.wall.map(ReportText.seconds) ?? "")<td>\(value("samples"))<td>\(value("gaps"))</tr>")
    }
    line("</tbody></table>")
  }

  private func badge(_ run: RecordedRun) -> String {
    "<span class=\"badge \(ReportText.isGood(run) ? "good" : "bad")\">\(Self.escaped(ReportText.ending(run)))</span>"
  }

  private mutating func write(_ run: RecordedRun, id: String, notebook: NotebookFile?) {
    line("<article id=\"\(id)\">")
    line("<header><h1>\(Self.escaped(run.script)) \(badge(run))</h1><dl>")
    for fact in ReportText.facts(run) {
      let style = fact.value.count > 40 ? " class=\"wide\"" : ""
      line("<div\(style)><dt>\(fact.name)<dd>\(Self.escaped(fact.value))</div>")
    }
    line("</dl></header>")
    for item in run.preamble { write(item) }
    for part in ReportOutline.parts(run, notebook: notebook) {
      switch part {
      case .text(let markdown): line("<div class=\"text\">\(MarkdownPage.html(markdown))</div>")
      case .cell(let cell): write(cell)
      case .notRun(let title, let source):
        line(
          "<section class=\"idle\"><h2><span class=\"number\">[ ]</span> \(Self.escaped(title)) <small>not run</small></h2>"
        )
        line("<pre class=\"code\">\(Self.highlighted(source))</pre></section>")
      }
    }
    line("</article>")
  }

  private mutating func write(_ cell: RecordedRun.Cell) {
    let hasFailed = cell.items.contains { if case .error = $0 { true } else { false } }
    line("<section\(hasFailed ? " class=\"failed\"" : "")>")
    line("<h2><span class=\"number\">[\(cell.number)]</span> \(Self.escaped(cell.title))</h2>")
    line("<pre class=\"code\">\(Self.highlighted(cell.source))</pre>")
    for item in cell.items { write(item) }
    let footer = ReportText.footer(cell)
    if !footer.isEmpty { line("<footer>\(Self.escaped(footer))</footer>") }
    line("</section>")
  }

  private mutating func write(_ item: RecordedRun.Item) {
    switch item {
    case .output(let text, let isError, let task):
      let who = task.map { "<b class=\"task\">\(Self.escaped($0))</b>" } ?? ""
      block(text, "output\(isError ? " stderr" : "")", before: who)
    case .echo(let text): block(text, "echo")
    case .note(let text): line("<p class=\"note\">\(Self.escaped(ReportText.plain(text)))</p>")
    case .error(let failure): block(failure.text, "error")
    case .check(let passed, let message, let place):
      guard !passed else { break }
      let line = place.map { "line \($0): " } ?? ""
      self.line("<p class=\"check\">check failed, \(line)\(Self.escaped(ReportText.plain(message)))</p>")
    case .plot(let still):
      let title = Self.escaped(still.title.isEmpty ? "plot" : still.title)
      var picture = "<img src=\"\(Self.dataAddress(still.svg))\" alt=\"\(title)\">"
      if let dark = still.darkSVG {
        picture =
          "<picture><source media=\"(prefers-color-scheme: dark)\" srcset=\"\(Self.dataAddress(dark))\">\(picture)</picture>"
      }
      line("<figure>\(picture)</figure>")
    }
  }

  /// Long ones are folded; the page has no script to do it later.
  private mutating func block(_ text: String, _ style: String, before: String = "") {
    var text = ReportText.plain(text)
    while text.hasSuffix("\n") { text.removeLast() }
    let lines = ReportText.lines(text)
    let pre = "<pre class=\"\(style)\">\(before)\(Self.escaped(text))</pre>"
    line(lines > 60 ? "<details><summary>\(lines) lines</summary>\(pre)</details>" : pre)
  }

  // MARK: Text

  package static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "&": result += "&amp;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\0": result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// As an image it can do nothing but be looked at.
  private static func dataAddress(_ svg: String) -> String {
    var result = "data:image/svg+xml;base64,"
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var rest = Array(svg.utf8)[...]
    var encoded: [UInt8] = []
    encoded.reserveCapacity(rest.count * 4 / 3 + 4)
    while !rest.isEmpty {
      let three = rest.prefix(3)
      rest = rest.dropFirst(3)
      let bits = three.reduce(0) { $0 << 8 | UInt32($1) } << (8 * UInt32(3 - three.count))
      for place in 0..<4 {
        encoded.append(
          place <= three.count ? digits[Int(bits >> (18 - 6 * UInt32(place)) & 63)] : UInt8(ascii: "="))
      }
    }
    result += String(decoding: encoded, as: UTF8.self)
    return result
  }

  /// Lua with its words marked: `k` keywords, `s` strings, `n` numbers, `c` comments.
  package static func highlighted(_ source: String) -> String {
    var bytes = Array(ReportText.plain(source).utf8)
    while bytes.last?.isLineEnd ?? false { bytes.removeLast() }
    var result = ""
    var position = 0
    for token in LuaLexer.tokens(bytes, trivia: true) {
      result += escaped(String(decoding: bytes[position..<token.range.lowerBound], as: UTF8.self))
      let text = escaped(token.text(in: bytes))
      let style: String? =
        switch token.kind {
        case .keyword: "k"
        case .string, .unfinishedString, .unfinishedLongString: "s"
        case .number, .malformedNumber: "n"
        case .comment, .shebang, .unfinishedComment: "c"
        default: nil
        }
      result += style.map { "<i class=\"\($0)\">\(text)</i>" } ?? text
      position = token.range.upperBound
    }
    return result + escaped(String(decoding: bytes[position...], as: UTF8.self))
  }
}
