import ArgumentParser
import Notebooks

/// `moontide import nb.ipynb nb.lua`
struct Import: ParsableCommand, ProgramCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes a Jupyter notebook as a notebook file: Lua with cells in percent format.",
    discussion: """
      Text and code stay as they are; outputs are left out. jupytext reads the result.

      Example:
        moontide import heart.ipynb heart.lua
      """)

  @Flag(help: "Replaces a file that exists.")
  var overwrite = false

  @Argument(help: "The Jupyter notebook; - is standard input.", completion: .file(extensions: ["ipynb"]))
  var notebook: String

  @Argument(help: "The notebook file.", completion: .file(extensions: ["lua"]))
  var output: String

  func run() -> Int32 {
    do throws(CommandFailure) {
      let bytes = try CommandFailure.reading(notebook)
      let file: NotebookFile
      do throws(JupyterNotebook.ReadError) {
        file = try JupyterNotebook.decode(bytes)
      } catch {
        throw CommandFailure(ExitCode.syntax, "\(notebook) is no notebook: \(error.reason)")
      }
      try CommandFailure.writing(file.bytes, to: output, overwriting: overwrite)
      return ExitCode.success
    } catch {
      return error.report()
    }
  }
}
