/// Runs as Markdown. Plots are files of their own, which the text names.
package struct MarkdownReport {
  package struct File: Equatable, Sendable {
    /// Beside the text.
    package let path: String
    package let bytes: [UInt8]
  }

  package private(set) var text = ""
  package private(set) var files: [File] = []

  /// nil where plots cannot be kept: the text says so.
  private let folder: String?

  /// - Parameters:
  ///   - folder: where the plots' files are, as seen from the text: `run_files`.
  ///   - notebook: for each run, if known, what it ran.
  package init(_ runs: [RecordedRun], notebooks: [NotebookFile?] = [], folder: String?) {
    self.folder = folder
    if runs.count > 1 { writeOverview(runs) }
    for (index, run) in runs.enumerated() {
      write(run, notebook: index < notebooks.count ? notebooks[index] : nil)
    }
    while text.hasSuffix("\n\n") { text.removeLast() }
  }

  private mutating func line(_ line: String = "") { text += line + "\n" }

  private mutating func writeOverview(_ runs: [RecordedRun]) {
    let failed = runs.count { !ReportText.isGood($0) }
    line("# \(ReportText.counted(runs.count, "run")), \(failed) failed\n")
    line("| script | result | took | samples | gaps |")
    line("| --- | --- | --- | --- | --- |")
    for run in runs {
      func value(_ name: String) -> String {
        run.statistics.first { $0.name == name }.map { ReportText.count($0.value) } ?? ""
      }
      let row = [
        Self.escaped(run.script), ReportText.ending(run), run.wall.map(ReportText.seconds) ?? "",
        value("samples"),
        value("gaps"),
      ]
      line("| " + row.joined(separator: " | ") + " |")
    }
    line()
  }

  private mutating func write(_ run: RecordedRun, notebook: NotebookFile?) {
    line("# \(Self.escaped(run.script)): \(ReportText.ending(run))\n")
    line("| | |")
    line("| --- | --- |")
    for fact in ReportText.facts(run) { line("| \(fact.name) | \(Self.escaped(fact.value)) |") }
    line()
    for item in run.preamble { write(item) }
    for part in ReportOutline.parts(run, notebook: notebook) {
      switch part {
      case .text(let markdown): line(markdown + "\n")
      case .cell(let cell): write(cell)
      case .notRun(let title, let source):
        line("## \(title.isEmpty ? "" : Self.escaped(title) + " ")(not run)\n")
        fence(source, "lua")
      }
    }
  }

  private mutating func write(_ cell: RecordedRun.Cell) {
    let hasFailed = cell.items.contains { if case .error = $0 { true } else { false } }
    line("## [\(cell.number)] \(Self.escaped(cell.title))\(hasFailed ? " (failed)" : "")\n")
    fence(cell.source, "lua")
    for item in cell.items { write(item) }
    let footer = ReportText.footer(cell)
    if !footer.isEmpty { line("*\(Self.escaped(footer))*\n") }
  }

  private mutating func write(_ item: RecordedRun.Item) {
    switch item {
    case .output(let text, let isError, let task):
      let who = [isError ? "standard error" : nil, task.map { "task \($0)" }].compactMap { $0 }
      if !who.isEmpty { line(Self.escaped(who.joined(separator: ", ")) + ":\n") }
      fence(text, "text")
    case .echo(let text): fence("= " + text, "text")
    case .note(let text):
      line("> " + Self.escaped(ReportText.plain(text)).replacing("\n", with: "\n> ") + "\n")
    case .error(let failure):
      line("**Error:**\n")
      fence(failure.text, "text")
    case .check(let passed, let message, let place):
      guard !passed else { break }
      let line = place.map { "line \($0): " } ?? ""
      self.line("- **check failed**, \(line)\(Self.escaped(ReportText.plain(message)))\n")
    case .plot(let still):
      let title = Self.escaped(still.title.isEmpty ? "plot" : still.title)
      guard let folder else { return line("*(\(title): a plot, kept with -o)*\n") }
      let path = "\(folder)/plot-\(files.count + 1).svg"
      files.append(File(path: path, bytes: Array(still.svg.utf8)))
      line("![\(title)](\(Self.address(path)))\n")
    }
  }

  /// A block whose fence is longer than any in it.
  private mutating func fence(_ block: String, _ language: String) {
    var block = ReportText.plain(block)
    while block.hasSuffix("\n") { block.removeLast() }
    var longest = 2
    var run = 0
    for character in block {
      run = character == "`" ? run + 1 : 0
      longest = max(longest, run)
    }
    let fence = String(repeating: "`", count: longest + 1)
    line("\(fence)\(language)\n\(block)\n\(fence)\n")
  }

  /// Says just this: no emphasis, links, tables or HTML.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\", "`", "*", "_", "[", "]", "#", "|", "~", "!": result += "\\\(scalar)"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "&": result += "&amp;"
      case "\n": result += " "
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static func address(_ path: String) -> String {
    var result = ""
    for byte in path.utf8 {
      let isPlain = byte.isNamePart || "-./~".utf8.contains(byte) || byte >= 0x80
      result += isPlain ? "" : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      if isPlain { result.unicodeScalars.append(Unicode.Scalar(byte)) }
    }
    return result
  }
}
