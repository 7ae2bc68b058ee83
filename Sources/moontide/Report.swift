import ArgumentParser
import Notebooks

/// `moontide report name.run.jsonl … -o out.html`
struct Report: ParsableCommand, ProgramCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turns records of runs into a Markdown or HTML report with cells, output, errors and plots.",
    discussion: """
      `moontide run --records` leaves a record, name.run.jsonl, beside each script. The HTML page needs no other file \
      and runs no script; Markdown has its plots in a folder beside it. Records that break off are reported up to there.

      Examples:
        moontide run --records heart.lua
        moontide report heart.run.jsonl -o heart.html
        moontide report --notebook heart.lua heart.run.jsonl -o heart.md
      """)

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Where to: .md or .html. Without it Markdown goes to standard output.", valueName: "file"))
  var output: String?

  @Option(
    help: ArgumentHelp(
      "The script of the run: its text cells are shown, too, and what was not reached.", valueName: "script"),
    completion: .file(extensions: ["lua"]))
  var notebook: String?

  @Flag(help: "Replaces files that exist.")
  var overwrite = false

  @Argument(
    help: "Records: name.run.jsonl, or what `run --json` printed; - is standard input.",
    completion: .file(extensions: ["jsonl"]))
  var records: [String]

  private enum Format { case markdown, html }

  private var format: Format? {
    guard let output else { return .markdown }
    if [".md", ".markdown"].contains(where: output.lowercased().hasSuffix) { return .markdown }
    return [".html", ".htm"].contains(where: output.lowercased().hasSuffix) ? .html : nil
  }

  func validate() throws {
    if format == nil { throw ValidationError("a report is written as .md or .html, not as \(output ?? "")") }
    if notebook != nil, records.count > 1 { throw ValidationError("--notebook goes with one record") }
  }

  func run() -> Int32 {
    do throws(CommandFailure) {
      var runs: [RecordedRun] = []
      for path in records {
        let found = RecordedRun.runs(in: try CommandFailure.reading(path))
        if found.isEmpty { throw CommandFailure(ExitCode.syntax, "\(path) is no record of a run") }
        runs += found
      }
      var file: NotebookFile?
      if let notebook {
        let read = NotebookFile(try CommandFailure.reading(notebook))
        file = read
        if !ReportOutline.matches(runs[0], read) {
          throw CommandFailure(
            ExitCode.syntax, "\(notebook) is not what was run: it has changed since, or is another script")
        }
      }
      try write(runs, notebooks: [file])
      return ExitCode.success
    } catch {
      return error.report()
    }
  }

  private func write(_ runs: [RecordedRun], notebooks: [NotebookFile?]) throws(CommandFailure) {
    guard let output else {
      StandardOutput.print(MarkdownReport(runs, notebooks: notebooks, folder: nil).text, terminator: "")
      return
    }
    if format == .html {
      return try CommandFailure.writing(
        Array(HTMLReport(runs, notebooks: notebooks).text.utf8), to: output, overwriting: overwrite)
    }
    let slash = output.lastIndex(of: "/").map(output.index(after:)) ?? output.startIndex
    let name = output[slash...]
    let stem = name.lastIndex(of: ".").map { name[..<$0] } ?? name
    let report = MarkdownReport(runs, notebooks: notebooks, folder: "\(stem)_files")
    let base = String(output[..<slash])
    try CommandFailure.writing(Array(report.text.utf8), to: output, overwriting: overwrite)
    if !report.files.isEmpty {
      do throws(NewFile.Failure) { try NewFile.makeFolder(base + "\(stem)_files") } catch {
        throw CommandFailure(ExitCode.cannotCreate, error.reason)
      }
    }
    for file in report.files {
      try CommandFailure.writing(file.bytes, to: base + file.path, overwriting: overwrite)
    }
  }
}
