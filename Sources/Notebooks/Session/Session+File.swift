package import Lua

extension Session {
  /// What became of a file: an outcome for each cell that ran.
  package struct FileOutcome {
    package internal(set) var outcomes: [Outcome] = []
    /// The first error; a parameter that nobody takes is one, too.
    package internal(set) var error: CellError?
    /// `os.exit` ended the file.
    package internal(set) var exitCode: Int32?
  }

  /// Runs the code cells of a file in order, as if they were typed.
  ///
  /// - Parameters:
  ///   - name: in errors: `name:12`.
  ///   - parameters: globals that are set after the cell tagged `parameters`. A name that is not a global by then
  ///     is an error with the code `parameter`, and so is any when no cell has the tag.
  ///   - arguments: what `...` is in every cell.
  ///   - keepGoing: on after an error, but not after an interrupt.
  ///   - isAll: nothing runs behind the file, so the locals of its last cell stay locals: a script without cell
  ///     marks is a chunk as Lua has it, and as fast.
  package func run(
    _ file: NotebookFile, name: String, parameters: [Parameter] = [], arguments: [LuaValue] = [],
    keepGoing: Bool = false, isAll: Bool = false
  ) -> FileOutcome {
    addSource(file.bytes, name: name)
    var result = FileOutcome()
    if let first = parameters.first, !file.cells.contains(where: \.isParameters) {
      return refuse(
        first.name, "`\(name)` takes no parameters", hint: "tag a cell: -- %% tags=[\"parameters\"]", &result)
    }
    var isTaken = false
    let last = isAll ? file.cells.lastIndex(where: \.isCode) : nil
    for (index, cell) in file.cells.enumerated() where cell.isCode {
      let before = cell.isParameters && !isTaken ? Set(globalNames) : []
      let outcome = run(
        Cell(cell.body, origin: .file(name: name, firstLine: cell.firstLine), title: cell.marker.title),
        arguments: arguments, isLast: index == last && !cell.isParameters)
      switch outcome.result {
      case .empty, .incomplete: break
      case .exit(let code):
        result.outcomes.append(outcome)
        result.exitCode = code
        return result
      case .failed(let error):
        result.outcomes.append(outcome)
        result.error = result.error ?? error
        if !keepGoing || error.isInterrupt { return result }
      case .values: result.outcomes.append(outcome)
      }
      if cell.isParameters, !isTaken {
        isTaken = true
        for parameter in parameters {
          guard !state.global(parameter.name).isNil else {
            let meant = Suggestion.nearest(
              to: parameter.name, among: globalNames.filter { !before.contains($0) })
            return refuse(
              parameter.name, "`\(name)` has no parameter `\(parameter.name)`",
              hint: meant.map { "did you mean `\($0)`?" }, &result)
          }
          state.setGlobal(parameter.name, parameter.value)
        }
      }
    }
    return result
  }

  private func refuse(
    _ parameter: String, _ message: String, hint: String?, _ result: inout FileOutcome
  ) -> FileOutcome {
    let error = describe(LuaError("parameter", message, hint: hint))
    display.error(error)
    result.error = result.error ?? error
    return result
  }
}
