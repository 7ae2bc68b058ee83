import ArgumentParser
import Notebooks

/// `moontide export nb.lua nb.ipynb`
struct Export: ParsableCommand, ProgramCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes a notebook file as a Jupyter notebook (nbformat 4.5).",
    discussion: """
      Text cells stay as they are, byte for byte. With --record, what the cells showed when they ran goes along, plots \
      as images.

      Examples:
        moontide export heart.lua heart.ipynb
        moontide export --record heart.run.jsonl heart.lua heart.ipynb
      """)

  @Option(
    help: ArgumentHelp("The record of a run, for the outputs.", valueName: "file"),
    completion: .file(extensions: ["jsonl"]))
  var record: String?

  @Flag(help: "Replaces a file that exists.")
  var overwrite = false

  @Argument(help: "The notebook file; - is standard input.", completion: .file(extensions: ["lua"]))
  var notebook: String

  @Argument(help: "The Jupyter notebook.", completion: .file(extensions: ["ipynb"]))
  var output: String

  func run() -> Int32 {
    do throws(CommandFailure) {
      let file = NotebookFile(NotebookFile.source(try CommandFailure.reading(notebook)))
      var outputs: [Int: JupyterNotebook.CellOutputs] = [:]
      if let record {
        guard let run = RecordedRun.runs(in: try CommandFailure.reading(record)).first else {
          throw CommandFailure(ExitCode.syntax, "\(record) is no record of a run")
        }
        guard ReportOutline.matches(run, file) else {
          throw CommandFailure(
            ExitCode.syntax,
            "\(record) is not of this \(notebook): it has changed since, or is another script")
        }
        outputs = ReportOutline.outputs(run, of: file)
      }
      try CommandFailure.writing(
        JupyterNotebook.encode(file, outputs: outputs), to: output, overwriting: overwrite)
      return ExitCode.success
    } catch {
      return error.report()
    }
  }
}
